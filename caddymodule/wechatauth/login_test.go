// login_test.go: POST /wechat/login and its siblings as the contract's table has
// them: what they answer, and what they refuse before WeChat hears of it.

package wechatauth_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A good login, with and without a unionid, over every version of HTTP.
func TestLoginAnswer(t *testing.T) {
	for name, s := range map[string]gatewaytest.Setup{
		"with unionid": {Wechat: gatewaytest.InMemory}, "without": {Wechat: gatewaytest.InMemory, Sim: gatewaytest.SimWithoutUnionID()},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, s)
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				got := c.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice))
				gatewaytest.RequireStatus(t, got, 200)
				m := gatewaytest.JSON(t, got)
				want := []string{"token", "token_type", "expires_in", "openid", "appid"}
				if name == "with unionid" {
					want = append(want, "unionid")
				}
				gatewaytest.RequireMembers(t, m, want...)
				if m["token_type"] != "Bearer" || m["openid"] != gatewaytest.Alice || m["appid"] != gatewaytest.AppA || m["expires_in"].(float64) < 86398 || m["expires_in"].(float64) > 86400 {
					t.Errorf("token_type %v, openid %v, appid %v, expires_in %v", m["token_type"], m["openid"], m["appid"], m["expires_in"])
				}
				if n := len(m["token"].(string)); n > 600 {
					t.Errorf("the token has %d bytes; at most 600 are promised", n)
				}
				if h := got.Header; h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("Set-Cookie") != "" {
					t.Errorf("headers %v", h)
				}
				gatewaytest.RequireNoUpstream(t, gw)
			})
		})
	}
}

// A session tells its owner the same, in seconds.
func TestSessionAnswer(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	before := time.Now().Unix()
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	m := gatewaytest.SessionOf(t, gw, token)
	gatewaytest.RequireMembers(t, m, "openid", "appid", "unionid", "issued_at", "expires_at")
	issued, expires := int64(m["issued_at"].(float64)), int64(m["expires_at"].(float64))
	if m["openid"] != gatewaytest.Alice || m["appid"] != gatewaytest.AppA || issued < before || issued > time.Now().Unix() || expires != issued+86400 {
		t.Errorf("session %v", m)
	}
	got := gw.H1.Do(t, gatewaytest.Call{Method: "HEAD", Target: "/wechat/session", Token: token})
	if got.Status != 200 || got.Body != "" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %d %v %q", got.Status, got.Header, got.Body)
	}
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session?check=store", Token: token}), 400, "invalid_request")
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/logout?reset=maybe", token, "")), 400, "invalid_request")
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("a logout that was refused ended the session")
	}
}

// Whoever mistakes a path or a method is told, and the upstream is not bothered:
// everything below the prefix is the gateway's own.
func TestEndpointTable(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth {\n public /*\n}", Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Sim.ResetCalls()
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, x := range []struct {
			method, path string
			status       int
			allow        string
		}{
			{"GET", "/wechat/login", 405, "POST"},
			{"HEAD", "/wechat/login", 405, "POST"},
			{"OPTIONS", "/wechat/login", 405, "POST"},
			{"PUT", "/wechat/login", 405, "POST"},
			{"DELETE", "/wechat/session", 405, "GET, HEAD"},
			{"POST", "/wechat/session", 405, "GET, HEAD"},
			{"GET", "/wechat/logout", 405, "POST"},
			{"GET", "/wechat/userinfo", 405, "POST"},
			{"PATCH", "/wechat/phone", 405, "POST"},
			{"GET", "/wechat/opendata", 405, "POST"},
			{"POST", "/wechat/jwks.json", 405, "GET, HEAD"},
			{"TRACE", "/wechat/login", 405, "POST"},
			{"GET", "/wechat/", 404, ""},
			{"GET", "/wechat/nothing", 404, ""},
			{"POST", "/wechat/login/", 404, ""},
			{"POST", "/wechat/login/x", 404, ""},
			{"POST", "/wechat/LOGIN", 404, ""},
			{"POST", "/wechat//login", 404, ""},
			{"POST", "/wechat/./login", 404, ""},
			{"GET", "/wechat/jwks.json", 404, ""}, // HS256 has no public key
		} {
			got := c.Do(t, gatewaytest.Call{Method: x.method, Target: x.path, Token: token})
			if x.method == "HEAD" {
				gatewaytest.RequireStatus(t, got, x.status)
			} else {
				gatewaytest.RequireProblem(t, got, x.status, "invalid_request")
			}
			if got.Header.Get("Allow") != x.allow {
				t.Errorf("%s %s: Allow %q; want %q", x.method, x.path, got.Header.Get("Allow"), x.allow)
			}
		}
		gatewaytest.RequireNoUpstream(t, gw)
	})
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("one of these ended the session")
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)
}

// Endpoints that need a session refuse without one, before they look at a body.
func TestEndpointsNeedSession(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	for _, path := range []string{"session", "logout", "userinfo", "phone", "opendata"} {
		method := "POST"
		if path == "session" {
			method = "GET"
		}
		got := gw.H1.Do(t, gatewaytest.Call{Method: method, Target: "/wechat/" + path})
		gatewaytest.RequireProblem(t, got, 401, "invalid_token")
		if c := got.Header.Get("WWW-Authenticate"); c != `Bearer realm="wechat"` {
			t.Errorf("%s without a token: WWW-Authenticate: %s", path, c)
		}
		got = gw.H1.Do(t, gatewaytest.Call{Method: method, Target: "/wechat/" + path, Token: "x.y.z", Body: strings.Repeat("x", 10)})
		gatewaytest.RequireProblem(t, got, 401, "invalid_token")
		if c := got.Header.Get("WWW-Authenticate"); !strings.Contains(c, `error="invalid_token"`) {
			t.Errorf("%s with a bad token: WWW-Authenticate: %s", path, c)
		}
	}
}

// A form from a foreign page can be sent without asking (H2): only JSON counts,
// in one spelling of its type, and unpacked.
func TestLoginContentTypes(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	body := func() string { return fmt.Sprintf(`{"code":%q}`, gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)) }
	for _, h := range [][]string{
		{},
		{"Content-Type", ""},
		{"Content-Type", "text/plain"},
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Type", "multipart/form-data; boundary=x"},
		{"Content-Type", "text/plain; application/json"},
		{"Content-Type", "application/json, text/plain"},
		{"Content-Type", "application/jsonp"},
		{"Content-Type", "application/json; charset=gbk"},
		{"Content-Type", "application/json; charset=utf-16"},
		{"Content-Type", "application/json; x"},
		{"Content-Type", "application/json", "Content-Type", "text/plain"},
		{"Content-Type", "application/json", "Content-Encoding", "gzip"},
	} {
		got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/login", Header: gatewaytest.Header(h...), Body: body()})
		if got.Status != 415 {
			t.Errorf("%q", h)
		}
		gatewaytest.RequireProblem(t, got, 415, "invalid_request")
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)
	for _, good := range []string{"application/json", "Application/JSON", "application/json; charset=utf-8", `application/json;charset="UTF-8"`} {
		got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/login", Header: gatewaytest.Header("Content-Type", good), Body: body()})
		gatewaytest.RequireStatus(t, got, 200)
	}
}

// JSON that two parsers would read in two ways, or that is none (M7, C17).
func TestLoginBodies(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
	for name, body := range map[string]string{
		"empty":             ``,
		"null":              `null`,
		"a text":            `"` + code + `"`,
		"an array":          `[{"code":"` + code + `"}]`,
		"empty object":      `{}`,
		"no code":           `{"appid":"` + gatewaytest.AppA + `"}`,
		"empty code":        `{"code":""}`,
		"code is null":      `{"code":null}`,
		"code is a number":  `{"code":1}`,
		"code is an array":  `{"code":["` + code + `"]}`,
		"code twice":        `{"code":"` + code + `","code":"` + code + `"}`,
		"code in capitals":  `{"CODE":"` + code + `"}`,
		"escaped twin":      `{"code":"` + code + `","\u0063ode":"` + code + `"}`,
		"appid twice":       `{"code":"` + code + `","appid":"` + gatewaytest.AppA + `","appid":"` + gatewaytest.AppA + `"}`,
		"unknown app":       `{"code":"` + code + `","appid":"wx00000000000000ff"}`,
		"app of another":    `{"code":"` + code + `","appid":"` + gatewaytest.AppB + `"}`,
		"app in capitals":   `{"code":"` + code + `","appid":"` + strings.ToUpper(gatewaytest.AppA) + `"}`,
		"appid is a number": `{"code":"` + code + `","appid":1}`,
		"two documents":     `{"code":"` + code + `"}{"code":"` + code + `"}`,
		"text behind":       `{"code":"` + code + `"} x`,
		"NUL behind":        `{"code":"` + code + `"}` + "\x00",
		"trailing comma":    `{"code":"` + code + `",}`,
		"comment":           `{"code":"` + code + `"/**/}`,
		"single quotes":     `{'code':'` + code + `'}`,
		"BOM":               "\ufeff" + `{"code":"` + code + `"}`,
		"UTF-16":            "\xff\xfe{\x00\"\x00",
		"not UTF-8":         `{"code":"` + code + `","x":"` + "\xff" + `"}`,
		"unended":           `{"code":"` + code + `"`,
		"a deep one":        `{"code":"` + code + `","x":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`,
		"a form":            `code=` + code,
		"half a pair":       `{"code":"` + code + `","rawData":"{}"}`,
		"other half":        `{"code":"` + code + `","iv":"AAAA"}`,
	} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", body)), 400, "invalid_request")
		})
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)

	// and the code is as good as new
	got := gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", "\r\n\t "+`{"later":{"a":[1]},"code":"`+code+`","appid":"`+gatewaytest.AppA+`","Code":"x"}`+"\n"))
	gatewaytest.RequireStatus(t, got, 200)
}

// An SDK that pastes the code into a URL would ask WeChat about another app with
// this code (C16). WeChat is not asked at all.
func TestLoginCodeAlphabet(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	for _, code := range []string{
		"x&appid=" + gatewaytest.AppB + "&secret=s&js_code=y", "x#y", "x?y", "a b", " a", "a ", "a+b", "a%41", "a/../b", "a.b", "a=b",
		"a\nb", "a\r\nHost: evil", "a\x00b", "\x7f", "é", "微信", "😀", "{env.HOME}", "<script>", `a"b`, `a\b`, strings.Repeat("a", 129),
	} {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_request")
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)
	got := gw.H1.Do(t, gatewaytest.LoginWith(strings.Repeat("a-Z_9", 25)+"abc")) // 128, and nobody's
	gatewaytest.RequireProblem(t, got, 400, "invalid_grant")
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
}

// A body of a gigabyte, announced or not, is cut at 64 KiB.
func TestLoginBodyTooLarge(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	full := func(size int) string {
		body := fmt.Sprintf(`{"code":%q}`, gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice))
		return body + strings.Repeat(" ", size-len(body))
	}
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		x := gatewaytest.Post("/wechat/login", "", full(64<<10))
		gatewaytest.RequireStatus(t, c.Do(t, x), 200)
		x.Body = full(64<<10 + 1)
		gatewaytest.RequireProblem(t, c.Do(t, x), 413, "invalid_request")
		x.Stream, x.Body = strings.NewReader(x.Body), ""
		gatewaytest.RequireProblem(t, c.Do(t, x), 413, "invalid_request")
	})
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 4)
}

// A client that sends a byte now and then would hold a connection for hours (M8).
// The other clients notice nothing of it.
func TestLoginSlowBody(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	slow := gw.Clients()
	got, errs := make([]gatewaytest.Reply, len(slow)), make([]error, len(slow))
	begin := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		gatewaytest.Parallel(len(slow), func(i int) {
			body, w := io.Pipe()
			defer body.Close()
			go func() {
				for _, err := w.Write([]byte(`{"code":"`)); err == nil; _, err = w.Write([]byte("a")) {
					time.Sleep(50 * time.Millisecond)
				}
			}()
			got[i], errs[i] = slow[i].Try(gatewaytest.Call{Method: "POST", Target: "/wechat/login", Header: gatewaytest.Header("Content-Type", "application/json"), Stream: body})
		})
	}()
	gatewaytest.Login(t, gw, gatewaytest.Alice)
	if time.Since(begin) > 4*time.Second {
		t.Error("a slow body held another login up")
	}
	<-done
	if took := time.Since(begin); took < 4*time.Second || took > 20*time.Second {
		t.Errorf("slow bodies were read for %s; want 5 s", took)
	}
	for i, c := range slow {
		t.Run(c.Name, func(t *testing.T) {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			gatewaytest.RequireProblem(t, got[i], 408, "invalid_request")
		})
	}
}
