// transport_test.go: one request per call, on the wire, whatever the network does.

package weixin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// WeChat closes a kept-alive connection just as it has read a login. net/http would
// send the code again on a new connection, and the second answer would be "code been
// used". Each call must leave exactly one request.
func TestNoSilentReplay(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*Client) error
		wire string
	}{
		{"code2session", func(c *Client) error {
			_, err := exchange(t.Context(), c, testCode)
			return err
		}, `^GET /sns/jscode2session\?appid=wx4f4bc4dec97d474b&grant_type=authorization_code&js_code=` + testCode + `&secret=` + testSecret + ` HTTP/1\.1\r\n` +
			`Host: 127\.0\.0\.1:\d+\r\nUser-Agent: caddy-wechat\r\nAccept: application/json\r\n\r\n$`},
		{"oauth_token", func(c *Client) error {
			_, err := oauth(t.Context(), c, testCode)
			return err
		}, `^GET /sns/oauth2/access_token\?appid=wx4f4bc4dec97d474b&code=` + testCode + `&grant_type=authorization_code&secret=` + testSecret + ` HTTP/1\.1\r\n` +
			`Host: [^\r]+\r\nUser-Agent: caddy-wechat\r\nAccept: application/json\r\n\r\n$`},
		{"userinfo", func(c *Client) error {
			_, err := c.UserInfo(t.Context(), "", NewSecret("TOKEN"), "oALICE", nil)
			return err
		}, `^GET /sns/userinfo\?access_token=TOKEN&lang=zh_CN&openid=oALICE HTTP/1\.1\r\n`},
		{"jsapi_ticket", func(c *Client) error {
			_, _, err := c.getTicket(t.Context(), "TOKEN", nil)
			return err
		}, `^GET /cgi-bin/ticket/getticket\?access_token=TOKEN&type=jsapi HTTP/1\.1\r\n`},
		{"check_session", func(c *Client) error {
			return c.CheckSession(t.Context(), "", "TOKEN", "oALICE", testKey, nil)
		}, `^GET /wxa/checksession\?access_token=TOKEN&openid=oALICE&sig_method=hmac_sha256&signature=46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128 HTTP/1\.1\r\n` +
			`Host: [^\r]+\r\nUser-Agent: caddy-wechat\r\nAccept: application/json\r\n\r\n$`},
		{"reset_session_key", func(c *Client) error {
			_, err := c.ResetSessionKey(t.Context(), "", "TOKEN", "oALICE", testKey, nil)
			return err
		}, `^GET /wxa/resetusersessionkey\?[^ ]+ HTTP/1\.1\r\nHost: [^\r]+\r\nUser-Agent: caddy-wechat\r\nAccept: application/json\r\n\r\n$`},
		{"phone_number", func(c *Client) error {
			_, err := c.PhoneNumber(t.Context(), "", "TOKEN", "phoneCode", "oALICE", nil)
			return err
		}, `^POST /wxa/business/getuserphonenumber\?access_token=TOKEN HTTP/1\.1\r\nHost: [^\r]+\r\nUser-Agent: caddy-wechat\r\nContent-Length: 40\r\n` +
			`Accept: application/json\r\nContent-Type: application/json\r\n\r\n\{"code":"phoneCode","openid":"oALICE"\}$`},
		{"stable_token", func(c *Client) error {
			_, _, err := c.stableToken(t.Context(), testApp, false, nil)
			return err
		}, `^POST /cgi-bin/stable_token HTTP/1\.1\r\n`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The first request on a connection is answered, the second read and cut.
			raw := startRaw(t, func(conn net.Conn, n int) bool {
				if n > 0 {
					return false
				}
				_, _ = io.WriteString(conn, httpOK(`{"errcode":40029}`))
				return true
			})
			c := newClient(t, raw.url())
			_, err := exchange(t.Context(), c, "warmup")
			wantKind(t, err, KindBadCode)
			wantKind(t, tt.do(c), KindUnreachable)
			time.Sleep(20 * time.Millisecond) // a replay would arrive now
			seen := raw.seen()
			if len(seen) != 2 {
				t.Fatalf("%d requests arrived, want the warm-up and one: %q", len(seen), seen)
			}
			want := strings.Replace(tt.wire, "Content-Length: 40", `Content-Length: \d+`, 1)
			if !regexp.MustCompile(want).MatchString(seen[1]) {
				t.Errorf("on the wire:\n%q\nwant\n%s", seen[1], want)
			}
		})
	}
}

// The same through an egress proxy and TLS, where the connection that dies is a tunnel.
func TestNoSilentReplayThroughProxy(t *testing.T) {
	cert, roots := testCertificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	target := startRawOn(t, l, func(conn net.Conn, n int) bool {
		if n > 0 {
			return false
		}
		_, _ = io.WriteString(conn, httpOK(goodAnswer))
		return true
	})
	var tunnels atomic.Int32
	proxy := startRaw(t, func(conn net.Conn, _ int) bool {
		tunnels.Add(1)
		up, err := net.Dial("tcp", target.Addr().String())
		if err != nil {
			return false
		}
		defer up.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(up, conn); _ = up.Close() }()
		_, _ = io.Copy(conn, up)
		return false
	})
	c := newClient(t, "https://example.com", func(o *Options) {
		o.rootCAs = roots
		o.proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.url()) }
	})
	if _, err := exchange(t.Context(), c, "first"); err != nil {
		t.Fatal(err)
	}
	_, err = exchange(t.Context(), c, testCode)
	wantKind(t, err, KindUnreachable)
	time.Sleep(20 * time.Millisecond)
	if got := len(target.seen()); got != 2 || tunnels.Load() != 1 {
		t.Errorf("%d requests through %d tunnels, want 2 through 1", got, tunnels.Load())
	}
	for _, head := range proxy.seen() {
		if strings.Contains(head, testSecret) || strings.Contains(head, testCode) {
			t.Errorf("the proxy saw a secret: %q", head)
		}
	}
}

// A proxy that names itself in the environment must not get between us and loopback.
func TestLoopbackIsNeverProxied(t *testing.T) {
	c := serve(t, say(goodAnswer), func(o *Options) {
		o.proxy = func(*http.Request) (*url.URL, error) { return nil, fmt.Errorf("asked the proxy") }
	})
	if _, err := exchange(t.Context(), c, testCode); err != nil {
		t.Error(err)
	}
	if newClient(t, DefaultBaseURL).transport.Proxy == nil {
		t.Error("api.weixin.qq.com ignores the environment's proxy")
	}
}

// Go's http.Client would follow this redirect and hand the next host the whole
// previous URL, secret included, as Referer (H16).
func TestRedirectsAreNotFollowed(t *testing.T) {
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits.Add(1)
		t.Errorf("a request left for elsewhere, Referer %q", r.Referer())
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Referer() != "" {
				t.Errorf("Referer %q", r.Referer())
			}
			w.Header().Set("Location", elsewhere.URL+"/?"+r.URL.RawQuery)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, goodAnswer)
		})
		_, err := exchange(t.Context(), c, testCode)
		wantKind(t, err, KindMalformed)
		_, err = c.PhoneNumber(t.Context(), "", "TOKEN", "c", "o", nil)
		wantKind(t, err, KindMalformed)
	}
	if visits.Load() != 0 {
		t.Errorf("%d redirects were followed", visits.Load())
	}
}

// A code that carries query parameters of its own stays one value (C16), even if the
// caller forgot ValidCode.
func TestCodeCannotInjectParameters(t *testing.T) {
	evil := "x&appid=wxEVIL&secret=s&js_code=y#f?%26+ "
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for name, want := range map[string]string{"appid": testApp.ID, "secret": testSecret, "js_code": evil, "grant_type": "authorization_code"} {
			if got := q[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s = %q, want %q once", name, got, want)
			}
		}
		if len(q) != 4 || r.ContentLength != 0 || r.URL.Path != "/base/sns/jscode2session" {
			t.Errorf("request %s, length %d", r.URL.Path, r.ContentLength)
		}
		_, _ = io.WriteString(w, goodAnswer)
	})
	c.base.Path = "/base"
	if _, err := exchange(t.Context(), c, evil); err != nil {
		t.Error(err)
	}
}

// HTTP/2 would bring its own replay rules, so it is not even offered.
func TestHTTP1Only(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || len(r.TLS.NegotiatedProtocol) > 0 && r.TLS.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s, ALPN %q", r.Proto, r.TLS.NegotiatedProtocol)
		}
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("Accept-Encoding %q", got)
		}
		_, _ = io.WriteString(w, goodAnswer)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := newClient(t, server.URL, func(o *Options) { o.rootCAs = roots })
	got, err := exchange(t.Context(), c, testCode)
	if err != nil || got.OpenID != "oGZUI0egBJY1zhBYw2KhdUfwVJJE" || got.UnionID != "ocMvos6NjeKLIBqg5Mr9QjxrP1FA" || got.SessionKey != "tiihtNczf5v6AKRyjwEUhQ==" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	server := httptest.NewUnstartedServer(say(goodAnswer))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.Config.ErrorLog = discardLog()
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := newClient(t, server.URL, func(o *Options) { o.rootCAs = roots })
	_, err := exchange(t.Context(), c, testCode)
	wantKind(t, err, KindUnreachable)
}

// A client that goes away and a deadline are different things to the caller, and the
// time of a call is bounded though its context is not.
func TestContextEnds(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	_, err := exchange(deadline(t, 30*time.Millisecond), c, testCode)
	wantKind(t, err, KindTimeout)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	_, err = exchange(ctx, c, testCode)
	wantKind(t, err, KindCanceled)
	_, err = exchange(ctx, c, testCode)
	wantKind(t, err, KindCanceled)
}
