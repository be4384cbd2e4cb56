// sites.go: the gateways that are attacked: which configurations there are, and
// their Caddyfiles.

package main

import (
	"fmt"
	"strings"
)

const (
	appA, secretA = "wx00000000000000aa", "secret-of-app-a-5eb63bbbe01eeed0"
	appB, secretB = "wx00000000000000bb", "secret-of-app-b-93cb22bb8f5acdc3"

	alice = "oAlice0000000000000000000000"
	bob   = "oBob000000000000000000000000"
	eve   = "oEve000000000000000000000000"
)

// gatewaySpec is one process.
type gatewaySpec struct {
	name, algorithm string
	apps            []string
	lifetime        string
}

var gateways = []gatewaySpec{
	{"main", "HS256", []string{appA, appB}, "24h"},
	{"rs256", "RS256", []string{appA}, "24h"},
	{"es256", "ES256", []string{appA}, "24h"},
	{"eddsa", "EdDSA", []string{appA}, "24h"},
	{"short", "HS256", []string{appA}, "4s"},
}

// siteSpec is one site of a process, on ports of its own.
type siteSpec struct {
	name, gateway string
	app           string // whose users alice and bob are
	auth          string // the wechat_auth lines
	rest          string // what follows them. Default: proxy
	server        string // options of the server

	cookie    bool   // a session cookie is taken
	forward   bool   // the credential stays on the request
	errorPage bool   // refusals are answered by the backend, at /error
	down      bool   // the backend behind the gate is down: that is answered there, too
	before    bool   // another check refuses everybody before the gate: the same
	trusts    string // an origin whose pages may call
	open      bool   // what the matcher does not name is let in
}

const (
	proxy      = "reverse_proxy <UPSTREAM>"
	publicLine = "public /public/* /healthz /"

	errorBackend = "handle_errors {\n rewrite * /error?{query}\n " + proxy + " {\n replace_status {err.status_code}\n }\n}"
)

var sites = []siteSpec{
	{name: "bearer", gateway: "main", app: appA, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n}"},
	{name: "cookie", gateway: "main", app: appA, cookie: true, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n cookie\n}"},
	{name: "otherapp", gateway: "main", app: appB, auth: "wechat_auth {\n app " + appB + "\n " + publicLine + "\n}"},
	{name: "allapps", gateway: "main", app: appA, auth: "wechat_auth {\n app *\n " + publicLine + "\n}"},
	{name: "matcher", gateway: "main", app: appA, open: true, auth: "wechat_auth /api/* {\n app " + appA + "\n}"},
	{name: "forward", gateway: "main", app: appA, forward: true, cookie: true, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n cookie\n forward_token\n}"},
	{name: "buffered", gateway: "main", app: appA, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n}", rest: proxy + " {\n request_buffers 1MB\n}"},
	{name: "twice", gateway: "main", app: appA, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n}\nwechat_auth {\n app *\n " + publicLine + "\n}"},
	{
		name: "errors", gateway: "main", app: appA, errorPage: true, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n}",
		rest: proxy + "\nhandle_errors {\n rewrite * /error\n wechat_auth {\n app " + appA + "\n public /error\n }\n " + proxy + " {\n replace_status {err.status_code}\n }\n}",
	},
	{
		// no gate of its own in the error route, as nothing tells anybody to write one
		name: "down", gateway: "main", app: appA, cookie: true, errorPage: true, down: true,
		auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n cookie\n}", rest: "reverse_proxy 127.0.0.1:1\n" + errorBackend,
	},
	{
		name: "before", gateway: "main", app: appA, cookie: true, errorPage: true, before: true,
		auth: "basic_auth {\n nobody $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nwechat_auth {\n app " + appA + "\n " + publicLine + "\n cookie\n}",
		rest: proxy + "\n" + errorBackend,
	},
	{
		name: "trusting", gateway: "main", app: appA, cookie: true, trusts: "https://friend.example",
		auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n cookie\n trusted_origin https://friend.example\n}",
	},
	{
		// Caddy's own filter of such names is told to let ours through
		name: "folding", gateway: "main", app: appA, auth: "wechat_auth {\n app " + appA + "\n " + publicLine + "\n}",
		server: "expected_underscore_headers X_WeChat_* X_WX_* x-wechat_* X-WX_*\nexpected_dot_headers X.WeChat.* X.WX.* X-WeChat.* X-WX.*",
	},
	{name: "rs256", gateway: "rs256", app: appA, auth: "wechat_auth {\n " + publicLine + "\n}"},
	{name: "es256", gateway: "es256", app: appA, auth: "wechat_auth {\n " + publicLine + "\n}"},
	{name: "eddsa", gateway: "eddsa", app: appA, auth: "wechat_auth {\n " + publicLine + "\n}"},
	{name: "short", gateway: "short", app: appA, auth: "wechat_auth {\n " + publicLine + "\n}"},
}

// pathOf is the path of a kind at every site.
var pathOf = map[string]string{"protected": "/api/me", "public": "/public/x", "endpoint": "/wechat/session", "unknown": "/nothing/here"}

// opens reports whether a site lets a kind of path in without a session.
func (s *siteSpec) opens(path string) bool {
	return path == "public" || path == "unknown" && s.open
}

// caddyfile is the configuration of a process with its sites.
func (g *gatewaySpec) caddyfile(w *world, admin, keyFile string) string {
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	line("{\n admin %s\n persist_config off\n skip_install_trust\n auto_https disable_redirects\n grace_period 1s\n default_bind 127.0.0.1", admin)
	line(" log default {\n level DEBUG\n format json\n }")
	line(" storage file_system storage")
	for _, s := range w.sites {
		if s.gateway == g.name {
			line(" servers %s {\n protocols h1 h2c\n %s\n }", s.http, s.server)
			line(" servers %s {\n protocols h1 h2 h3\n %s\n }", s.https, s.server)
		}
	}
	line(" wechat {")
	for _, app := range g.apps {
		line("  app %s {$SECRET_%s}", app, app[len(app)-2:])
	}
	line("  api_base %s\n  session_lifetime %s\n  login_rate off\n  store memory\n  token {\n algorithm %s\n key_file %s\n }\n }\n}", w.wechat.url, g.lifetime, g.algorithm, keyFile)
	for _, s := range w.sites {
		if s.gateway != g.name {
			continue
		}
		rest := s.rest
		if rest == "" {
			rest = proxy
		}
		body := strings.ReplaceAll("log\n"+s.auth+"\n"+rest, "<UPSTREAM>", w.backend.addr)
		line("http://%s {\n%s\n}", localhost(s.http), body)
		line("https://%s {\n tls ../cert.pem ../key.pem\n%s\n}", localhost(s.https), body)
	}
	return t.String()
}

func localhost(addr string) string { return strings.Replace(addr, "127.0.0.1", "localhost", 1) }
