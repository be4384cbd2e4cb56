// exchange_test.go: what a client is told when WeChat refuses, fails, is slow or
// talks nonsense; and that WeChat is asked once all the same.

package wechatauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// Every errcode of the contract's table, and some that no table has: an unknown
// one is the operator's trouble, never "logged out". The log has WeChat's
// request id, for its support; the client gets none of WeChat's words, which
// may name the operator's addresses.
func TestExchangeErrcodes(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	for _, test := range []struct {
		errcode    int
		status     int
		code       string
		retryAfter string
	}{
		{-1, 503, "temporarily_unavailable", "5"},
		{40029, 400, "invalid_grant", ""},
		{40163, 400, "invalid_grant", ""},
		{40226, 403, "access_denied", ""},
		{45011, 429, "rate_limited", "60"},
		{45009, 429, "rate_limited", "3600"},
		{40001, 502, "wechat_error", ""},
		{40002, 502, "wechat_error", ""},
		{40013, 502, "wechat_error", ""},
		{40125, 502, "wechat_error", ""},
		{40164, 502, "wechat_error", ""},
		{40243, 502, "wechat_error", ""},
		{41002, 502, "wechat_error", ""},
		{41004, 502, "wechat_error", ""},
		{41008, 502, "wechat_error", ""},
		{43001, 502, "wechat_error", ""},
		{48001, 502, "wechat_error", ""},
		{48004, 502, "wechat_error", ""},
		{50002, 502, "wechat_error", ""},
		{99999, 502, "wechat_error", ""},
		{-2, 502, "wechat_error", ""},
	} {
		t.Run(strconv.Itoa(test.errcode), func(t *testing.T) {
			gatewaytest.Login(t, gw, gatewaytest.Eve)
			gw.Sim.ResetCalls()
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
			gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: test.errcode})
			got := gw.H1.Do(t, x)
			m := gatewaytest.RequireProblem(t, got, test.status, test.code)
			if m["errcode"] != float64(test.errcode) {
				t.Errorf("errcode %v", m["errcode"])
			}
			if r := got.Header.Get("Retry-After"); r != test.retryAfter {
				t.Errorf("Retry-After %q; want %q", r, test.retryAfter)
			}
			if strings.Contains(got.Body, "rid") || strings.Contains(got.Body, "192.0.2.7") || strings.Contains(got.Body, "whitelist") {
				t.Errorf("WeChat's own words reached the client: %s", got.Body)
			}
			gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
			line := gw.AwaitLog(t, `"msg":"login"`, fmt.Sprintf(`"errcode":%d`, test.errcode))
			if rid, _ := line["rid"].(string); !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{8}){2}$`).MatchString(rid) {
				t.Errorf("rid %q in the log", rid)
			}
			if want := map[int]string{502: "error", 503: "warn"}[test.status]; want != "" && line["level"] != want {
				t.Errorf("logged at %v; want %s", line["level"], want)
			}
		})
	}
	// which address to put on WeChat's list, the log says
	gw.AwaitLog(t, `"msg":"login"`, `"errcode":40164`, "192.0.2.7")
}

// WeChat blocks a high-risk user. A 401 would make his client try for ever.
func TestExchangeBlockedUser(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	gw.Sim.SetRisky(gatewaytest.AppA, gatewaytest.Eve, true)
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)), 403, "access_denied")
	gatewaytest.Login(t, gw, gatewaytest.Alice)
}

// Answers that are none (C17): whatever of them looks like an openid, nobody is
// logged in by it.
func TestExchangeNonsense(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	key := `"session_key":"tiihtNczf5v6AKRyjwEUhQ=="`
	good := `{"openid":"` + gatewaytest.Eve + `",` + key + `}`
	for name, body := range map[string]string{
		"empty":                  ``,
		"HTML":                   `<html><body>502 Bad Gateway</body></html>`,
		"null":                   `null`,
		"an array":               `[` + good + `]`,
		"a text":                 `"` + gatewaytest.Eve + `"`,
		"empty object":           `{}`,
		"errcode 0 alone":        `{"errcode":0,"errmsg":"ok"}`,
		"two documents":          good + good,
		"text behind":            good + "x",
		"cut off":                good[:len(good)-1],
		"openid missing":         `{` + key + `}`,
		"openid empty":           `{"openid":"",` + key + `}`,
		"openid null":            `{"openid":null,` + key + `}`,
		"openid a number":        `{"openid":1,` + key + `}`,
		"openid twice":           `{"openid":"` + gatewaytest.Eve + `","openid":"` + gatewaytest.Alice + `",` + key + `}`,
		"openid in capitals":     `{"OPENID":"` + gatewaytest.Eve + `",` + key + `}`,
		"openid with a newline":  `{"openid":"` + gatewaytest.Eve[:20] + `\r\nX: y",` + key + `}`,
		"openid with a NUL":      `{"openid":"` + gatewaytest.Eve[:20] + `\u0000",` + key + `}`,
		"openid with a slash":    `{"openid":"../` + gatewaytest.Eve[:20] + `",` + key + `}`,
		"openid of 65 letters":   `{"openid":"` + strings.Repeat("o", 65) + `",` + key + `}`,
		"unionid with a newline": `{"openid":"` + gatewaytest.Eve + `","unionid":"a\nb",` + key + `}`,
		"key missing":            `{"openid":"` + gatewaytest.Eve + `"}`,
		"key empty":              `{"openid":"` + gatewaytest.Eve + `","session_key":""}`,
		"key of 15 bytes":        `{"openid":"` + gatewaytest.Eve + `","session_key":"AAECAwQFBgcICQoLDA0O"}`,
		"key not base64":         `{"openid":"` + gatewaytest.Eve + `","session_key":"!!!!!!!!!!!!!!!!!!!!!!=="}`,
		"errcode a text":         `{"errcode":"0","openid":"` + gatewaytest.Eve + `",` + key + `}`,
		"errcode a fraction":     `{"errcode":0.5,"openid":"` + gatewaytest.Eve + `",` + key + `}`,
		"errcode beside data":    `{"errcode":40029,"openid":"` + gatewaytest.Eve + `",` + key + `}`,
		"not UTF-8":              "{\"x\":\"\xff\",\"openid\":\"" + gatewaytest.Eve + `",` + key + `}`,
		"a megabyte":             `{"openid":"` + gatewaytest.Eve + `",` + key + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.Login(t, gw, gatewaytest.Alice)
			gw.Sim.ResetCalls()
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)
			gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Body: &body})
			if name == "errcode beside data" {
				gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 400, "invalid_grant")
			} else if got := gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 502, "wechat_error"); got["errcode"] != nil {
				t.Errorf("errcode %v", got["errcode"])
			}
			gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
		})
	}
	if got := gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Eve); len(got) != 0 {
		t.Errorf("%d sessions came of it", len(got))
	}
	// what only looks odd is fine: WeChat adds members, and an errcode of 0
	body := `{"openid":"` + gatewaytest.Eve + `","OPENID":"` + gatewaytest.Alice + `","errcode":0,"errmsg":"ok","expires_in":7200,` + key + `}`
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Body: &body})
	gatewaytest.Login(t, gw, gatewaytest.Eve)
}

// A status that is not 200 means that there is no answer, were a perfect one below
// it. A redirect is not followed: it would carry the app secret to wherever it
// points (H16).
func TestExchangeStatus(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	body := `{"openid":"` + gatewaytest.Eve + `","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}`
	for _, status := range []int{201, 204, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 429, 500, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			gatewaytest.Login(t, gw, gatewaytest.Alice)
			gw.Sim.ResetCalls()
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)
			gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Status: status, Body: &body})
			gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 502, "wechat_error")
			if calls := gw.Sim.Calls(); len(calls) != 1 || calls[0].Path != wechattest.PathCode2Session {
				t.Errorf("WeChat was asked %d times; want once, and nothing else", len(calls))
			}
		})
	}
}

// The line dies after the request was sent, on a connection that has served
// before. Go's transport would send the GET again by itself, and WeChat would
// see the code twice. The request also shows nothing that it should not.
func TestExchangeLostLine(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	for range 5 {
		gatewaytest.Login(t, gw, gatewaytest.Alice) // opens, or keeps, a connection
		gw.Sim.ResetCalls()
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)
		gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Drop: true})
		got := gw.H1.Do(t, x)
		gatewaytest.RequireProblem(t, got, 503, "temporarily_unavailable")
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		calls := gw.Sim.Calls()
		if len(calls) != 1 {
			t.Fatalf("WeChat saw the code %d times", len(calls))
		}
		if h := calls[0].Header; h.Get("Referer") != "" || h.Get("Cookie") != "" || h.Get("Authorization") != "" {
			t.Errorf("the request to WeChat has %v", h)
		}
	}
}

// WeChat is slow: the client is told after api_timeout, and the late answer
// makes nobody's session.
func TestExchangeTimeout(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 300ms\n", Admin: true})
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 3 * time.Second})
	begin := time.Now()
	m := gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)), 504, "temporarily_unavailable")
	if took := time.Since(begin); took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("told after %s; want 300 ms", took)
	}
	if m["errcode"] != nil {
		t.Errorf("errcode %v", m["errcode"])
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
	if got := gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Alice); len(got) != 0 {
		t.Errorf("%d sessions", len(got))
	}
}

// WeChat sends its answer a byte at a time, for ever (M6).
func TestExchangeTrickle(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	drip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}))
	defer drip.Close()
	gw.SimURL = drip.URL
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 500ms\n"})
	begin := time.Now()
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)), 504, "temporarily_unavailable")
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("told after %s; want 500 ms", took)
	}
}

// Nobody listens where WeChat should be. The code is spent for safety's sake, the
// sessions that exist do not care, and neither URL nor secret is in the log (H15).
func TestExchangeUnreachable(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.SimURL = "http://" + gatewaytest.FreeAddr(t)
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	got := gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice))
	gatewaytest.RequireProblem(t, got, 503, "temporarily_unavailable")
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("a session ended because WeChat is away")
	}
	line := gw.AwaitLog(t, `"msg":"login"`, `"status":503`)
	if text := fmt.Sprint(line); strings.Contains(text, gatewaytest.SecretA) || strings.Contains(text, "js_code") {
		t.Error("the log line has the query of the request to WeChat")
	}
}
