// log.go: what the operator reads. No line holds a code, a token, a session key
// or a secret; texts from outside are fields, never part of a message.

package caddymodule

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// logLogin counts a login and writes its one line. What the operator must mend is an
// error; what WeChat or the store cannot do now is a warning; a client's bad
// code is neither.
func (a *App) logLogin(appid string, s *session.Session, took time.Duration, err error) {
	fields := []zap.Field{zap.String("appid", appid), zap.Duration("duration", took)}
	if err == nil {
		a.metrics.logins.WithLabelValues(appid, "ok").Inc()
		a.logger.Info("login", append(fields, zap.String("result", "ok"),
			zap.String("openid", s.OpenID), zap.String("session_id", s.ID))...)
		return
	}
	p := classify(err)
	a.metrics.logins.WithLabelValues(appid, p.reason).Inc()
	fields = append(fields, zap.String("result", p.reason), zap.Int("status", p.status))
	a.logger.Log(levelOf(p), "login", append(fields, errorFields(err)...)...)
}

// logCall writes the line of another call to WeChat that failed.
func (a *App) logCall(what, appid string, err error) {
	p := classify(err)
	a.logger.Log(levelOf(p), what, append([]zap.Field{
		zap.String("appid", appid), zap.String("result", p.reason), zap.Int("status", p.status),
	}, errorFields(err)...)...)
}

// levelOf is how loud a failure is: what the operator must mend, what WeChat or
// the store cannot do now, what a client did.
func levelOf(p problem) zapcore.Level {
	switch {
	case p.reason == "login_rate":
		return zapcore.DebugLevel // a flood of lines would be part of the flood
	case p.status == http.StatusBadGateway:
		return zapcore.ErrorLevel
	case p.status >= 500:
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}

func (a *App) logLogout(c *caller) {
	a.logger.Info("logout", zap.String("appid", c.AppID), zap.String("openid", c.OpenID), zap.String("session_id", c.ID))
}

// logRevocation notes what an operator ended: who was it is asked later.
func (a *App) logRevocation(what, name string, ended int) {
	a.logger.Info("revoked by an operator", zap.String("what", what), zap.String("name", name), zap.Int("ended", ended))
}

// logRefusal tells, at debug, why a request was turned away; a store that does
// not answer, or holds what we did not write, is an error of its own.
func (a *App) logRefusal(r *http.Request, where string, p problem, err error) {
	level := zapcore.DebugLevel
	if p.reason == "store_error" || p.reason == "store_full" || errors.Is(err, session.ErrForged) {
		level = zapcore.ErrorLevel
	}
	if entry := a.logger.Check(level, "refused"); entry != nil {
		entry.Write(append([]zap.Field{
			zap.String("by", where), zap.String("result", p.reason), zap.Int("status", p.status),
			zap.String("host", r.Host), zap.String("method", r.Method), zap.String("path", r.URL.Path),
		}, errorFields(err)...)...)
	}
}

func errorFields(err error) []zap.Field {
	fields := []zap.Field{zap.Error(err)}
	var we *weixin.Error
	if errors.As(err, &we) {
		if we.Errcode != 0 {
			fields = append(fields, zap.Int("errcode", we.Errcode))
		}
		if we.RID != "" {
			fields = append(fields, zap.String("rid", we.RID))
		}
	}
	return fields
}
