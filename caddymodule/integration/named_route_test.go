// named_route_test.go: the gate in named routes, which Caddy's adapter takes apart.

package integration

import (
	"fmt"
	"strings"
	"testing"
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
			gw := start(t, setup{Site: test.site, Sites: test.routes})
			forged := header("X-WeChat-OpenID", eve)
			for _, c := range []*client{gw.h1, gw.h2} { // one for each of the sites
				requireRefused(t, c.do(t, call{Target: "/api", Header: forged}))
				requireNoUpstream(t, gw)
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
