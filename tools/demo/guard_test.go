// guard_test.go: who may use the page's server, which can play the operator.

package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

func TestNoOtherPagePlaysTheOperator(t *testing.T) {
	var reached []string
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = append(reached, r.Method+" "+r.RequestURI)
		if r.Header.Get("Origin") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("the admin endpoint was sent the page's own headers: %q", r.Header)
		}
	}))
	defer admin.Close()
	s := settings{admin: admin.Listener.Addr().String(), gateway: admin.URL, simulator: admin.Listener.Addr().String()}
	handler, err := s.pageHandler(&recorder{})
	if err != nil {
		t.Fatal(err)
	}
	const end = "/demo/operator/wechat/users/wx0123456789abcdef/oU"
	for name, test := range map[string]struct {
		host, site, origin, method, path string
		status                           int
		reaches                          string
	}{
		"the page itself":        {"localhost:8081", "same-origin", "http://localhost:8081", "DELETE", end, 200, "DELETE /wechat/users/wx0123456789abcdef/oU"},
		"another site":           {"localhost:8081", "cross-site", "https://evil.example", "DELETE", end, 403, ""},
		"another port":           {"localhost:8081", "same-site", "http://localhost:3000", "DELETE", end, 403, ""},
		"an old browser":         {"localhost:8081", "", "https://evil.example", "DELETE", end, 403, ""},
		"a name of its own":      {"evil.example:8081", "same-origin", "http://evil.example:8081", "DELETE", end, 403, ""},
		"a name, with a GET":     {"evil.example:8081", "same-origin", "", "GET", "/demo/seen", 403, ""},
		"the rest of the admin":  {"localhost:8081", "same-origin", "http://localhost:8081", "POST", "/demo/operator/load", 405, ""},
		"a way around":           {"localhost:8081", "same-origin", "http://localhost:8081", "POST", "/demo/operator/wechat/../load", 405, ""},
		"an encoded way around":  {"localhost:8081", "same-origin", "http://localhost:8081", "POST", "/demo/operator/wechat/%2e%2e/load", 405, ""},
		"an encoded climb":       {"localhost:8081", "same-origin", "http://localhost:8081", "DELETE", "/demo/operator/wechat/users/%2e%2e/%2e%2e", 404, ""},
		"a fault, another site":  {"localhost:8081", "cross-site", "https://evil.example", "POST", "/demo/phone/sim/fault", 403, ""},
		"what is not the demo's": {"localhost:8081", "", "", "GET", "/orders?a=b", 200, "GET /orders?a=b"},
	} {
		t.Run(name, func(t *testing.T) {
			reached = nil
			r := httptest.NewRequest(test.method, "http://"+test.host+test.path, nil)
			r.RequestURI = test.path
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			if test.reaches == "" || test.path == end {
				r.Header.Set("Cookie", "a=b")
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			var want []string
			if test.reaches != "" {
				want = []string{test.reaches}
			}
			if !slices.Equal(reached, want) {
				t.Errorf("reached %q, want %q", reached, want)
			}
			if w.Code != test.status && (test.reaches != "" || w.Code < 300) {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
		})
	}
}
