// admin.go: what an operator asks of a running gateway, under Caddy's admin
// endpoint. No answer holds a token, a session key or a signing key.

package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() { caddy.RegisterModule(adminAPI{}) }

// adminTimeout bounds what an operator's question may cost.
const adminTimeout = 5 * time.Second

// adminAPI serves /wechat/ of the admin endpoint.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.wechat",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Routes returns the routes of the admin endpoint.
func (adminAPI) Routes() []caddy.AdminRoute {
	route := func(pattern string, methods map[string]adminCall) caddy.AdminRoute {
		return caddy.AdminRoute{Pattern: pattern, Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			return answerAdmin(w, serveAdmin(w, r, pattern, methods))
		})}
	}
	return []caddy.AdminRoute{
		route("/wechat/sessions", map[string]adminCall{http.MethodGet: adminListSessions}),
		route("/wechat/sessions/", map[string]adminCall{http.MethodGet: adminShowSession, http.MethodDelete: adminEndSession}),
		route("/wechat/users/", map[string]adminCall{http.MethodDelete: adminEndUser}),
		route("/wechat/keys", map[string]adminCall{http.MethodGet: adminListKeys}),
		route("/wechat/keys/rotate", map[string]adminCall{http.MethodPost: adminRotateKeys}),
		route("/wechat/keys/", map[string]adminCall{http.MethodDelete: adminRevokeKey}),
		route("/wechat/doctor", map[string]adminCall{http.MethodGet: adminDoctor}),
		route("/wechat/health", map[string]adminCall{http.MethodGet: adminHealth}),
	}
}

// adminCall answers one call; rest is the path below the route's pattern.
type adminCall func(ctx context.Context, e *engine.Engine, w http.ResponseWriter, r *http.Request, rest string) error

func serveAdmin(w http.ResponseWriter, r *http.Request, pattern string, methods map[string]adminCall) error {
	call, ok := methods[r.Method]
	if !ok {
		allowed := make([]string, 0, len(methods))
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			if methods[method] != nil {
				allowed = append(allowed, method)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return adminError(http.StatusMethodNotAllowed, "this takes %s", strings.Join(allowed, " or "))
	}
	running := caddy.ActiveContext()
	if running.Context == nil {
		// the admin endpoint opens before the first configuration runs; a script
		// that revokes must not take that for "there is none"
		w.Header().Set("Retry-After", "1")
		return adminError(http.StatusServiceUnavailable, "no configuration is running yet")
	}
	active, err := running.AppIfConfigured("wechat")
	if err != nil {
		return adminError(http.StatusNotFound, "the running configuration has no app wechat")
	}
	ctx, cancel := context.WithTimeout(r.Context(), adminTimeout)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	return call(ctx, active.(*App).engine, w, r, strings.TrimPrefix(r.URL.Path, pattern))
}

func adminJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// adminKnows refuses an app that is not configured: a revocation that names another by
// a slip must not look as if it had been done.
func adminKnows(e *engine.Engine, appid string) error {
	if e.Apps.Find(appid) != nil {
		return nil
	}
	var appids []string
	for _, app := range e.Apps {
		appids = append(appids, app.AppID)
	}
	return adminError(http.StatusNotFound, "this app is not configured here: there are %s", strings.Join(appids, ", "))
}

// adminSession is a session as an operator sees it.
type adminSession struct {
	ID        string `json:"id"`
	AppID     string `json:"appid"`
	OpenID    string `json:"openid"`
	UnionID   string `json:"unionid,omitempty"`
	IssuedAt  int64  `json:"issued_at"`
	ExpiresAt int64  `json:"expires_at"`
}

func newAdminSession(s *session.Session) adminSession {
	return adminSession{
		ID: s.ID, AppID: s.AppID, OpenID: s.OpenID, UnionID: s.UnionID,
		IssuedAt: s.IssuedAt.Unix(), ExpiresAt: s.ExpiresAt.Unix(),
	}
}

// adminListSessions lists the sessions of one user; a list of everybody would
// be a scan of the store, and nobody's business.
func adminListSessions(ctx context.Context, e *engine.Engine, w http.ResponseWriter, r *http.Request, _ string) error {
	appid, openid := r.URL.Query().Get("appid"), r.URL.Query().Get("openid")
	if appid == "" || openid == "" {
		return adminError(http.StatusBadRequest, "both appid and openid are required")
	}
	if err := adminKnows(e, appid); err != nil {
		return err
	}
	list, err := e.Sessions.List(ctx, appid, openid)
	if err != nil {
		return adminStoreError(err)
	}
	answer := struct {
		Sessions []adminSession `json:"sessions"`
	}{Sessions: make([]adminSession, 0, len(list))}
	for _, s := range list {
		answer.Sessions = append(answer.Sessions, newAdminSession(s))
	}
	return adminJSON(w, answer)
}

func adminShowSession(ctx context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, id string) error {
	h, err := e.Sessions.Get(ctx, id)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return adminError(http.StatusNotFound, "there is no such session")
	case err != nil:
		return adminStoreError(err)
	}
	return adminJSON(w, newAdminSession(h.Session))
}

// adminEndSession succeeds for a session that is gone, and so for one that
// never was: afterwards there is none, which is what was asked for.
func adminEndSession(ctx context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, id string) error {
	if id == "" || strings.Contains(id, "/") {
		return adminError(http.StatusBadRequest, "the path is /wechat/sessions/<session id>")
	}
	if session.ValidID(id) {
		ended := 1
		if _, err := e.Sessions.Get(ctx, id); errors.Is(err, session.ErrNotFound) {
			ended = 0
		}
		if err := e.Sessions.End(ctx, id); err != nil {
			return adminStoreError(err)
		}
		e.Log.Revocation("session", id, ended)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func adminEndUser(ctx context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, rest string) error {
	appid, openid, ok := strings.Cut(rest, "/")
	if !ok || appid == "" || openid == "" || strings.Contains(openid, "/") {
		return adminError(http.StatusBadRequest, "the path is /wechat/users/<appid>/<openid>")
	}
	if err := adminKnows(e, appid); err != nil {
		return err
	}
	ended, err := e.Sessions.EndUser(ctx, appid, openid)
	if err != nil {
		return adminStoreError(err)
	}
	e.Log.Revocation("user", appid+"/"+openid, ended)
	return adminJSON(w, map[string]int{"ended": ended})
}

// adminHealth tells whether logins can succeed: see [engine.Engine.Health].
func adminHealth(ctx context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, _ string) error {
	health := e.Health(ctx)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !health.OK() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, err := io.WriteString(w, health.String())
	return err
}

var _ caddy.AdminRouter = adminAPI{}
