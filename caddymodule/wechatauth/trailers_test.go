// trailers_test.go: identity that arrives behind the body (C3).

package wechatauth_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// eachTrailer sends every kind of trailer over every version of HTTP, to a
// protected and a public route. The upstream's verdict is verify's.
func eachTrailer(t *testing.T, gw *gatewaytest.Gateway, verify func(t *testing.T, loggedIn bool)) {
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, attack := range gatewaytest.Smuggled {
			for _, loggedIn := range []bool{true, false} {
				for _, body := range []string{"the body", ""} {
					x := gatewaytest.ExactCall{Method: "POST", Target: "/public/x", Body: body, Fields: attack.Announce, Trailers: attack.Trailers}
					if attack.Name == "empty body announced" && (c.Name == "HTTP/1.1" || body != "") {
						continue // a length and chunks together are TestSmuggling's
					}
					if loggedIn {
						x.Target, x.Fields = "/api", append(gatewaytest.Fields("Authorization", "Bearer "+token), attack.Announce...)
					}
					got, err := c.Exact(t, x)
					if err != nil || got.Status >= 500 {
						t.Errorf("%s: %v %v", attack.Name, got, err)
					}
					t.Run(attack.Name, func(t *testing.T) { verify(t, loggedIn) })
				}
			}
		}
	})
}

// A client sends its identity in the trailers: they come after every check, and
// some backends merge them over the headers. The backend speaks HTTP/1.1; once
// the proxy streams the body, once it has read it before.
func TestTrailers(t *testing.T) {
	for name, proxy := range map[string]string{
		"streamed":  "reverse_proxy <UPSTREAM>",
		"buffered":  "reverse_proxy <UPSTREAM> {\n request_buffers 1MB\n}",
		"two lines": "wechat_auth {\n public /public/*\n}\nreverse_proxy <UPSTREAM>",
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Site: gatewaytest.PublicAuth + "\n" + proxy})
			eachTrailer(t, gw, func(t *testing.T, loggedIn bool) {
				seen := gw.Upstream.Only(t)
				requireBelongs(t, seen, loggedIn)
				if len(seen.Trailers) > 0 || seen.Get("Trailer") != "" {
					t.Errorf("the upstream saw trailers:\n%s", seen.Raw)
				}
			})
		})
	}
}

// The same with a backend that speaks HTTP/2 and understands trailers.
func TestTrailersToHTTP2(t *testing.T) {
	back := newH2CUpstream(t)
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: gatewaytest.PublicAuth + "\nreverse_proxy h2c://" + back.addr})
	eachTrailer(t, gw, func(t *testing.T, loggedIn bool) {
		r := back.take(t)
		if len(r.Trailer) > 0 {
			t.Errorf("the upstream saw trailers: %v", r.Trailer)
		}
		want := ""
		if loggedIn {
			want = gatewaytest.Alice
		}
		if got := strings.Join(r.Header.Values("X-WeChat-OpenID"), "+"); got != want {
			t.Errorf("the upstream saw openid %q; want %q", got, want)
		}
	})
}

// The request is refused, and the site's error page is made by a backend. The
// error route works on the request as it came in: its trailers must not become
// an identity there.
func TestTrailersOnErrorRoute(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Site: gatewaytest.PublicAuth + "\nreverse_proxy <UPSTREAM>\nhandle_errors {\n rewrite /error\n reverse_proxy <UPSTREAM>\n}",
	})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, attack := range gatewaytest.Smuggled {
			if attack.Name == "empty body announced" && c.Name == "HTTP/1.1" {
				continue
			}
			t.Run(attack.Name, func(t *testing.T) {
				_, err := c.Exact(t, gatewaytest.ExactCall{
					Method: "POST", Target: "/api", Body: "the body", Trailers: attack.Trailers,
					Fields: append(gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve, "X-WX-OPENID", gatewaytest.Eve), attack.Announce...),
				})
				if err != nil && attack.Name != "empty body announced" {
					t.Error(err)
				}
				for _, seen := range gw.Upstream.Requests() {
					gatewaytest.RequireAnonymous(t, seen)
					if seen.Target != "/error" {
						t.Errorf("the upstream saw more than the error route:\n%s", seen.Raw)
					}
				}
				gw.Upstream.Reset()
			})
		}
	})
}

// h2cUpstream is a backend that speaks HTTP/2 in clear.
type h2cUpstream struct {
	addr string
	mu   sync.Mutex
	got  []*http.Request
}

func newH2CUpstream(t *testing.T) *h2cUpstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &h2cUpstream{addr: ln.Addr().String()}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		if _, err := io.Copy(body, r.Body); err != nil {
			t.Errorf("the upstream lost the body: %v", err)
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.got = append(u.got, r)
	})}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(ln) }()
	t.Cleanup(func() { server.Close(); <-served })
	return u
}

// take returns the one request that has arrived, and forgets it.
func (u *h2cUpstream) take(t *testing.T) *http.Request {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.got) != 1 {
		t.Fatalf("the upstream saw %d requests; want 1", len(u.got))
	}
	r := u.got[0]
	u.got = nil
	return r
}
