// problem.go: the one switch from an error to what the client is told.

// Package problem turns every error of the gateway into its answer, and into the
// reason that logs and metrics know it by. It shows nobody a cause: what a client
// may learn is in its words, and answers for different causes do not differ.
package problem

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Problem is a refusal as a client sees it. The JSON members are those of
// OAuth 2.0 (RFC 6749 section 5.2), and WeChat's own code where there is one.
type Problem struct {
	Status     int           `json:"-"`
	RetryAfter time.Duration `json:"-"` // 0 sends no Retry-After
	Challenge  string        `json:"-"` // WWW-Authenticate; empty sends none
	Allow      string        `json:"-"` // Allow; empty sends none
	Closes     bool          `json:"-"` // the rest of the request is not worth reading

	// Reason is the cause from a closed set, for logs and metrics only: the
	// answers for different causes must not differ
	Reason string `json:"-"`

	Code        string `json:"error"`
	Description string `json:"error_description"`
	Errcode     int    `json:"errcode,omitempty"`
}

// RequestError is a request that the gateway's own endpoints cannot read.
type RequestError struct {
	Status      int
	Code        string // empty is invalid_request
	Description string
	Allow       string // the Allow header
	Closes      bool   // the rest of the request is not worth reading
}

func (e *RequestError) Error() string { return e.Description }

// BadRequest is a RequestError with status 400.
func BadRequest(format string, args ...any) error {
	return &RequestError{Status: http.StatusBadRequest, Description: fmt.Sprintf(format, args...)}
}

// The challenges of RFC 6750 section 3: no error attribute when nothing was sent.
const (
	challengeNoToken  = `Bearer realm="wechat"`
	challengeBadToken = `Bearer realm="wechat", error="invalid_token", error_description="log in again"`
)

// storeRetryAfter is when a client may ask again after the store failed.
const storeRetryAfter = 2 * time.Second

// Classify maps every error of the gateway to its answer.
func Classify(err error) Problem {
	var re *RequestError
	var we *weixin.Error
	var limited *login.RateError
	switch {
	case errors.As(err, &re):
		return Problem{
			Status: re.Status, Code: cmp.Or(re.Code, "invalid_request"), Description: re.Description,
			Allow: re.Allow, Closes: re.Closes, Reason: "invalid_request",
		}

	case errors.Is(err, weblogin.ErrNoLogin):
		return badRequest("no_login", "this browser began no such login here in the last 10 minutes: log in again")
	case errors.Is(err, weblogin.ErrBadCallback):
		return badRequest("bad_callback", "this is not an answer of WeChat to a login that began here")
	case errors.Is(err, weblogin.ErrLoop):
		return badRequest("no_cookies", "this browser does not keep the session cookie: allow cookies, then log in again")
	case errors.Is(err, weblogin.ErrUnknownApp):
		return badRequest("invalid_request", "appid names no app of this site that logs in by redirect")
	case errors.Is(err, weblogin.ErrNeedsWeChat):
		return denied("needs_wechat", "open this page in WeChat: this site has no QR code login")
	case errors.Is(err, weblogin.ErrNeedsBrowser):
		return denied("needs_browser", "open this page in a browser outside WeChat: this site has no login inside WeChat")
	case errors.Is(err, login.ErrSomebodyElse):
		return denied("somebody_else", "another user is logged in here: log out first")
	case errors.Is(err, login.ErrBadTicket):
		return unauthorized(challengeBadToken, "bad_ticket", "the ticket is spent, too old or not for this site: ask for a new one")

	case errors.Is(err, gate.ErrNoToken):
		return unauthorized(challengeNoToken, "no_token", "log in (wx.login, in a mini program) and send the token as Authorization: Bearer")
	case errors.Is(err, gate.ErrNoScheme):
		return unauthorized(challengeBadToken, "bad_token", "the token has no scheme before it: send Authorization: Bearer <token>")
	case errors.Is(err, token.ErrInvalid):
		return unauthorized(challengeBadToken, "bad_token", logInAgain)
	case errors.Is(err, session.ErrNotFound):
		return unauthorized(challengeBadToken, "no_session", logInAgain)
	case errors.Is(err, gate.ErrOtherApp):
		return unauthorized(challengeBadToken, "other_app", logInAgain)
	case errors.Is(err, gate.ErrConflict):
		return unauthorized(challengeBadToken, "conflict", logInAgain)
	case errors.Is(err, gate.ErrOrigin):
		return denied("origin", "this request came from a page of another origin")

	case errors.As(err, &limited):
		return Problem{
			Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: max(limited.Wait, time.Second), Reason: "login_rate",
			Description: limited.Error() + ": try again later",
		}
	case errors.Is(err, login.ErrCodeSpent):
		return Problem{
			Status: http.StatusBadRequest, Code: "invalid_grant", Reason: "code_spent",
			Description: "the code was used before: get a new one (wx.login, in a mini program)",
		}
	case errors.Is(err, login.ErrSnapshot):
		return denied("snapshot", "this is a snapshot page: open the full page in WeChat (使用完整服务), then log in")
	case errors.Is(err, opendata.ErrInvalid):
		return Problem{
			Status: http.StatusBadRequest, Code: "invalid_data", Reason: "invalid_data",
			Description: "the data does not verify: call wx.login, log in, and get the data again, in this order",
		}
	case errors.As(err, &we):
		return weixinProblem(we)

	case errors.Is(err, session.ErrFull):
		return unavailable("store_full", "the session store is full", time.Minute)
	case errors.Is(err, gate.ErrNotSigned):
		return unavailable("not_signed", "the gateway could not sign its assertion", storeRetryAfter)
	case errors.Is(err, context.Canceled):
		return unavailable("canceled", "the request was given up", storeRetryAfter)
	default:
		return unavailable("store_error", "the session store cannot answer", storeRetryAfter)
	}
}

const logInAgain = "the token names no live session: log in again (wx.login, in a mini program)"

func unauthorized(challenge, reason, description string) Problem {
	return Problem{
		Status: http.StatusUnauthorized, Code: "invalid_token", Description: description,
		Challenge: challenge, Reason: reason,
	}
}

func badRequest(reason, description string) Problem {
	return Problem{Status: http.StatusBadRequest, Code: "invalid_request", Description: description, Reason: reason}
}

func denied(reason, description string) Problem {
	return Problem{Status: http.StatusForbidden, Code: "access_denied", Description: description, Reason: reason}
}

func unavailable(reason, description string, retryAfter time.Duration) Problem {
	return Problem{
		Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: description,
		RetryAfter: retryAfter, Reason: reason,
	}
}

// weixinProblem maps the answers of WeChat. The words are ours: errmsg is
// another system's text, and may name the operator's addresses.
func weixinProblem(e *weixin.Error) Problem {
	p := Problem{Errcode: e.Errcode, Reason: string(e.Kind), RetryAfter: e.RetryAfter()}
	again := "try again" // what gives the client another try
	switch e.Call {
	case weixin.CallCode2Session:
		again = "call wx.login again"
	case weixin.CallOAuthToken:
		again = "log in again"
	case weixin.CallPhoneNumber:
		again = "let the user tap the phone button again"
	}
	switch e.Kind {
	case weixin.KindBadCode:
		p.Status, p.Code = http.StatusBadRequest, "invalid_grant"
		p.Description = "WeChat does not accept the code: " + again
	case weixin.KindBlocked:
		p.Status, p.Code = http.StatusForbidden, "access_denied"
		p.Description = "WeChat refuses this user as high-risk"
	case weixin.KindRateLimited:
		p.Status, p.Code = http.StatusTooManyRequests, "rate_limited"
		p.Description = "WeChat's quota is used up: wait, then " + again
	case weixin.KindOverloaded:
		p.Status, p.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
		p.Description = "the gateway has too many calls to WeChat under way: wait, then " + again
		p.RetryAfter = max(p.RetryAfter, time.Second)
	case weixin.KindBusy, weixin.KindUnreachable, weixin.KindShed, weixin.KindCanceled:
		p.Status, p.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
		p.Description = "WeChat cannot be reached now: wait, then " + again
		p.RetryAfter = max(p.RetryAfter, time.Second)
	case weixin.KindTimeout:
		p.Status, p.Code = http.StatusGatewayTimeout, "temporarily_unavailable"
		p.Description = "WeChat did not answer in time: " + again
	default:
		p.Status, p.Code = http.StatusBadGateway, "wechat_error"
		p.Description = "WeChat refused the gateway, or sent an answer that could not be read; the cause is in the operator's log"
		p.RetryAfter = 0
	}
	return p
}

// SetHeaders sets what stays the same, no matter what writes the body.
func (p Problem) SetHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.Closes {
		h.Set("Connection", "close")
	}
}

// Write answers with the problem as JSON.
func (p Problem) Write(w http.ResponseWriter) error {
	p.SetHeaders(w.Header())
	return WriteJSON(w, p.Status, p)
}

// WriteJSON answers with v as JSON that nobody may keep.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err = w.Write(body)
	if err != nil {
		return nil // the client is gone: nobody is left to tell
	}
	return nil
}
