// models_test.go: the rules of proxies that cannot be had here as programs, before the
// real check. Each rule is as its source says: the proxy's code or advisory, named at
// the rule. What the configurations of examples/ list is read from them.

package wechatcheck_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// model lets a request go on with the header that it returns, or answers it.
type model struct {
	name  string
	check func(t *testing.T, ask asking, r *http.Request) (onward http.Header, refused *http.Response)
	odd   bool // it lets odd spellings pass, as its README says
}

// asking sends a proxy's question to the check.
type asking func(method, target, host string, header http.Header) *http.Response

func exampleFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// named returns the names that a pattern finds in an example.
func named(t *testing.T, path, pattern string) (names []string) {
	t.Helper()
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(exampleFile(t, path), -1) {
		names = append(names, match[1])
	}
	if len(names) < 3 {
		t.Fatalf("%s: the pattern %s finds %q", path, pattern, names)
	}
	return names
}

// remove deletes a name in any case.
func remove(h http.Header, names ...string) {
	for name := range h {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			delete(h, name)
		}
	}
}

// removeMatching deletes the names that a rule is for.
func removeMatching(h http.Header, rule func(name string) bool) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return rule(name) })
}

func only(h http.Header, names ...string) http.Header {
	kept := make(http.Header)
	for _, name := range names {
		if values := h[http.CanonicalHeaderKey(name)]; values != nil {
			kept[http.CanonicalHeaderKey(name)] = values
		}
	}
	return kept
}

func models(t *testing.T) []model {
	return []model{{name: "traefik", check: traefik}, {name: "envoy", check: envoy}, {name: "apisix", check: apisix}, {name: "higress", check: higress, odd: true}}
}

// traefik is ForwardAuth (pkg/middlewares/auth/forward.go at fd5a576df) behind an entry
// point with aliasHeadersStrategy delete (CVE-2026-88011) and the middleware headers.
func traefik(t *testing.T, ask asking, r *http.Request) (http.Header, *http.Response) {
	text := exampleFile(t, "traefik/dynamic.yml")
	if !strings.Contains(exampleFile(t, "traefik/traefik.yml"), "aliasHeadersStrategy: delete") || !strings.Contains(text, "trustForwardHeader: false") {
		t.Fatal("the example lacks what its rules need")
	}
	h := r.Header.Clone()
	removeMatching(h, func(name string) bool { return strings.ContainsAny(name, "!#$%&'*+.^_`|~") })
	remove(h, named(t, "traefik/dynamic.yml", `(?m)^ {10}([A-Za-z-]+): ""`)...)

	question := only(h, "Authorization") // authRequestHeaders
	question.Set("X-Forwarded-Method", r.Method)
	question.Set("X-Forwarded-Uri", r.RequestURI)
	answer := ask(http.MethodGet, "/", "127.0.0.1:9180", question)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, answer // status, body and all headers as they came
	}
	for _, name := range []string{"Authorization"} { // authResponseHeaders: deleted, then copied
		h.Del(name)
		for _, value := range answer.Header.Values(name) {
			h.Add(name, value)
		}
	}
	pattern := regexp.MustCompile(regexp.MustCompile(`authResponseHeadersRegex: "(.*)"`).FindStringSubmatch(text)[1])
	removeMatching(h, pattern.MatchString) // it matches Go's canonical names
	for name, values := range answer.Header {
		if pattern.MatchString(name) {
			h[name] = values
		}
	}
	return h, nil
}

// envoy is ext_authz over HTTP (ext_authz_http_impl.cc, ext_authz.cc): the client's
// method and Host, a name that the check did not return stays, removal after setting.
func envoy(t *testing.T, ask asking, r *http.Request) (http.Header, *http.Response) {
	text := exampleFile(t, "envoy/envoy.yaml")
	h := r.Header.Clone()
	if strings.Contains(text, "headers_with_underscores_action: DROP_HEADER") {
		removeMatching(h, func(name string) bool { return strings.Contains(name, "_") })
	}
	// header_mutation, remove_on_match: RE2, the whole name, which Envoy has in lower case (#41076)
	clean := regexp.MustCompile("^(?:" + regexp.MustCompile(`regex: "(.*)"`).FindStringSubmatch(text)[1] + ")$")
	removeMatching(h, func(name string) bool { return clean.MatchString(strings.ToLower(name)) })

	target := "/" // path_override (#43447)
	if !strings.Contains(text, `path_override: "/"`) {
		target = r.RequestURI
	}
	answer := ask(r.Method, target, r.Host, only(h, "Authorization"))
	switch {
	case answer.StatusCode >= 500:
		return nil, &http.Response{StatusCode: http.StatusServiceUnavailable, Header: make(http.Header), Body: http.NoBody} // status_on_error
	case answer.StatusCode != http.StatusOK:
		return nil, answer
	}
	for name, values := range answer.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-wechat-") { // allowed_upstream_headers, overriding
			h[name] = values
		}
	}
	for _, name := range strings.Split(answer.Header.Get("X-Envoy-Auth-Headers-To-Remove"), ",") {
		h.Del(strings.TrimSpace(name))
	}
	return h, nil
}

// apisix is forward-auth (apisix/plugins/forward-auth.lua at f519a0f04, with the change
// of CVE-2026-31908) behind nginx's own rules for names and proxy-rewrite.
func apisix(t *testing.T, ask asking, r *http.Request) (http.Header, *http.Response) {
	text := exampleFile(t, "apisix/apisix.yaml")
	if !strings.Contains(text, "allow_degradation: false") || !strings.Contains(exampleFile(t, "apisix/config.yaml"), `underscores_in_headers: "off"`) {
		t.Fatal("the example lacks what its rules need")
	}
	list := func(option string) []string {
		match := regexp.MustCompile(option + `:\s*\[([^\]]*)\]`).FindStringSubmatch(text)
		return strings.Split(strings.ReplaceAll(match[1], " ", ""), ",")
	}
	h := r.Header.Clone()
	// ngx_http_parse.c: letters, digits and dashes; others are invalid, and ignored
	valid := regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	removeMatching(h, func(name string) bool { return !valid.MatchString(name) })
	remove(h, named(t, "apisix/apisix.yaml", `(?m)^ {12}- ([A-Za-z-]+)$`)...)

	question := only(h, list("request_headers")...)
	question.Set("X-Forwarded-Uri", r.RequestURI)
	question.Set("X-Forwarded-Method", r.Method)
	answer := ask(http.MethodGet, "/", "127.0.0.1:9180", question)
	if answer.StatusCode >= 300 {
		answer.Header = only(answer.Header, list("client_headers")...)
		return nil, answer
	}
	for _, name := range list("upstream_headers") { // set, or removed
		remove(h, name)
		if value := answer.Header.Get(name); value != "" {
			h.Set(name, value)
		}
	}
	return h, nil
}

// higress is ext-auth (plugins/wasm-go/extensions/ext-auth/main.go at 1807f4937) between
// two transformers.
func higress(t *testing.T, ask asking, r *http.Request) (http.Header, *http.Response) {
	if !strings.Contains(exampleFile(t, "higress/wasmplugin.yaml"), "endpoint_mode: forward_auth") {
		t.Fatal("the example lacks what its rules need")
	}
	h := r.Header.Clone()
	removed := named(t, "higress/wasmplugin.yaml", `- \{ key: ([A-Za-z_-]+) \}`)
	remove(h, removed...)
	answer := ask(http.MethodGet, "/", "gateway", only(h, "Authorization"))
	switch {
	case answer.StatusCode >= 500:
		return nil, &http.Response{StatusCode: http.StatusServiceUnavailable, Header: make(http.Header), Body: http.NoBody} // status_on_error
	case answer.StatusCode != http.StatusOK:
		return nil, answer
	}
	for name, values := range answer.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-wechat-") { // replaced if returned, the first value
			remove(h, name)
			h[name] = values[:1]
		}
	}
	if strings.Contains(exampleFile(t, "higress/wasmplugin.yaml"), "headers: [{ key: Authorization }]") {
		h.Del("Authorization") // the second transformer
	}
	return h, nil
}

// forged are names that some backend takes for one of ours.
func forged() (names []string) {
	for _, name := range []string{
		"X-WeChat-OpenID", "X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone", "X-WeChat-Assertion", "X-WeChat-Push",
		"X-WX-OPENID", "X-WX-APPID", "X-WX-UNIONID", "X-WX-SOURCE", "X-WX-FROM-OPENID",
	} {
		names = append(names, http.CanonicalHeaderKey(name), http.CanonicalHeaderKey("Grpc-Metadata-"+name))
		for _, c := range "_.!#$%&'*+^`|~" {
			names = append(names, strings.ReplaceAll(name, "-", string(c)), strings.Replace(name, "-", string(c), 1))
		}
	}
	return names
}

// plainly reports whether a name is spelled with dashes alone.
func plainly(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool { return strings.ContainsRune("_.!#$%&'*+^`|~", c) })
}

var ours = regexp.MustCompile(`(?i)x[^a-z0-9](wechat|wx)[^a-z0-9]`)

func TestModels(t *testing.T) {
	g := newGateway(t, nil)
	alice, token := g.logIn(t, session.Identity{OpenID: "oALICE"}) // nothing that could replace a client's unionid
	ended, gone := g.logIn(t, session.Identity{OpenID: "oGONE"})
	if err := g.Sessions.End(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}
	_, foreign := g.logIn(t, session.Identity{OpenID: "oEVE", AppID: otherAppID})
	h := g.check(t, gatewaytest.Object{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	ask := func(method, target, host string, header http.Header) *http.Response {
		r, err := http.NewRequest(method, server.URL+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.Header = host, header
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		answer.Body = io.NopCloser(strings.NewReader(string(body)))
		return answer
	}

	for _, m := range models(t) {
		t.Run(m.name, func(t *testing.T) {
			for _, name := range append(forged(), "X-Other") {
				if m.odd && name != "X-Other" && (!plainly(name) || strings.HasPrefix(name, "Grpc") || strings.HasPrefix(name, "X-Wechat-Push")) {
					continue
				}
				for _, method := range []string{"GET", "OPTIONS", "HEAD"} {
					for credential, known := range map[string]bool{"Bearer " + token: true, "Bearer " + gone: false, "Bearer " + foreign: false, "Bearer x": false, "Basic eA==": false, "": false} {
						r := httptest.NewRequest(method, "/api/me", nil)
						r.Header[name] = []string{"oFORGED", "oFORGED"}
						r.Header["X-Forwarded-Uri"] = []string{"/wechat/login"}
						if credential != "" {
							r.Header.Set("Authorization", credential)
						}
						onward, refused := m.check(t, ask, r)
						if !known {
							if onward != nil || refused.StatusCode != 401 {
								t.Fatalf("%s with %.10q: went on with %v", method, credential, onward)
							}
							if refused.Header.Get("Www-Authenticate") == "" {
								t.Errorf("the client is not told how to log in: %v", refused.Header)
							}
							continue
						}
						if refused != nil {
							t.Fatalf("%s %s: refused with %d", method, name, refused.StatusCode)
						}
						told := fmt.Sprint(onward[http.CanonicalHeaderKey("X-WeChat-OpenID")], onward[http.CanonicalHeaderKey("X-WeChat-AppID")])
						if told != fmt.Sprintf("[%s] [%s]", alice.OpenID, alice.AppID) {
							t.Errorf("told of %s", told)
						}
						if onward["Authorization"] != nil {
							t.Error("the credential goes on")
						}
						for other, values := range onward {
							if ours.MatchString(other) && slices.Contains(values, "oFORGED") {
								t.Errorf("%s goes on: %q", other, values)
							}
						}
					}
				}
			}
		})
	}
}
