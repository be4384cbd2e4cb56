// problem.go: what the relay answers in its own words, and what is counted.

package relay

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// Result is how a call ended, for a metric label. The set is closed.
type Result string

// The results.
const (
	// ResultOK: WeChat answered with a status below 400 and no errcode but 0.
	ResultOK Result = "ok"
	// ResultErrcode: WeChat answered with an errcode or an HTTP error, which came down.
	ResultErrcode Result = "errcode"
	// ResultToken: a token of the relay was handed out.
	ResultToken Result = "token"
	// ResultInvalid: the call was not one that the relay can pass on.
	ResultInvalid Result = "invalid_request"
	// ResultUnauthorized: no key, or a wrong one.
	ResultUnauthorized Result = "unauthorized"
	// ResultDenied: a path that may not be called, or a page in a browser.
	ResultDenied Result = "denied"
	// ResultOverloaded: too many calls under way.
	ResultOverloaded Result = "overloaded"
	// ResultNoToken: no access_token was to be had.
	ResultNoToken Result = "no_token"
	// ResultUnreachable, ResultTimeout and ResultMalformed: WeChat was not to be
	// reached, not in time, or sent what is no HTTP answer or too large a one.
	ResultUnreachable Result = "unreachable"
	ResultTimeout     Result = "timeout"
	ResultMalformed   Result = "malformed"
	// ResultBroken: the answer broke off on its way down.
	ResultBroken Result = "broken"
	// ResultCanceled: the caller went away.
	ResultCanceled Result = "canceled"
)

// problem is an answer of the relay itself.
type problem struct {
	status     int
	result     Result
	retryAfter time.Duration
	challenge  string // WWW-Authenticate; empty sends none
	allow      string // Allow; empty sends none
	closes     bool   // the rest of the request is not worth reading
	cause      error  // for the log; holds no secret

	Code        string `json:"error"`
	Description string `json:"error_description"`
	Errcode     int    `json:"errcode,omitempty"`
	Errmsg      string `json:"errmsg,omitempty"` // which SDKs log
}

func (p *problem) Error() string { return p.Description }

// errBroken ends a call whose answer was passed on in part.
var errBroken = errors.New("the answer broke off")

func refuse(status int, code string, result Result, description string) *problem {
	return &problem{status: status, Code: code, result: result, Description: description}
}

func invalid(description string) *problem {
	return refuse(http.StatusBadRequest, "invalid_request", ResultInvalid, description)
}

func unavailable(result Result, description string) *problem {
	p := refuse(http.StatusServiceUnavailable, "temporarily_unavailable", result, description)
	p.retryAfter = time.Second
	return p
}

// tokenProblem says why there is no access_token.
func tokenProblem(err error) *problem {
	var e *weixin.Error
	if !errors.As(err, &e) {
		e = &weixin.Error{Kind: weixin.KindRefused}
	}
	var p *problem
	switch e.Kind {
	case weixin.KindBusy, weixin.KindUnreachable, weixin.KindShed, weixin.KindOverloaded:
		p = unavailable(ResultNoToken, "WeChat gives no access_token now: try again later")
	case weixin.KindCanceled:
		p = unavailable(ResultCanceled, "the call was given up")
	case weixin.KindTimeout:
		p = refuse(http.StatusGatewayTimeout, "temporarily_unavailable", ResultNoToken, "WeChat gave no access_token in time")
	case weixin.KindRateLimited:
		p = refuse(http.StatusTooManyRequests, "rate_limited", ResultNoToken, "WeChat's quota of access_tokens is used up")
	default:
		p = refuse(http.StatusBadGateway, "wechat_error", ResultNoToken, "WeChat refuses to give the gateway an access_token; the cause is in the operator's log")
	}
	p.Errcode, p.cause = e.Errcode, err
	if p.status != http.StatusBadGateway {
		p.retryAfter = max(p.retryAfter, e.RetryAfter())
	}
	return p
}

// write answers with the problem as JSON.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
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
	writeJSON(w, p.status, p)
}

// writeJSON answers with v, which always marshals, as JSON that nobody may keep.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, _ := json.Marshal(v)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
