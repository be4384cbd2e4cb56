// secret_test.go: the app secret and its relatives are in no error and no print (H15).

package weixin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// everyPrint renders an error and all it wraps with every verb a logger may use.
func everyPrint(err error) string {
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&b, "%v|%+v|%#v|%s|%q|%d\n", e, e, e, e, e, e)
		j, _ := json.Marshal(e)
		b.Write(j)
		slog.New(slog.NewJSONHandler(&b, nil)).Error("x", "err", e, "any", struct{ E error }{e})
	}
	return b.String()
}

// Go prints the whole URL, "secret=" included, in the error of each failed request. A
// server or a proxy can also echo a request where net/http quotes what it reads. None
// of it may reach a log.
func TestNoSecretInErrors(t *testing.T) {
	echo := func(format string) string {
		raw := startRaw(t, func(conn net.Conn, _ int) bool {
			_, _ = fmt.Fprintf(conn, format, "secret="+testSecret+"&access_token=TOKENTOKEN&js_code="+testCode)
			return false
		})
		return raw.url()
	}
	refused := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		return "http://" + l.Addr().String()
	}()
	tlsServer := httptest.NewUnstartedServer(say(goodAnswer))
	tlsServer.Config.ErrorLog = discardLog()
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	plain := httptest.NewServer(say(goodAnswer))
	t.Cleanup(plain.Close)
	hang := startRaw(t, func(net.Conn, int) bool { time.Sleep(time.Second); return false })

	for _, tt := range []struct {
		name    string
		url     string
		kind    Kind
		options func(*Options)
	}{
		{name: "refused", url: refused, kind: KindUnreachable},
		{name: "timeout", url: hang.url(), kind: KindTimeout},
		{name: "cancelled", url: hang.url(), kind: KindCanceled},
		{name: "untrusted certificate", url: tlsServer.URL, kind: KindUnreachable},
		{name: "TLS to a plain port", url: strings.Replace(plain.URL, "http", "https", 1), kind: KindUnreachable},
		{name: "plain to a TLS port", url: strings.Replace(tlsServer.URL, "https", "http", 1), kind: KindMalformed},
		{name: "closed", url: startRaw(t, func(net.Conn, int) bool { return false }).url(), kind: KindUnreachable},
		{name: "redirect", url: echo("HTTP/1.1 302 Found\r\nLocation: /?%s\r\n\r\n"), kind: KindMalformed},
		{name: "redirect to nonsense", url: echo("HTTP/1.1 302 Found\r\nLocation: :%%zz?%s\r\n\r\n"), kind: KindMalformed},
		{name: "500", url: echo("HTTP/1.1 500 %[1]s\r\n\r\n%[1]s"), kind: KindMalformed},
		{name: "echo as status line", url: echo("%s\r\n\r\n"), kind: KindMalformed},
		{name: "echo as status code", url: echo("HTTP/1.1 %s\r\n\r\n"), kind: KindMalformed},
		{name: "echo as header", url: echo("HTTP/1.1 200 OK\r\n%s\r\n\r\n"), kind: KindMalformed},
		{name: "echo as length", url: echo("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"), kind: KindMalformed},
		{name: "echo as transfer coding", url: echo("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"), kind: KindMalformed},
		{name: "echo as encoding", url: echo("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n"), kind: KindMalformed},
		{name: "echo as chunk", url: echo("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n"), kind: KindMalformed},
		{name: "echo as body", url: echo("HTTP/1.1 200 OK\r\n\r\n%s"), kind: KindMalformed},
		{name: "echo as JSON", url: echo("HTTP/1.1 200 OK\r\n\r\n{\"openid\":\"%[1]s\",\"%[1]s\":1}"), kind: KindMalformed},
		{name: "echo as errcode", url: echo("HTTP/1.1 200 OK\r\n\r\n{\"errcode\":\"%s\"}"), kind: KindMalformed},
		{name: "echo as errmsg", url: echo("HTTP/1.1 200 OK\r\n\r\n{\"errcode\":40125,\"errmsg\":\"invalid %[1]s, rid: %[1]s\"}"), kind: KindRefused},
		{name: "echo as IP", url: echo("HTTP/1.1 200 OK\r\n\r\n{\"errcode\":40164,\"errmsg\":\"invalid ip %[1]s\"}"), kind: KindRefused},
		{name: "proxy refuses", url: "https://weixin.invalid", kind: KindUnreachable, options: func(o *Options) {
			proxy := echo("HTTP/1.1 407 %s\r\n\r\n")
			o.proxy = func(*http.Request) (*url.URL, error) {
				return url.Parse(strings.Replace(proxy, "http://", "http://user:"+testSecret+"@", 1))
			}
		}},
		{name: "proxy setting is broken", url: "https://weixin.invalid", kind: KindUnreachable, options: func(o *Options) {
			o.proxy = func(*http.Request) (*url.URL, error) {
				return url.Parse("http://user:" + testSecret + "@proxy:port")
			}
		}},
		{name: "proxy returns a url.Error", url: "https://weixin.invalid", kind: KindUnreachable, options: func(o *Options) {
			o.proxy = func(r *http.Request) (*url.URL, error) {
				return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: &net.OpError{Op: "dial", Err: errors.New("secret=" + testSecret)}}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for call, do := range map[Call]func(context.Context, *Client) error{
				CallCode2Session: func(ctx context.Context, c *Client) error { _, err := exchange(ctx, c, testCode); return err },
				CallOAuthToken:   func(ctx context.Context, c *Client) error { _, err := oauth(ctx, c, testCode); return err },
				CallUserInfo: func(ctx context.Context, c *Client) error {
					_, err := c.UserInfo(ctx, "", NewSecret("TOKENTOKEN"), "oALICE", nil)
					return err
				},
				CallJSAPITicket: func(ctx context.Context, c *Client) error {
					_, _, err := c.getTicket(ctx, "TOKENTOKEN", nil)
					return err
				},
				CallStableToken: func(ctx context.Context, c *Client) error {
					_, _, err := c.stableToken(ctx, testApp, false, nil)
					return err
				},
				CallCheckSession: func(ctx context.Context, c *Client) error {
					return c.CheckSession(ctx, "", "TOKENTOKEN", "oALICE", testKey, nil)
				},
				CallPhoneNumber: func(ctx context.Context, c *Client) error {
					_, err := c.PhoneNumber(ctx, "", "TOKENTOKEN", testCode, "oALICE", nil)
					return err
				},
			} {
				c := newClient(t, tt.url, func(o *Options) {
					if tt.options != nil {
						tt.options(o)
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				switch tt.kind {
				case KindTimeout:
					ctx = deadline(t, 20*time.Millisecond)
				case KindCanceled:
					time.AfterFunc(20*time.Millisecond, cancel)
				}
				err := do(ctx, c)
				cancel()
				if e := wantKind(t, err, tt.kind); e.Call != call {
					t.Errorf("call = %s, want %s", e.Call, call)
				}
				var urlError *url.Error
				if errors.As(err, &urlError) {
					t.Errorf("a url.Error in the chain of %v", err)
				}
				all := everyPrint(err)
				for _, hidden := range []string{testSecret, "TOKENTOKEN", testCode, testKey, "secret=", "access_token=", "signature=", "js_code", "code="} {
					if strings.Contains(all, hidden) {
						t.Errorf("%s: %q in\n%s", call, hidden, all)
					}
				}
			}
		})
	}
}

func TestSecretIsRedacted(t *testing.T) {
	s := NewSecret(testSecret)
	type hidden struct {
		s   Secret
		p   *Secret
		App App
	}
	for _, v := range []any{s, &s, testApp, &testApp, hidden{s, &s, testApp}, []Secret{s}, map[string]Secret{"a": s}, map[Secret]int{s: 1}} {
		var b strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%08.3f", "%!"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		j, _ := json.Marshal(v)
		b.Write(j)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		if hex := fmt.Sprintf("%x", testSecret); strings.Contains(b.String(), testSecret) || strings.Contains(strings.ToLower(b.String()), hex) {
			t.Errorf("%T shows the secret:\n%s", v, b.String())
		}
	}
	if s.String() != "[redacted]" || s.GoString() != "[redacted]" || s.LogValue().String() != "[redacted]" {
		t.Error("a secret is not [redacted]")
	}
	if s.reveal() != testSecret || (Secret{}).reveal() != "" {
		t.Error("reveal is wrong")
	}
}
