// fuzz_test.go: whatever a request is, 200 takes a live session, or "optional" and no
// token; and then the headers say so.

package wechatcheck_test

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// FuzzCheck feeds raw requests to checks. In a request, ALICE is a live token, GONE is
// one that was logged out, and OTHER one of an app that may not enter.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: door\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer ALICE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nauthorization: bEARER   ALICE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer GONE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer OTHER\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: ALICE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer ALICE\r\nAuthorization: Basic x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer ALICE\r\nAuthorization: Bearer GONE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer ALICE, Bearer GONE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer\tALICE\r\n\r\n",
		"GET /?access_token=ALICE HTTP/1.1\r\nHost: door\r\nX-Authorization: Bearer ALICE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nCookie: __Host-sid=ALICE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nCookie: __Host-sid=ALICE; __Host-sid=GONE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nCookie: __Host-sid=\"ALICE\"\r\nCookie: __Host-sid=\r\n\r\n",
		"OPTIONS /x HTTP/1.1\r\nHost: door\r\nOrigin: null\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n0\r\nAuthorization: Bearer ALICE\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: door\r\nConnection: Authorization, Upgrade\r\nUpgrade: h2c\r\nX-WeChat-OpenID: oEVE\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	g := newGateway(f, nil)
	alice, live := g.logIn(f, full())
	ended, gone := g.logIn(f, full())
	if err := g.Sessions.End(f.Context(), ended.ID); err != nil {
		f.Fatal(err)
	}
	other := full()
	other.AppID = otherAppID
	_, foreign := g.logIn(f, other)
	words := strings.NewReplacer("ALICE", live, "GONE", gone, "OTHER", foreign)

	both := []string{"wechat", "cloudrun"}
	strict := g.check(f, gatewaytest.Object{"cookie": "sid", "headers": both})
	optional := g.check(f, gatewaytest.Object{"cookie": "sid", "optional": true, "headers": both})
	names := slices.Concat(wechatNames, cloudNames)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(words.Replace(string(raw))))))
		if err != nil {
			return
		}
		for _, h := range []struct {
			optional bool
			answer   *http.Response
		}{{false, ask(t, strict, r)}, {true, ask(t, optional, r)}} {
			status, header := h.answer.StatusCode, h.answer.Header
			if !slices.Contains([]int{200, 401, 403, 503}, status) || header.Get("Cache-Control") != "no-store" ||
				header["Set-Cookie"] != nil || header["Etag"] != nil || header["Last-Modified"] != nil {
				t.Fatalf("%d %q", status, header)
			}
			if (status == 200) == (header["X-Wechat-Error"] != nil) {
				t.Fatalf("%d with X-WeChat-Error %q", status, header["X-Wechat-Error"])
			}
			if status != 200 {
				if header["X-Wechat-Openid"] != nil {
					t.Fatalf("a refusal tells of %q", header["X-Wechat-Openid"])
				}
				continue
			}
			said := make([]string, len(names))
			for i, name := range names {
				if len(header[name]) != 1 {
					t.Fatalf("200 with %s %q", name, header[name])
				}
				said[i] = header[name][0]
			}
			sent := strings.Join(slices.Concat(r.Header["Authorization"], r.Header["Cookie"]), "\n")
			switch {
			case said[0] == alice.OpenID && said[1] == alice.AppID && strings.Contains(sent, live):
			case h.optional && strings.Join(said, "") == "":
			default:
				t.Fatalf("200 for %q, told as %q", sent, said)
			}
		}
	})
}
