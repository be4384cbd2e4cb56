// named_route_test.go: the gate in named routes, which Caddy's adapter takes apart.

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// The gate among other lines of a named route, in any shape, is there: nobody enters
// without a session, and nobody says who they are.
func TestNamedRoute(t *testing.T) {
	for name, test := range map[string]struct{ routes, site string }{
		"beside a header": {"&(gate) {\n header X-A b\n wechat_auth\n}", "invoke gate\nreverse_proxy <UPSTREAM>"},
		"before a proxy":  {"&(gate) {\n wechat_auth\n reverse_proxy <UPSTREAM>\n}", "invoke gate"},
		"in a handle":     {"&(gate) {\n handle {\n header X-A b\n wechat_auth\n reverse_proxy <UPSTREAM>\n }\n}", "invoke gate\nreverse_proxy <UPSTREAM>"},
		// the adapter gives these the groups of the two sites' rewrites
		"in one of two handles":   {handles("gate", 2, "wechat_auth\nreverse_proxy <UPSTREAM>"), "route {\nheader X-A b\n}\nrewrite /api /api/x\ninvoke gate\nreverse_proxy <UPSTREAM>"},
		"in one of three handles": {handles("gate", 3, "wechat_auth\nreverse_proxy <UPSTREAM>"), "route {\nheader X-A b\n}\nrewrite /api /api/x\ninvoke gate\nreverse_proxy <UPSTREAM>"},
		// and these those of the two sites' handles
		"after four handles": {handles("pages", 4, "header X-A b"), "invoke pages\nhandle /web/* {\n respond web\n}\nhandle {\n wechat_auth\n reverse_proxy <UPSTREAM>\n}\nreverse_proxy <UPSTREAM>"},
		"after six handles":  {handles("pages", 6, "header X-A b"), "invoke pages\nhandle /web/* {\n respond web\n}\nhandle {\n wechat_auth\n reverse_proxy <UPSTREAM>\n}\nreverse_proxy <UPSTREAM>"},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Site: test.site, Sites: test.routes})
			forged := gatewaytest.Header("X-WeChat-OpenID", gatewaytest.Eve)
			for _, c := range []*gatewaytest.Client{gw.H1, gw.H2} { // one for each of the sites
				gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Target: "/api", Header: forged}))
				gatewaytest.RequireNoUpstream(t, gw)
			}
		})
	}
}

// handles is a named route of n handles, the last of which, for all that is left, has
// the body.
func handles(name string, n int, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "&(%s) {\n", name)
	for i := range n - 1 {
		fmt.Fprintf(&b, "handle /web%d/* {\n respond web\n}\n", i)
	}
	fmt.Fprintf(&b, "handle {\n%s\n}\n}", body)
	return b.String()
}

// A named route invokes the gate's, beside other lines: the adapter keeps the first of
// them, and the gate is never reached. That is an error at load, and not an open site;
// within a route, all is there.
func TestNamedRouteOfNamedRoute(t *testing.T) {
	const gateRoute = "&(gate) {\n wechat_auth\n}\n"
	for name, test := range map[string]struct {
		outer string
		loads bool
	}{
		"lost":             {"&(outer) {\n header X-A b\n invoke gate\n}", false},
		"in a route":       {"&(outer) {\n route {\n header X-A b\n invoke gate\n }\n}", true},
		"alone":            {"&(outer) {\n invoke gate\n}", true},
		"in a handle":      {"&(outer) {\n handle /x/* {\n respond x\n }\n handle {\n invoke gate\n }\n}", true},
		"from error pages": {"&(outer) {\n reverse_proxy 127.0.0.1:1 {\n @bad status 5xx\n handle_response @bad {\n invoke gate\n }\n }\n}", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := gatewaytest.Setup{Site: "invoke outer\nreverse_proxy <UPSTREAM>", Sites: gateRoute + test.outer}
			if !test.loads {
				err := gatewaytest.Start(t, gatewaytest.Setup{Site: "respond hello"}).Load(s)
				if err == nil || !strings.Contains(err.Error(), `"gate" holds wechat_auth, and nothing invokes it`) {
					t.Errorf("loading: %v", err)
				}
				return
			}
			gw := gatewaytest.Start(t, s)
			if name != "from error pages" {
				gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/api", Header: gatewaytest.Header("X-WeChat-OpenID", gatewaytest.Eve)}))
			}
			gatewaytest.RequireNoUpstream(t, gw)
		})
	}
}

// Configurations in JSON: error routes of a subroute are guarded as the server's are; and
// a gate in a named route alone that cannot guard the error routes is an error at load.
func TestErrorRoutesInJSON(t *testing.T) {
	const (
		basic = `{"handler":"error","status_code":418}`
		gate  = `{"handler":"wechat_auth"}`
		proxy = `{"handler":"reverse_proxy","upstreams":[{"dial":"<UPSTREAM>"}]}`
	)
	for name, test := range map[string]struct {
		server string
		loads  bool
	}{
		"a subroute's":           {`"routes":[{"handle":[{"handler":"subroute","routes":[{"handle":[` + basic + `,` + gate + `]}],"errors":{"routes":[{"handle":[` + proxy + `]}]}}]}]`, true},
		"the server's":           {`"routes":[{"handle":[` + basic + `,` + gate + `]}],"errors":{"routes":[{"handle":[` + proxy + `]}]}`, true},
		"named, with subroutes":  {`"routes":[{"handle":[` + basic + `,{"handler":"invoke","name":"g"}]}],"named_routes":{"g":{"handle":[` + gate + `]}},"errors":{"routes":[{"handle":[{"handler":"subroute","routes":[{"handle":[` + proxy + `]}]}]}]}`, true},
		"named, without":         {`"routes":[{"handle":[` + basic + `,{"handler":"invoke","name":"g"}]}],"named_routes":{"g":{"handle":[` + gate + `]}},"errors":{"routes":[{"handle":[` + proxy + `]}]}`, false},
		"named, and a gate else": {`"routes":[{"handle":[` + basic + `,{"handler":"invoke","name":"g"},` + gate + `]}],"named_routes":{"g":{"handle":[` + gate + `]}},"errors":{"routes":[{"handle":[` + proxy + `]}]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			text := gw.Fill(`{"admin":{"disabled":true,"config":{"persist":false}},"storage":{"module":"file_system","root":"<DIR>/storage"},
				"logging":{"logs":{"default":{"writer":{"output":"file","filename":"<DIR>/log.json"}}}},
				"apps":{"wechat":{"apps":[{"appid":"` + gatewaytest.AppA + `","secret":"` + gatewaytest.SecretA + `"}],"api_base":"<SIM>","store":{"store":"memory"}},
				"http":{"servers":{"srv":{"listen":["127.0.0.1:<HTTPPORT>"],"automatic_https":{"disable":true},` + test.server + `}}}}}`)
			err := caddy.Load([]byte(text), true)
			if (err == nil) != test.loads {
				t.Fatalf("loading: %v", err)
			}
			if err != nil {
				return
			}
			gw.Upstream.Reset()
			got := gatewaytest.RawHTTP(t, gw.HTTP, gw.Fill("POST /api HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer "+token+"\nX-WeChat-OpenID: "+gatewaytest.Eve+
				"\nConnection: Upgrade\nUpgrade: h2c\nTrailer: X-WeChat-OpenID\nTransfer-Encoding: chunked\n\n1\nx\n0\nX-WeChat-OpenID: "+gatewaytest.Eve+"\n\n"))
			if got.Status != 200 || len(gw.Upstream.Requests()) != 1 {
				t.Errorf("%v\n%s", got, gatewaytest.RawOf(gw.Upstream.Requests()))
			}
			requireAsBehind(t, gw, "", token)
		})
	}
}
