// http2_test.go: the same by HTTP/2, where a body has no length and a connection is
// not one call's to close.

package relay

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHTTP2(t *testing.T) {
	up := rawWeChatReading(t, func(conn net.Conn, _ int, r *http.Request, body string) bool {
		if r.URL.Path == "/wxa/broken" {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 50_000))
			return false
		}
		if len(r.TransferEncoding) > 0 || body != "message" || r.ContentLength != 7 {
			t.Errorf("%v, %d, %q", r.TransferEncoding, r.ContentLength, body)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		return true
	})
	w := startAt(t, up.url())
	server := httptest.NewUnstartedServer(w.Relay)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.MinVersion = tls.VersionTLS12
	ask := func(path, body string) answer {
		req, _ := http.NewRequest("POST", server.URL+path, io.NopCloser(strings.NewReader(body)))
		req.Header.Set("Authorization", "Bearer "+testKey)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return answer{err: err}
		}
		defer resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Errorf("%s", resp.Proto)
		}
		text, err := io.ReadAll(resp.Body)
		return answer{resp.StatusCode, resp.Header, string(text), err}
	}
	ask("/wxa/x", "message").want(t, 200, "{}")
	if a := ask("/wxa/broken", "m"); a.err == nil {
		t.Errorf("%d, %d bytes, and no word of the rest", a.status, len(a.body))
	}
	ask("/wxa/x", "message").want(t, 200, "{}")
	ask("/wxa/x", strings.Repeat("x", maxKept+1)).want(t, 413, "send its length")
}
