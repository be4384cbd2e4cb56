// log.go: what the operator reads. No line holds a code, a token, a session key
// or a secret; texts from outside are fields, never part of a message.

package observe

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Log writes an operator's lines and counts what they tell of.
type Log struct {
	Logger  *zap.Logger
	Metrics *Metrics
}

// Login counts a login and writes its one line. What the operator must mend is an
// error; what WeChat or the store cannot do now is a warning; a client's bad
// code is neither.
func (l *Log) Login(appid string, s *session.Session, took time.Duration, err error) {
	fields := []zap.Field{zap.String("appid", appid), zap.Duration("duration", took)}
	if err == nil {
		l.Metrics.Logins.WithLabelValues(appid, "ok").Inc()
		l.Logger.Info("login", append(fields, zap.String("result", "ok"),
			zap.String("openid", s.OpenID), zap.String("session_id", s.ID))...)
		return
	}
	p := problem.Classify(err)
	l.Metrics.Logins.WithLabelValues(appid, p.Reason).Inc()
	fields = append(fields, zap.String("result", p.Reason), zap.Int("status", p.Status))
	l.Logger.Log(levelOf(p), "login", append(fields, errorFields(err)...)...)
}

// Call writes the line of another call to WeChat that failed.
func (l *Log) Call(what, appid string, err error) {
	p := problem.Classify(err)
	l.Logger.Log(levelOf(p), what, append([]zap.Field{
		zap.String("appid", appid), zap.String("result", p.Reason), zap.Int("status", p.Status),
	}, errorFields(err)...)...)
}

// levelOf is how loud a failure is: what the operator must mend, what WeChat or
// the store cannot do now, what a client did.
func levelOf(p problem.Problem) zapcore.Level {
	switch {
	case p.Reason == "login_rate":
		return zapcore.DebugLevel // a flood of lines would be part of the flood
	case p.Status == http.StatusBadGateway:
		return zapcore.ErrorLevel
	case p.Status >= 500:
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}

// Logout writes the line of a logout.
func (l *Log) Logout(c *gate.Caller) {
	l.Logger.Info("logout", zap.String("appid", c.AppID), zap.String("openid", c.OpenID), zap.String("session_id", c.ID))
}

// Revocation notes what an operator ended: who was it is asked later.
func (l *Log) Revocation(what, name string, ended int) {
	l.Logger.Info("revoked by an operator", zap.String("what", what), zap.String("name", name), zap.Int("ended", ended))
}

// Refusal tells, at debug, why a request was turned away; a store that does
// not answer is an error of its own.
func (l *Log) Refusal(r *http.Request, where string, p problem.Problem, err error) {
	level := zapcore.DebugLevel
	if p.Reason == "store_error" || p.Reason == "store_full" || p.Reason == "not_signed" {
		level = zapcore.ErrorLevel
	}
	if entry := l.Logger.Check(level, "refused"); entry != nil {
		entry.Write(append([]zap.Field{
			zap.String("by", where), zap.String("result", p.Reason), zap.Int("status", p.Status),
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
