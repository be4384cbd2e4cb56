// errors_front_test.go: what error routes without a gate of their own get to see: no more
// than what is behind the gate, wherever the error came from.

package wechatauth_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// errorSite is a site whose error pages are made by a backend, which is the upstream.
type errorSite struct {
	site, sites string
	known       bool // a live token has let the request in before the error
}

const (
	gateOfErrors  = "wechat_auth {\n app " + gatewaytest.AppA + "\n public /public/*\n cookie\n}\n"
	errorBackend  = "handle_errors {\n reverse_proxy <UPSTREAM>\n}\n"
	deadBackend   = "reverse_proxy 127.0.0.1:1\n"
	basicAuth     = "basic_auth {\n bob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n"
	deadForwarder = "forward_auth 127.0.0.1:1 {\n uri /\n}\n"
)

var errorSites = map[string]errorSite{
	"the backend is down":            {site: gateOfErrors + deadBackend + errorBackend, known: true},
	"for some statuses":              {site: gateOfErrors + deadBackend + "handle_errors 5xx {\n reverse_proxy <UPSTREAM>\n}\nhandle_errors 4xx {\n reverse_proxy <UPSTREAM>\n}\n", known: true},
	"a file is not there":            {site: gateOfErrors + "root <DIR>\nfile_server\n" + errorBackend, known: true},
	"an error behind":                {site: "route {\n" + gateOfErrors + "error 418\n}\n" + errorBackend, known: true},
	"basic_auth before":              {site: basicAuth + gateOfErrors + deadBackend + errorBackend},
	"forward_auth before, and dead":  {site: deadForwarder + gateOfErrors + deadBackend + errorBackend},
	"an error before":                {site: "route {\n error 418\n" + gateOfErrors + deadBackend + "}\n" + errorBackend},
	"a rewritten error":              {site: basicAuth + gateOfErrors + deadBackend + "handle_errors {\n rewrite /error\n reverse_proxy <UPSTREAM>\n}\n"},
	"in a handle":                    {site: "handle {\n" + basicAuth + gateOfErrors + deadBackend + "}\n" + errorBackend},
	"in a named route":               {site: basicAuth + "invoke gate\n" + deadBackend + errorBackend, sites: "&(gate) {\n header X-A b\n" + gateOfErrors + "}\n"},
	"in a named route, behind it":    {site: "invoke gate\n" + deadBackend + errorBackend, sites: "&(gate) {\n header X-A b\n" + gateOfErrors + "}\n", known: true},
	"another site beside":            {site: basicAuth + gateOfErrors + deadBackend + errorBackend, sites: "http://other.localhost:<HTTPPORT> {\n respond other\n" + errorBackend + "}\n"},
	"two gates":                      {site: gateOfErrors + gateOfErrors + deadBackend + errorBackend, known: true},
	"a gate in the error route, too": {site: basicAuth + gateOfErrors + deadBackend + "handle_errors {\n wechat_auth {\n app " + gatewaytest.AppA + "\n public /*\n cookie\n}\n reverse_proxy <UPSTREAM>\n}\n"},
	"the gate refuses":               {site: "wechat_auth {\n app " + gatewaytest.AppB + "\n cookie\n public /none\n}\n" + deadBackend + errorBackend},
}

func eachErrorSite(t *testing.T, f func(t *testing.T, gw *gatewaytest.Gateway, s errorSite)) {
	for name, s := range errorSites {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Site: s.site, Sites: s.sites + "http://login.localhost:<HTTPPORT> {\n wechat_auth {\n app " + gatewaytest.AppA + "\n }\n reverse_proxy <UPSTREAM>\n}\n", Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Wechat: gatewaytest.InMemory})
			f(t, gw, s)
		})
	}
}

// loginBeside logs a user in at another site of the gateway.
func loginBeside(t *testing.T, gw *gatewaytest.Gateway, openid string) string {
	t.Helper()
	got := gw.H1.Do(t, hostCall("login", gatewaytest.LoginCall(gw, gatewaytest.AppA, openid)))
	gatewaytest.RequireStatus(t, got, 200)
	gw.Upstream.Reset()
	return tokenOf(t, got)
}

// requireAsBehind judges what an error backend saw as if it stood behind the gate.
func requireAsBehind(t *testing.T, gw *gatewaytest.Gateway, openid string, tokens ...string) {
	t.Helper()
	requireEachAsBehind(t, gw, func(gatewaytest.Request) string { return openid }, tokens...)
}

// requireEachAsBehind is for requests of several people: whose says whose one is.
func requireEachAsBehind(t *testing.T, gw *gatewaytest.Gateway, whose func(gatewaytest.Request) string, tokens ...string) {
	t.Helper()
	for _, seen := range gw.Upstream.Arrived(t) {
		if seen.Target == "" {
			continue // it broke off in its first line
		}
		if openid := whose(seen); openid != "" {
			gatewaytest.RequireIdentity(t, seen, openid)
		} else {
			gatewaytest.RequireAnonymous(t, seen)
		}
		for _, token := range tokens {
			gatewaytest.RequireNoToken(t, seen, token)
		}
		for _, name := range []string{"Upgrade", "HTTP2-Settings", "Trailer"} {
			if seen.Get(name) != "" {
				t.Errorf("the error backend saw %s:\n%s", name, seen.Raw)
			}
		}
		if len(seen.Trailers) > 0 || strings.Contains(seen.Raw, gatewaytest.Eve) {
			t.Errorf("the error backend saw what a client says:\n%s", seen.Raw)
		}
		if seen.Method == "TRACE" || seen.Method == "CONNECT" {
			t.Errorf("the error backend saw the method %s", seen.Method)
		}
	}
	gw.Upstream.Reset()
}

// A client says who it is, in headers and trailers, to a site whose error pages are made
// by a backend. No error brings that there, and no token.
func TestErrorRoutesSeeNoForgery(t *testing.T) {
	eachErrorSite(t, func(t *testing.T, gw *gatewaytest.Gateway, s errorSite) {
		token := loginBeside(t, gw, gatewaytest.Alice)
		// a request that ends in an error for its client may come to the backend later
		// than the next one: each has a query of its own
		var people []string
		whose := func(seen gatewaytest.Request) string {
			_, query, _ := strings.Cut(seen.Target, "?")
			n, err := strconv.Atoi(query)
			if err != nil || n >= len(people) {
				t.Errorf("the error backend was asked for %s", seen.Target)
				return ""
			}
			return people[n]
		}
		gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
			forged := gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve, "X-WX-OPENID", gatewaytest.Eve, "x-wechat-unionid", gatewaytest.Eve, "X^WeChat^Phone", gatewaytest.Eve)
			if c.Name == "HTTP/1.1" {
				forged = append(forged, gatewaytest.Fields("Connection", "close, X-WeChat-OpenID", "X_WeChat_OpenID", gatewaytest.Eve)...)
			}
			for _, attack := range gatewaytest.Smuggled {
				if attack.Name == "empty body announced" && c.Name == "HTTP/1.1" {
					continue
				}
				for _, credential := range [][]gatewaytest.Field{nil, {gatewaytest.Bearer(token)}, gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token), gatewaytest.Fields("Cookie", "\u2000"+gatewaytest.CookieName+"="+token), gatewaytest.Fields("Authorization", token)} {
					for _, target := range []string{"/api", "/public/x"} {
						list := append(append(append([]gatewaytest.Field{}, forged...), attack.Announce...), credential...)
						openid := ""
						if s.known && len(credential) > 0 && (credential[0] == gatewaytest.Bearer(token) || credential[0].Value == gatewaytest.CookieName+"="+token) {
							openid = gatewaytest.Alice
						}
						target += "?" + strconv.Itoa(len(people))
						people = append(people, openid)
						if _, err := c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: target, Body: "the body", Fields: list, Trailers: attack.Trailers}); err != nil && attack.Name != "empty body announced" {
							t.Errorf("%s: %v", attack.Name, err)
						}
						if len(gw.Upstream.Requests()) == 0 && openid != "" && attack.Name != "empty body announced" {
							t.Errorf("%s: the error backend saw nothing", attack.Name)
						}
						requireEachAsBehind(t, gw, whose, token)
					}
				}
			}
		})
	})
}

// An upgrade to another protocol makes no pipe of an error page, nor does a WebSocket that
// the gate has not let in; TRACE and CONNECT go nowhere.
func TestErrorRoutesOpenNoTunnel(t *testing.T) {
	eachErrorSite(t, func(t *testing.T, gw *gatewaytest.Gateway, s errorSite) {
		gw.Upstream.SetLax(true)
		token := loginBeside(t, gw, gatewaytest.Alice)
		lines := []string{"Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"}
		for _, l := range gatewaytest.Tunnels {
			lines = append(lines, l)
		}
		for i, l := range lines {
			for _, credential := range []string{"", "Authorization: Bearer " + token + "\n"} {
				if i == 0 && credential != "" && s.known {
					continue // that is somebody whom the gate lets in: TestErrorRouteWebSocketEnds
				}
				conn := gatewaytest.DialRaw(t, gw.HTTP)
				conn.Send(t, gatewaytest.CRLF(gw.Fill("GET /api HTTP/1.1\nHost: <HTTP>\n"+credential+l+"\n")))
				if got := conn.ReadReply(t, "GET"); got.Status == 101 {
					t.Errorf("a tunnel was opened by %q", l)
				}
				conn.Close()
				openid := ""
				if s.known && credential != "" {
					openid = gatewaytest.Alice
				}
				requireAsBehind(t, gw, openid, token)
			}
		}
		gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
			for _, method := range []string{"TRACE", "CONNECT"} {
				for _, credential := range [][]gatewaytest.Field{nil, {gatewaytest.Bearer(token)}} {
					if method == "CONNECT" && c.Name != "HTTP/1.1" {
						continue // without :path, which the server here refuses itself
					}
					got, err := c.Exact(t, gatewaytest.ExactCall{Method: method, Target: "/api", Fields: credential})
					if err != nil || got.Status < 400 {
						t.Errorf("%s: %v %v", method, got, err)
					}
					gatewaytest.RequireNoUpstream(t, gw)
				}
			}
		})
	})
}

// A WebSocket of somebody whom the gate let in, and whose backend is down, may be served
// by the backend of the error route; it ends with the session all the same.
func TestErrorRouteWebSocketEnds(t *testing.T) {
	for name, s := range errorSites {
		if !s.known {
			continue
		}
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Site: s.site, Sites: s.sites, Wechat: gatewaytest.InMemory})
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			ends := open(t, gw, token)
			if seen := gw.Upstream.Requests(); len(seen) != 1 || !strings.Contains(seen[0].Raw, gatewaytest.Alice) || strings.Contains(seen[0].Raw, token) {
				t.Errorf("the error backend saw\n%s", gatewaytest.RawOf(seen))
			}
			stays := open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Eve))
			time.Sleep(700 * time.Millisecond)
			ends.requireOpen(t)
			since := time.Now()
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
			ends.requireEnded(t, since)
			stays.requireOpen(t)

			// nor does one open that has no session
			conn, _, err := websocket.Dial(t.Context(), "ws://"+gw.HTTP+"/ws", nil)
			if err == nil {
				conn.CloseNow()
				t.Error("a WebSocket without a session was opened by the error route")
			}
		})
	}
}
