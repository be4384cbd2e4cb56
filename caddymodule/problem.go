// problem.go: the one switch from an error to what the client is told.

package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// problem is a refusal as a client sees it. The JSON members are those of
// OAuth 2.0 (RFC 6749 section 5.2), and WeChat's own code where there is one.
type problem struct {
	status     int
	retryAfter time.Duration // 0 sends no Retry-After
	challenge  string        // WWW-Authenticate; empty sends none
	allow      string        // Allow; empty sends none
	closes     bool          // the rest of the request is not worth reading

	// reason is the cause from a closed set, for logs and metrics only: the
	// answers for different causes must not differ
	reason string

	Code        string `json:"error"`
	Description string `json:"error_description"`
	Errcode     int    `json:"errcode,omitempty"`
}

// requestError is a request that the gateway's own endpoints cannot read.
type requestError struct {
	status      int
	description string
	allow       string
	closes      bool
}

func (e *requestError) Error() string { return e.description }

func badRequest(format string, args ...any) error {
	return &requestError{status: http.StatusBadRequest, description: fmt.Sprintf(format, args...)}
}

// The challenges of RFC 6750 section 3: no error attribute when nothing was sent.
const (
	challengeNoToken  = `Bearer realm="wechat"`
	challengeBadToken = `Bearer realm="wechat", error="invalid_token", error_description="log in again"`
)

// storeRetryAfter is when a client may ask again after the store failed.
const storeRetryAfter = 2 * time.Second

// classify maps every error of the gateway to its answer.
func classify(err error) problem {
	var re *requestError
	var we *weixin.Error
	var limited *rateError
	switch {
	case errors.As(err, &re):
		return problem{
			status: re.status, Code: "invalid_request", Description: re.description,
			allow: re.allow, closes: re.closes, reason: "invalid_request",
		}

	case errors.Is(err, errNoToken):
		return unauthorized(challengeNoToken, "no_token", "log in with wx.login and send the token as Authorization: Bearer")
	case errors.Is(err, token.ErrInvalid):
		return unauthorized(challengeBadToken, "bad_token", logInAgain)
	case errors.Is(err, session.ErrNotFound):
		return unauthorized(challengeBadToken, "no_session", logInAgain)
	case errors.Is(err, errOtherApp):
		return unauthorized(challengeBadToken, "other_app", logInAgain)
	case errors.Is(err, errConflict):
		return unauthorized(challengeBadToken, "conflict", logInAgain)
	case errors.Is(err, errOrigin):
		return problem{
			status: http.StatusForbidden, Code: "access_denied", reason: "origin",
			Description: "this request came from a page of another origin",
		}

	case errors.As(err, &limited):
		return problem{
			status: http.StatusTooManyRequests, Code: "rate_limited", retryAfter: max(limited.wait, time.Second), reason: "login_rate",
			Description: limited.text + ": try again later",
		}
	case errors.Is(err, errCodeSpent):
		return problem{
			status: http.StatusBadRequest, Code: "invalid_grant", reason: "code_spent",
			Description: "the code was used before: call wx.login again",
		}
	case errors.Is(err, opendata.ErrInvalid):
		return problem{
			status: http.StatusBadRequest, Code: "invalid_data", reason: "invalid_data",
			Description: "the data does not verify: call wx.login, log in, and get the data again, in this order",
		}
	case errors.As(err, &we):
		return weixinProblem(we)

	case errors.Is(err, session.ErrFull):
		return unavailable("store_full", "the session store is full", time.Minute)
	case errors.Is(err, context.Canceled):
		return unavailable("canceled", "the request was given up", storeRetryAfter)
	default:
		return unavailable("store_error", "the session store cannot answer", storeRetryAfter)
	}
}

const logInAgain = "the token names no live session: log in again with wx.login"

func unauthorized(challenge, reason, description string) problem {
	return problem{
		status: http.StatusUnauthorized, Code: "invalid_token", Description: description,
		challenge: challenge, reason: reason,
	}
}

func unavailable(reason, description string, retryAfter time.Duration) problem {
	return problem{
		status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: description,
		retryAfter: retryAfter, reason: reason,
	}
}

// weixinProblem maps the answers of WeChat. The words are ours: errmsg is
// another system's text, and may name the operator's addresses.
func weixinProblem(e *weixin.Error) problem {
	p := problem{Errcode: e.Errcode, reason: string(e.Kind), retryAfter: e.RetryAfter()}
	again := "call wx.login again" // what gives the client another try
	if e.Call != weixin.CallCode2Session {
		again = "try again"
	}
	if e.Call == weixin.CallPhoneNumber {
		again = "let the user tap the phone button again"
	}
	switch e.Kind {
	case weixin.KindBadCode:
		p.status, p.Code = http.StatusBadRequest, "invalid_grant"
		p.Description = "WeChat does not accept the code: " + again
	case weixin.KindBlocked:
		p.status, p.Code = http.StatusForbidden, "access_denied"
		p.Description = "WeChat refuses this user as high-risk"
	case weixin.KindRateLimited:
		p.status, p.Code = http.StatusTooManyRequests, "rate_limited"
		p.Description = "WeChat's quota is used up: wait, then " + again
	case weixin.KindBusy, weixin.KindUnreachable, weixin.KindShed, weixin.KindCanceled:
		p.status, p.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
		p.Description = "WeChat cannot be reached now: wait, then " + again
		p.retryAfter = max(p.retryAfter, time.Second)
	case weixin.KindTimeout:
		p.status, p.Code = http.StatusGatewayTimeout, "temporarily_unavailable"
		p.Description = "WeChat did not answer in time: " + again
	default:
		p.status, p.Code = http.StatusBadGateway, "wechat_error"
		p.Description = "WeChat refused the gateway or answered what it does not understand: the operator finds the cause in the log"
		p.retryAfter = 0
	}
	return p
}

// setHeaders sets what stays the same whoever writes the body.
func (p problem) setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if p.challenge != "" {
		h.Set("WWW-Authenticate", p.challenge)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.closes {
		h.Set("Connection", "close")
	}
}

// write answers with the problem as JSON.
func (p problem) write(w http.ResponseWriter) error {
	p.setHeaders(w.Header())
	return writeJSON(w, p.status, p)
}

// refuse ends a proxied request. A site with handle_errors decides the body
// itself; the status and the headers stay.
func (p problem) refuse(w http.ResponseWriter, r cleanRequest) error {
	// the description, not the cause: it may be shown by the error page
	err := caddyhttp.Error(p.status, errors.New(p.Description))
	// error routes get the request as it came in, and may proxy it
	if !r.trailers && siteHandlesError(r.Request, err) {
		p.setHeaders(w.Header())
		return err
	}
	return p.write(w)
}

// writeJSON answers with v as JSON that nobody may keep.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
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
