package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// The table of the contract, "Endpoints under prefix", row by row.
func TestClassify(t *testing.T) {
	wechat := func(kind weixin.Kind, errcode int) error {
		return &weixin.Error{Call: weixin.CallCode2Session, Kind: kind, Errcode: errcode}
	}
	tests := []struct {
		name       string
		err        error
		status     int
		code       string
		errcode    int
		retryAfter string
		challenge  string
	}{
		{"request", BadRequest("code is missing"), 400, "invalid_request", 0, "", ""},
		{"not JSON", &RequestError{Status: 415}, 415, "invalid_request", 0, "", ""},
		{"too large", &RequestError{Status: 413, Closes: true}, 413, "invalid_request", 0, "", ""},
		{"wrong method", &RequestError{Status: 405, Allow: "POST"}, 405, "invalid_request", 0, "", ""},

		{"code 40029", wechat(weixin.KindBadCode, 40029), 400, "invalid_grant", 40029, "", ""},
		{"code 40163", wechat(weixin.KindBadCode, 40163), 400, "invalid_grant", 40163, "", ""},
		{"code spent here", login.ErrCodeSpent, 400, "invalid_grant", 0, "", ""},
		{"open data", opendata.ErrInvalid, 400, "invalid_data", 0, "", ""},

		{"no token", gate.ErrNoToken, 401, "invalid_token", 0, "", challengeNoToken},
		{"bad token", token.ErrInvalid, 401, "invalid_token", 0, "", challengeBadToken},
		{"no session", session.ErrNotFound, 401, "invalid_token", 0, "", challengeBadToken},
		{"other app", gate.ErrOtherApp, 401, "invalid_token", 0, "", challengeBadToken},
		{"two credentials", gate.ErrConflict, 401, "invalid_token", 0, "", challengeBadToken},
		{"no scheme", gate.ErrNoScheme, 401, "invalid_token", 0, "", challengeBadToken},

		{"blocked 40226", wechat(weixin.KindBlocked, 40226), 403, "access_denied", 40226, "", ""},
		{"origin", gate.ErrOrigin, 403, "access_denied", 0, "", ""},

		{"minute quota 45011", wechat(weixin.KindRateLimited, 45011), 429, "rate_limited", 45011, "60", ""},
		{"day quota 45009", wechat(weixin.KindRateLimited, 45009), 429, "rate_limited", 45009, "3600", ""},

		{"appid 40013", wechat(weixin.KindRefused, 40013), 502, "wechat_error", 40013, "", ""},
		{"secret 40125", wechat(weixin.KindRefused, 40125), 502, "wechat_error", 40125, "", ""},
		{"address 40164", wechat(weixin.KindRefused, 40164), 502, "wechat_error", 40164, "", ""},
		{"frozen 40243", wechat(weixin.KindRefused, 40243), 502, "wechat_error", 40243, "", ""},
		{"unknown errcode", wechat(weixin.KindRefused, 99999), 502, "wechat_error", 99999, "", ""},
		{"access token", wechat(weixin.KindBadToken, 40001), 502, "wechat_error", 40001, "", ""},
		{"signature", wechat(weixin.KindBadSignature, 87009), 502, "wechat_error", 87009, "", ""},
		{"key gone", wechat(weixin.KindKeyGone, 87007), 502, "wechat_error", 87007, "", ""},
		{"no answer at all", wechat(weixin.KindMalformed, 0), 502, "wechat_error", 0, "", ""},
		{"kind of tomorrow", wechat("tomorrow", 1), 502, "wechat_error", 1, "", ""},

		{"busy -1", wechat(weixin.KindBusy, -1), 503, "temporarily_unavailable", -1, "5", ""},
		{"unreachable", wechat(weixin.KindUnreachable, 0), 503, "temporarily_unavailable", 0, "5", ""},
		{"shed", wechat(weixin.KindShed, 0), 503, "temporarily_unavailable", 0, "1", ""},
		{"canceled on the way", wechat(weixin.KindCanceled, 0), 503, "temporarily_unavailable", 0, "1", ""},
		{"timeout", wechat(weixin.KindTimeout, 0), 504, "temporarily_unavailable", 0, "5", ""},

		{"store full", session.ErrFull, 503, "temporarily_unavailable", 0, "60", ""},
		{"store down", errors.New("connection refused"), 503, "temporarily_unavailable", 0, "2", ""},
		{"store slow", context.DeadlineExceeded, 503, "temporarily_unavailable", 0, "2", ""},
		{"client gone", context.Canceled, 503, "temporarily_unavailable", 0, "2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("creating the session: %w", tt.err)} {
				rec := httptest.NewRecorder()
				if err := Classify(err).Write(rec); err != nil {
					t.Fatal(err)
				}
				var body map[string]any
				if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
					t.Fatal(err)
				}
				h := rec.Header()
				errcode, _ := body["errcode"].(float64)
				if rec.Code != tt.status || body["error"] != tt.code || int(errcode) != tt.errcode {
					t.Errorf("got %d %v errcode %v; want %d %s errcode %d", rec.Code, body["error"], errcode, tt.status, tt.code, tt.errcode)
				}
				if _, shown := body["errcode"]; shown != (tt.errcode != 0) {
					t.Errorf("errcode is shown: %v", shown)
				}
				if got := h.Get("Retry-After"); got != tt.retryAfter {
					t.Errorf("Retry-After = %q; want %q", got, tt.retryAfter)
				}
				if got := h.Get("WWW-Authenticate"); got != tt.challenge {
					t.Errorf("WWW-Authenticate = %q; want %q", got, tt.challenge)
				}
				if text, _ := body["error_description"].(string); text == "" && tt.status != 405 && tt.status != 413 && tt.status != 415 {
					t.Error("nothing says what to do")
				}
				for name := range body {
					switch name {
					case "error", "error_description", "errcode":
					default:
						t.Errorf("unexpected member %q", name)
					}
				}
				if got := h.Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control = %q", got)
				}
				if got := h.Get("Content-Type"); got != "application/json; charset=utf-8" {
					t.Errorf("Content-Type = %q", got)
				}
				if got := h.Get("Content-Length"); got != fmt.Sprint(rec.Body.Len()) {
					t.Errorf("Content-Length = %s for %d bytes", got, rec.Body.Len())
				}
			}
		})
	}
}

// RFC 6750 section 3.1: a request without a token learns no error code.
func TestChallengeWithoutTokenHasNoError(t *testing.T) {
	if strings.Contains(challengeNoToken, "error") {
		t.Errorf("challenge %q holds an error attribute", challengeNoToken)
	}
	if !strings.Contains(challengeBadToken, `error="invalid_token"`) {
		t.Errorf("challenge %q holds no error code", challengeBadToken)
	}
}

// Whoever tries stolen, old or made-up tokens must not learn which of them was
// once good: every refused token is answered with the same bytes.
func TestRefusedTokensLookAlike(t *testing.T) {
	answer := func(err error) string {
		rec := httptest.NewRecorder()
		if err := Classify(err).Write(rec); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	want := answer(token.ErrInvalid)
	for _, err := range []error{
		session.ErrNotFound, gate.ErrOtherApp, gate.ErrConflict,
		fmt.Errorf("session 4711 of user 4712: %w", session.ErrNotFound),
	} {
		if got := answer(err); got != want {
			t.Errorf("%v is answered with\n%s\na bad token with\n%s", err, got, want)
		}
	}
}

// What went wrong inside is for the log. An answer repeats no error text, and
// nothing that WeChat says but its number.
func TestProblemShowsNoCause(t *testing.T) {
	const inside = "10.0.0.7:6379"
	for _, err := range []error{
		errors.New(inside),
		fmt.Errorf("%s: %w", inside, session.ErrFull),
		fmt.Errorf("%s: %w", inside, session.ErrNotFound),
		fmt.Errorf("%s: %w", inside, login.ErrCodeSpent),
		&weixin.Error{Call: weixin.CallCode2Session, Kind: weixin.KindUnreachable, RID: inside, Cause: errors.New(inside)},
		&weixin.Error{Call: weixin.CallCode2Session, Kind: weixin.KindRefused, Errcode: 40164, RID: inside, Cause: errors.New(inside)},
	} {
		rec := httptest.NewRecorder()
		if err := Classify(err).Write(rec); err != nil {
			t.Fatal(err)
		}
		if all := fmt.Sprint(rec.Header(), rec.Body); strings.Contains(all, inside) {
			t.Errorf("the answer shows the cause: %s", all)
		}
	}
}

func TestProblemHeaders(t *testing.T) {
	h := make(http.Header)
	Problem{Status: 405, Allow: "GET, HEAD", Closes: true, RetryAfter: 1500 * time.Millisecond}.SetHeaders(h)
	for name, want := range map[string]string{
		"Allow": "GET, HEAD", "Connection": "close",
		"Retry-After": "2", // rounded up: a client that comes early is turned away again
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q; want %q", name, got, want)
		}
	}
	h = make(http.Header)
	Problem{Status: 400}.SetHeaders(h)
	if len(h) != 1 || h.Get("Cache-Control") != "no-store" {
		t.Errorf("a plain problem sets %v; want Cache-Control alone", h)
	}
}

// An error that can be read in two ways goes to the more severe answer: a store
// that timed out on a request that was given up has not said that nobody is
// logged in.
func TestOutageIsNeverALogout(t *testing.T) {
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, session.ErrFull, errors.New("damaged")} {
		if gate.IsAnonymous(err) {
			t.Errorf("%v counts as nobody being logged in", err)
		}
		if p := Classify(err); p.Status < 500 {
			t.Errorf("%v is answered with %d", err, p.Status)
		}
	}
}
