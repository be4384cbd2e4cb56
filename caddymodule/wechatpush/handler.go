// handler.go: the way of a push through the directive.

// Package wechatpush is the directive `wechat_push`: it receives what WeChat pushes for
// an app, and hands it on in the clear.
package wechatpush

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/message"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler receives what WeChat pushes for an app (消息推送) and hands it to the next
// handler, a `reverse_proxy`, in the clear: with the same method and path, without
// WeChat's query parameters, the message as body, and these request headers:
//
// Header | Value
// -------|------
// `X-WeChat-Push` | the MsgType, such as `text`, or `event/` and the Event
// `X-WeChat-AppID` | the app's AppID
//
// A push whose signature, time or encryption does not hold reaches nobody. A message
// that the backend has accepted, with any 2xx, does not reach it again, on all nodes
// that share a store. An answer other than 2xx, or none within 4.5 s, has WeChat send
// the message again. An answer with a body goes back to WeChat as the reply, encrypted
// and signed where the message was.
//
// A user who cancels their WeChat account, or withdraws everything from the app, is
// logged out of it everywhere before the backend is told.
//
// A `wechat_auth` that follows lets a verified push through without a session. The
// directive needs the app `wechat`.
type Handler struct {
	// The AppID of the app, which has the option `push`. Default: the one that has it.
	AppID string `json:"app,omitempty"`

	app        *apps.App
	engine     *engine.Engine
	deliveries *message.Deliveries
	logger     *zap.Logger
	now        func() time.Time // a test's, or time.Now
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.wechat_push",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := wechat.Configured(ctx, "wechat_push")
	if err != nil {
		return err
	}
	h.logger, h.engine = ctx.Logger(), app.Engine()
	if h.app, err = app.PushApp(h.AppID); err != nil {
		return err
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.deliveries = &message.Deliveries{Shared: h.engine.Sessions.Messages(), Now: time.Now}
	if h.engine.Locks != nil {
		h.deliveries.Locks = h.engine.Locks
	}
	return wechat.CheckInvoked(ctx)
}

const (
	// patience is how long a message may take; WeChat waits 5 s.
	patience = 4500 * time.Millisecond

	// bodyTimeout bounds the reading of a push.
	bodyTimeout = 3 * time.Second

	// retryAfter is when WeChat, or a test, may send again.
	retryAfter = 5 * time.Second
)

// ServeHTTP verifies a push and hands it on. Every answer is its own: the backend's goes
// through it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request, next caddyhttp.Handler) error {
	r := gate.Scrub(req)
	if r.URL.RawQuery != "" {
		// A signature of a push in the clear covers no body: until its time is over, it would
		// let whoever reads the access log push. Lines of our own tell what came.
		caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return h.refuse(w, r, message.ErrForged)
	}
	switch r.Method {
	case http.MethodGet:
		return h.echo(w, r, query)
	case http.MethodPost:
		return h.receive(w, r, query, next)
	}
	return problem.Problem{
		Status: http.StatusMethodNotAllowed, Code: "invalid_request", Reason: "method",
		Description: "WeChat pushes by POST, and tries the address by GET", Allow: "GET, POST",
	}.Write(w)
}

// echo answers WeChat's console, which tries the address before it uses it.
func (h *Handler) echo(w http.ResponseWriter, r gate.Clean, query url.Values) error {
	text, err := h.app.Push.Echo(query, h.now())
	if err != nil {
		return h.refuse(w, r, err)
	}
	return answer(w, []byte(text), "text/plain; charset=utf-8")
}

func (h *Handler) receive(w http.ResponseWriter, r gate.Clean, query url.Values, next caddyhttp.Handler) error {
	// Not the request's own end: a delivery that has begun is not taken back when WeChat
	// hangs up, or the backend would accept, and be asked again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	body, err := readBody(w, r.Request)
	if err != nil {
		h.logger.Info("not read", zap.String("appid", h.app.AppID), zap.Any("client_ip", caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey)), zap.Error(err))
		return problem.Classify(err).Write(w)
	}
	m, err := h.app.Push.Open(query, r.Header.Get("Content-Type"), body, h.now())
	if err != nil {
		return h.refuse(w, r, err)
	}
	// before the backend is told, and not without it: a user who is gone must be nobody
	if appid, openid, ok := m.EndsUser(); ok && h.engine.Apps.Find(appid) != nil {
		ended, err := h.engine.Sessions.EndUser(ctx, appid, openid)
		if err != nil {
			return h.again(w, m, "ending the sessions of a user who is gone", err)
		}
		h.engine.Log.Revocation("user by "+m.Type(), appid+"/"+openid, ended)
	}
	var reply recorder
	outcome, err := h.deliveries.Deliver(ctx, h.app.AppID+" "+m.Key(), func(ctx context.Context) bool {
		reply = recorder{header: make(http.Header)}
		return h.deliver(ctx, &reply, r, m, query, next)
	})
	switch {
	case err != nil:
		return h.again(w, m, "delivering a message", err)
	case outcome == message.Rejected:
		return h.again(w, m, "the backend did not accept a message", nil)
	case outcome == message.Repeated:
		h.logger.Info("accepted before", zap.String("appid", h.app.AppID), zap.String("type", m.Type()))
		return answer(w, []byte(message.Success), "text/plain; charset=utf-8")
	}
	h.logger.Info("accepted", zap.String("appid", h.app.AppID), zap.String("type", m.Type()))
	text, contentType, err := m.Reply(reply.body, reply.header.Get("Content-Type"), h.now())
	if err != nil {
		// accepted all the same: sent again, the backend would act twice
		h.logger.Warn("the backend's reply to a push cannot be sent", zap.String("appid", h.app.AppID), zap.String("type", m.Type()), zap.Error(err))
		return answer(w, []byte(message.Success), "text/plain; charset=utf-8")
	}
	return answer(w, text, contentType)
}

// deliver hands the message to what follows, and reports whether that accepted it.
func (h *Handler) deliver(ctx context.Context, w *recorder, r gate.Clean, m *message.Message, query url.Values, next caddyhttp.Handler) (accepted bool) {
	// what a reverse proxy does when the backend's answer breaks off: it did not accept
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		} else if p != nil {
			accepted = false
		}
	}()
	push := &gate.Push{AppID: h.app.AppID, Type: m.Type()}
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		// a wechat_auth that follows lets this through
		repl.Map(func(key string) (any, bool) { return push, key == gate.CallerKey })
	}
	out := r.WithContext(ctx)
	out.Header = r.Header.Clone()
	clean := gate.Clean{Request: out}
	clean.IdentifyPush(push)
	for _, name := range [...]string{"Content-Encoding", "Transfer-Encoding", "Expect", "Authorization", "Cookie"} {
		delete(out.Header, name)
	}
	values := [...]string{m.ContentType, strconv.Itoa(len(m.Body))}
	out.Header["Content-Type"], out.Header["Content-Length"] = values[:1:1], values[1:2:2]
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(m.Body)), int64(len(m.Body)), nil

	u := *r.URL
	u.RawQuery = withoutWeChat(query)
	out.URL, out.RequestURI = &u, u.RequestURI()

	err := next.ServeHTTP(w, out)
	if err != nil {
		h.logger.Warn("handing a push to the backend", zap.String("appid", h.app.AppID), zap.String("type", m.Type()), zap.Error(err))
		return false
	}
	// an answer that came whole counts, however late: the backend has accepted
	return w.status/100 == 2 && !w.tooLarge
}

// withoutWeChat leaves a query without the parameters that WeChat adds.
func withoutWeChat(query url.Values) string {
	var rest url.Values // nearly always nothing
	for name, values := range query {
		switch name {
		case "signature", "timestamp", "nonce", "openid", "encrypt_type", "msg_signature", "echostr":
		default:
			if rest == nil {
				rest = make(url.Values)
			}
			rest[name] = values
		}
	}
	return rest.Encode()
}

// refuse is the one answer to all that is no push of WeChat to this app.
func (h *Handler) refuse(w http.ResponseWriter, r gate.Clean, err error) error {
	h.logger.Info("refused", zap.String("appid", h.app.AppID), zap.Any("client_ip", caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey)), zap.Error(err))
	return problem.Problem{
		Status: http.StatusForbidden, Code: "access_denied", Reason: "forged",
		Description: "this is not a push of WeChat to this app",
	}.Write(w)
}

// again has WeChat send the message again.
func (h *Handler) again(w http.ResponseWriter, m *message.Message, what string, err error) error {
	level := h.logger.Warn
	if errors.Is(err, message.ErrUnderway) {
		level = h.logger.Info
	}
	level(what, zap.String("appid", h.app.AppID), zap.String("type", m.Type()), zap.Error(err))
	return problem.Problem{
		Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Reason: "push", RetryAfter: retryAfter,
		Description: "the message was not accepted: send it again",
	}.Write(w)
}

func answer(w http.ResponseWriter, body []byte, contentType string) error {
	h, values := w.Header(), [...]string{"no-store", contentType, "nosniff", strconv.Itoa(len(body))}
	for i, name := range [...]string{"Cache-Control", "Content-Type", "X-Content-Type-Options", "Content-Length"} {
		h[name] = values[i : i+1 : i+1]
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // WeChat is gone: nobody is left to tell
	return nil
}

// Interface guards
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
