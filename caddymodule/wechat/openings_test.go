// openings_test.go: which configurations are found open, and which are not.

package wechat_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/openconfig"
)

// openings provisions the HTTP servers of a Caddyfile and returns what is found open,
// each as "site path: problem".
func openings(t *testing.T, caddyfile string, options openconfig.Options) (found []string) {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("%v\n%s", err, caddyfile)
	}
	var adapted struct{ Apps map[string]json.RawMessage }
	if err := json.Unmarshal(config, &adapted); err != nil {
		t.Fatal(err)
	}
	var http caddyhttp.App
	if err := json.Unmarshal(adapted.Apps["http"], &http); err != nil {
		t.Fatal(err)
	}
	for _, server := range http.Servers {
		server.AutoHTTPS = &caddyhttp.AutoHTTPSConfig{Disabled: true}
	}
	var wechat gatewaytest.Object
	if err := json.Unmarshal(adapted.Apps["wechat"], &wechat); err != nil {
		t.Fatal(err)
	}
	delete(wechat, "store") // the default touches nothing before it is started; `memory` would be kept for other tests
	cfg := gatewaytest.Config(t, gatewaytest.Object{"wechat": wechat, "http": http})
	parent, err := caddy.ProvisionContext(cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, caddyfile)
	}
	t.Cleanup(func() { gatewaytest.End(cfg) })
	ctx, cancel := caddy.NewContext(parent)
	t.Cleanup(cancel)
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range openconfig.Find(app.(*caddyhttp.App).Servers, options) {
		found = append(found, f.Site+" "+f.Path+": "+f.Problem)
	}
	return found
}

const openGlobal = `{
	order wechat_auth after forward_auth
	%s
	wechat {
		app ` + gatewaytest.AppID + ` ` + gatewaytest.AppSecret + `
	}
}
`

// Each opens something, and is told with site, path and the words.
func TestOpenConfigurations(t *testing.T) {
	for name, test := range map[string]struct {
		sites string
		want  []string // each begins so, and holds the words after "…"
	}{
		"proxy before the gate": {"http://a.test {\n route {\n reverse_proxy localhost:3000\n wechat_auth\n }\n}",
			[]string{"a.test *:…reverse_proxy localhost:3000 comes before wechat_auth"}},
		"proxy with a path before the gate": {"http://a.test {\n route {\n reverse_proxy /x/* localhost:3000\n wechat_auth\n reverse_proxy localhost:3001\n }\n}",
			[]string{"a.test /x/*:…comes before wechat_auth"}},
		"proxy in a handle before the gate": {"http://a.test {\n route {\n handle /x/* {\n reverse_proxy localhost:3000\n }\n wechat_auth\n reverse_proxy localhost:3001\n }\n}",
			[]string{"a.test /x/*:…comes before wechat_auth"}},
		"unguarded handle": {"http://a.test {\n handle /api/* {\n wechat_auth\n reverse_proxy localhost:3000\n }\n handle {\n reverse_proxy 127.0.0.1:3000\n }\n}",
			[]string{"a.test *:…127.0.0.1:3000 is behind wechat_auth elsewhere"}},
		"unguarded handle before": {"http://a.test {\n handle /files/* {\n reverse_proxy http://localhost:3000\n }\n handle {\n wechat_auth\n reverse_proxy :3000\n }\n}",
			[]string{"a.test /files/*:…localhost:3000 is behind wechat_auth elsewhere"}},
		"another site": {"http://a.test {\n wechat_auth\n reverse_proxy unix//run/app.sock\n}\nhttp://b.test http://c.test {\n reverse_proxy unix//run/app.sock\n}",
			[]string{"b.test c.test *:…unix//run/app.sock is behind wechat_auth elsewhere"}},
		"another port": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\n:8081 {\n reverse_proxy localhost:3000\n}",
			[]string{":8081 *:…is behind wechat_auth elsewhere"}},
		"dynamic upstreams": {"http://a.test {\n wechat_auth\n reverse_proxy {\n dynamic a app 3000\n }\n}\n:8081 {\n reverse_proxy {\n dynamic a app 3000\n }\n}",
			[]string{":8081 *:…dynamic a is behind wechat_auth elsewhere"}},
		"error route": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors 404 {\n reverse_proxy localhost:3000\n }\n}",
			[]string{"a.test handle_errors *:…the error route leads to localhost:3000"}},
		"error route with the client's path": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors 404 {\n rewrite * /errors{uri}\n reverse_proxy localhost:3000\n }\n}",
			[]string{"a.test handle_errors *:…the error route leads to localhost:3000"}},
		"error page for some": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors 404 {\n rewrite /x /page\n reverse_proxy localhost:3000\n }\n}",
			[]string{"a.test handle_errors *:…the error route leads to localhost:3000"}},
		"named route": {"&(app) {\n reverse_proxy localhost:3000\n}\nhttp://a.test {\n wechat_auth\n invoke app\n}\nhttp://b.test {\n invoke app\n}",
			[]string{"b.test *:…is behind wechat_auth elsewhere"}},
		"php": {"http://a.test {\n wechat_auth\n php_fastcgi localhost:9000\n}\nhttp://b.test {\n php_fastcgi localhost:9000\n}",
			[]string{"b.test *.php:…is behind wechat_auth elsewhere"}},
		"handle_response": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n reverse_proxy localhost:4000 {\n handle_response {\n reverse_proxy localhost:3000\n }\n }\n}",
			[]string{"b.test *:…localhost:3000 is behind wechat_auth elsewhere"}},
		"forward_auth in an error route": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors 401 {\n forward_auth localhost:3000 {\n uri /verify\n }\n respond no\n }\n}",
			[]string{"a.test handle_errors *:…the error route leads to localhost:3000"}},
		"forward_auth in an error route of another site": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n respond x\n handle_errors {\n forward_auth /x/* localhost:3000 {\n uri /verify\n }\n }\n}",
			[]string{"b.test handle_errors /x/*:…the error route leads to localhost:3000"}},
		"forward_auth to a guarded upstream": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n forward_auth localhost:3000 {\n uri /verify\n }\n respond x\n}",
			[]string{"b.test *:…is behind wechat_auth elsewhere"}},
		"upper case and the dot of the root": {"http://a.test {\n wechat_auth\n reverse_proxy App.internal:3000 localhost:3000\n}\nhttp://b.test {\n reverse_proxy http://app.internal.:3000\n}\nhttp://c.test {\n reverse_proxy LOCALHOST:3000\n}",
			[]string{"b.test *:…is behind wechat_auth elsewhere", "c.test *:…is behind wechat_auth elsewhere"}},
		"the query chooses": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n reverse_proxy {query.u}\n}",
			[]string{"b.test *:…the client chooses the upstream {http.request.uri.query.u}, and may choose localhost:3000, which is behind wechat_auth"}},
		"a header chooses": {"http://a.test {\n handle /p/* {\n reverse_proxy {http.request.header.X}:3000\n }\n handle {\n wechat_auth\n reverse_proxy localhost:3000\n }\n}",
			[]string{"a.test /p/*:…the client chooses the upstream {http.request.header.X}:3000"}},
		"the path chooses": {"http://a.test {\n wechat_auth\n reverse_proxy app.internal:3000\n}\nhttp://b.test {\n @p path_regexp p ^/([a-z]+)/\n reverse_proxy @p {re.p.1}.internal:3000\n}",
			[]string{"b.test *:…may choose app.internal:3000"}},
		"the host chooses": {"http://a.test {\n wechat_auth\n reverse_proxy app.internal:3000\n}\nhttp://*.b.test {\n reverse_proxy {labels.2}.internal:3000\n}",
			[]string{"*.b.test *:…may choose app.internal:3000"}},
		"the client chooses in an error route": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors {\n rewrite * /page\n reverse_proxy {query.u}\n }\n}",
			[]string{"a.test handle_errors *:…the client chooses the upstream"}},
		"the client chooses before the gate": {"http://a.test {\n route {\n reverse_proxy /x/* {query.u}\n wechat_auth\n reverse_proxy localhost:3000\n }\n}",
			[]string{"a.test /x/*:…comes before wechat_auth"}},
		"the client chooses whom forward_auth asks": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n forward_auth {query.u} {\n uri /verify\n }\n respond x\n}",
			[]string{"b.test *:…the client chooses the upstream"}},
		"a dynamic upstream that the client chooses": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\n:8081 {\n reverse_proxy {\n dynamic a {query.u} 3000\n }\n}",
			[]string{":8081 *:…the client chooses the upstream dynamic a"}},
		"the order option": {"http://a.test {\n @x not path /y\n wechat_auth\n reverse_proxy @x localhost:3000\n}",
			[]string{"a.test *:…reverse_proxy localhost:3000 comes before wechat_auth"}},
		"public everything": {"http://a.test {\n wechat_auth {\n public /*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…public /* lets every path in"}},
		"try_files": {"http://a.test {\n root * /srv\n try_files {path} /index.html\n wechat_auth {\n public / /index.html\n }\n file_server\n}",
			[]string{"a.test *:…a rewrite before wechat_auth makes paths /index.html"}},
		"rewrite": {"http://a.test {\n rewrite /old /static/x\n wechat_auth {\n public /static/*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test /old:…a rewrite before wechat_auth makes paths /static/x"}},
		"rewrite with the path in it": {"http://a.test {\n rewrite * /static{uri}\n wechat_auth {\n public /static/*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…a rewrite before wechat_auth makes paths /static{http.request.uri}"}},
		"rewrite below a public prefix": {"http://a.test {\n rewrite * /static/{uri}\n wechat_auth {\n public /static/*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…a rewrite before wechat_auth makes paths /static/"}},
		"uri replace": {"http://a.test {\n uri replace /admin /static/\n wechat_auth {\n public /static/*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…makes paths /static/"}},
		"uri path_regexp": {"http://a.test {\n uri path_regexp ^/a+ /static/\n wechat_auth {\n public /static/*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…makes paths /static/"}},
		"uri strip_prefix": {"http://a.test {\n uri strip_prefix /v1\n wechat_auth {\n public /static/*\n }\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…makes paths /static/x of /v1/static/x"}},
		"rewrite in a route": {"http://a.test {\n route {\n rewrite /old /healthz\n wechat_auth {\n public /healthz\n }\n reverse_proxy localhost:3000\n }\n}",
			[]string{"a.test /old:…makes paths /healthz"}},
		"matcher of a rewrite": {"http://a.test {\n @admin header X-WeChat-OpenID oADMIN\n rewrite @admin /admin{uri}\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…a matcher (header) reads an identity header before wechat_auth"}},
		"matcher in another spelling": {"http://a.test {\n @admin header x_wx_openid oADMIN\n rewrite @admin /admin{uri}\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…a matcher (header)"}},
		"negated matcher": {"http://a.test {\n @admin not header X-WeChat-OpenID *\n rewrite @admin /admin{uri}\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…a matcher (not)"}},
		"expression": {"http://a.test {\n @admin `{header.X-WeChat-OpenID} == 'oADMIN'`\n rewrite @admin /admin{uri}\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…a matcher (expression)"}},
		"vars": {"http://a.test {\n vars who {header.X-WeChat-OpenID}\n wechat_auth\n reverse_proxy localhost:3000 {\n header_up X-Who {vars.who}\n }\n}",
			[]string{"a.test *:…vars reads an identity header"}},
		"map": {"http://a.test {\n map {header.X-WeChat-OpenID} {role} {\n oADMIN admin\n default user\n }\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{"a.test *:…map reads an identity header"}},
		"redir": {"http://a.test {\n redir /me /users/{header.X-WeChat-OpenID}\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{"a.test /me:…static_response reads an identity header"}},
		"trusted_proxies": {"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}",
			[]string{":80 *:…trusted_proxies without trusted_proxies_strict"}},
	} {
		t.Run(name, func(t *testing.T) {
			global := ""
			if name == "trusted_proxies" {
				global = "servers {\n trusted_proxies static private_ranges\n }"
			}
			if name == "the order option" {
				global = "order wechat_auth after reverse_proxy"
			}
			found := openings(t, fmt.Sprintf(openGlobal, global)+test.sites, openconfig.Options{})
			if len(found) != len(test.want) {
				t.Fatalf("found %q, want %q", found, test.want)
			}
			for i, want := range test.want {
				begin, words, _ := strings.Cut(want, "…")
				if !strings.HasPrefix(found[i], begin) || !strings.Contains(found[i], words) {
					t.Errorf("found %q, want %q", found[i], want)
				}
			}
			upstreams := openconfig.Options{Unguarded: []string{"localhost:3000", "unix//run/app.sock", "127.0.0.1:9000", "app.internal:3000"}}
			if strings.Contains(strings.Join(test.want, ""), "behind wechat_auth elsewhere") && name != "dynamic upstreams" {
				if found := openings(t, fmt.Sprintf(openGlobal, global)+test.sites, upstreams); len(found) != 0 {
					t.Errorf("told of what is meant: %q", found)
				}
			}
		})
	}
}

// What people write every day is told of by nothing.
func TestNoFalseAlarms(t *testing.T) {
	for name, sites := range map[string]string{
		"three lines":               "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}",
		"matcher":                   "http://a.test {\n wechat_auth /api/*\n reverse_proxy localhost:3000\n}",
		"public":                    "http://a.test {\n wechat_auth {\n public / /healthz /static/*\n }\n reverse_proxy localhost:3000\n}",
		"handles":                   "http://a.test {\n handle /api/* {\n wechat_auth\n reverse_proxy localhost:3000\n }\n handle {\n root * /srv\n try_files {path} /index.html\n file_server\n }\n}",
		"gate on top":               "http://a.test {\n wechat_auth {\n public / /index.html /assets/*\n }\n handle /api/* {\n reverse_proxy localhost:3000\n }\n handle {\n root * /srv\n try_files {path} /index.html\n file_server\n }\n}",
		"handle_path":               "http://a.test {\n handle_path /api/* {\n wechat_auth {\n public /healthz\n }\n reverse_proxy localhost:3000\n }\n}",
		"two gates":                 "http://a.test {\n handle /a/* {\n wechat_auth\n reverse_proxy localhost:3000\n }\n handle {\n wechat_auth {\n public /x\n }\n reverse_proxy localhost:3000\n }\n}",
		"route":                     "http://a.test {\n route {\n wechat_auth\n reverse_proxy localhost:3000\n }\n}",
		"other upstream":            "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n reverse_proxy localhost:3001\n}",
		"error page":                "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors {\n respond \"{err.status_code}\"\n }\n}",
		"error page of the backend": "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors 401 {\n rewrite * /please-log-in\n reverse_proxy localhost:3000\n }\n}",
		"error gate":                "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n handle_errors {\n wechat_auth\n reverse_proxy localhost:3000\n }\n}",
		"forward_auth":              "http://a.test {\n forward_auth localhost:9091 {\n uri /verify\n copy_headers X-Other\n }\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://auth.test {\n reverse_proxy localhost:9091\n}",
		"snippet":                   "(protected) {\n wechat_auth\n reverse_proxy {args[0]}\n}\nhttp://a.test {\n import protected localhost:3000\n}\nhttp://b.test {\n import protected localhost:3001\n}",
		"preflight":                 "http://a.test {\n route {\n @preflight method OPTIONS\n respond @preflight 204\n wechat_auth\n reverse_proxy localhost:3000\n }\n}",
		"own header":                "http://a.test {\n wechat_auth\n request_header X-User {http.auth.user.openid}\n reverse_proxy localhost:3000 {\n header_up X-Real-IP {remote_host}\n }\n}",
		"handle on it":              "http://a.test {\n wechat_auth\n @admin header X-WeChat-OpenID oADMIN\n handle @admin {\n reverse_proxy localhost:3001\n }\n reverse_proxy localhost:3000\n}",
		"rewrite public":            "http://a.test {\n rewrite / /index.html\n wechat_auth {\n public / /index.html\n }\n file_server\n}",
		"redirects":                 "http://a.test {\n redir /old /new\n encode\n header X-Frame-Options DENY\n basic_auth /admin/* {\n a $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n }\n wechat_auth\n reverse_proxy localhost:3000\n}",
		"no gate at all":            "http://a.test {\n @x header X-WeChat-OpenID o\n respond @x 403\n reverse_proxy localhost:3000\n}",
		"chosen behind the gate":    "http://a.test {\n wechat_auth\n reverse_proxy {query.u}\n}\nhttp://b.test {\n wechat_auth\n reverse_proxy localhost:3000\n}",
		"chosen among others":       "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://*.b.test {\n reverse_proxy {labels.2}.pages.internal:80\n}",
		"chosen by map":             "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n map {query.u} {up} {\n x localhost:4000\n default localhost:4001\n }\n reverse_proxy {up}\n}",
		"chosen by the environment": "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n reverse_proxy {env.OPENINGS_UPSTREAM}\n}",
		"forward_auth behind":       "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://b.test {\n route {\n wechat_auth\n forward_auth localhost:3000 {\n uri /verify\n }\n respond x\n }\n}",
		"longer name":               "http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}\nhttp://longer.test {\n reverse_proxy localhost:3001\n}",
		"health":                    "http://a.test {\n wechat_health /healthz\n wechat_auth\n reverse_proxy localhost:3000\n}",
	} {
		if found := openings(t, fmt.Sprintf(openGlobal, "")+sites, openconfig.Options{LoginRateByHand: true}); len(found) != 0 {
			t.Errorf("%s: %q", name, found)
		}
	}
	strict := "servers {\n trusted_proxies static private_ranges\n trusted_proxies_strict\n }"
	if found := openings(t, fmt.Sprintf(openGlobal, strict)+"http://a.test {\n wechat_auth\n reverse_proxy localhost:3000\n}", openconfig.Options{LoginRateByHand: true}); len(found) != 0 {
		t.Errorf("trusted_proxies_strict: %q", found)
	}
}

// A number of logins by hand is one for all users where all have one address, or none.
func TestBudgetsOfEverybody(t *testing.T) {
	const strict = "trusted_proxies_strict\n"
	for _, test := range []struct{ bind, servers, want string }{
		{"unix//run/x.sock", "", "over a unix socket"},
		{"unix/@x", "", "over a unix socket"},
		{"unix//run/x.sock", "trusted_proxies_unix\n" + strict, ""},
		{"unix//run/x.sock", "trusted_proxies_unix\n", "leftmost"},
		{"127.0.0.1", "", "behind a proxy on this machine"},
		{"127.0.0.1", "trusted_proxies static 127.0.0.0/8\n" + strict, ""},
		{"0.0.0.0", "", ""},
	} {
		global := "servers {\n" + test.servers + "}"
		sites := fmt.Sprintf(openGlobal, global) + "http:// {\n bind " + test.bind + "\n wechat_auth\n reverse_proxy localhost:3000\n}"
		found := openings(t, sites, openconfig.Options{LoginRateByHand: true})
		if (test.want == "") != (len(found) == 0) || !strings.Contains(strings.Join(found, "\n"), test.want) {
			t.Errorf("%s, %q: %q, want %q", test.bind, test.servers, found, test.want)
		}
		if test.want != "leftmost" {
			if found := openings(t, sites, openconfig.Options{}); len(found) != 0 {
				t.Errorf("%s by default: %q", test.bind, found)
			}
		}
	}
}

var fence = regexp.MustCompile("(?s)```caddyfile\n(.*?)```|```\n(\\{\n.*?|[a-z.:/0-9]+ \\{\n.*?)```")

var keyFileLine = regexp.MustCompile(`(?m)^(\s*key_file ).*$`)

// The configurations that we show to people are told of by nothing.
func TestOwnDocumentsAreClosed(t *testing.T) {
	root := filepath.Join("..", "..")
	var texts []string
	for _, pattern := range []string{"Caddyfile", "*.md", "docs/*.md", "examples/*/Caddyfile", "examples/*/*/Caddyfile"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, ".md") {
				texts = append(texts, string(text))
				continue
			}
			for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
				texts = append(texts, block[1]+block[2])
			}
		}
	}
	t.Setenv("WECHAT_APPID", gatewaytest.AppID)
	t.Setenv("WECHAT_SECRET", gatewaytest.AppSecret)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("9f3c1d7ab25e804466c1f7e02d9b8a315ce0947f1ab6d28370e5c9418bf26da3"), 0o600); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, text := range texts {
		if !strings.Contains(text, "wechat_auth") {
			continue
		}
		if !slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "wechat {" }) {
			text = fmt.Sprintf(openGlobal, "") + text
		}
		if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"}); err != nil {
			continue // a piece of one
		}
		looked++
		text = keyFileLine.ReplaceAllString(text, "${1}"+key)
		text = regexp.MustCompile(`\{(env|file)\.[^{}]+\}`).ReplaceAllString(text, gatewaytest.AppSecret)
		if found := openings(t, text, openconfig.Options{LoginRateByHand: true}); len(found) != 0 {
			t.Errorf("%q of\n%s", found, text)
		}
	}
	if looked < 4 {
		t.Errorf("only %d configurations were looked at", looked)
	}
}
