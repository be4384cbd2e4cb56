// transport.go: the wire. Each request is sent once, and what comes back is bounded.

package weixin

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

const (
	// maxBody is far above any answer of these APIs.
	maxBody = 64 << 10
	// maxCall bounds a call whose context has no earlier deadline.
	maxCall = 30 * time.Second
)

// request is one call before it is sent. The query may hold secrets; no error shows it.
type request struct {
	call   Call
	method string
	path   string
	query  url.Values
	// JSON of a POST; nil for a GET.
	body []byte
}

// send makes the one round trip of a call.
//
// It uses the transport and not an http.Client: a client follows redirects, with the
// whole previous URL as Referer, and wraps errors with the whole URL. Neither can
// happen here.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})

	resp, err := c.transport.RoundTrip(c.newRequest(ctx, r))
	if err != nil {
		return answer{}, c.wireError(ctx, r, err, connected.Load())
	}
	// Closing a body that was not read to its end closes the connection too.
	defer resp.Body.Close()

	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return answer{}, malformed(r.call, "a content encoding that was not asked for")
	}
	if resp.StatusCode != http.StatusOK {
		return answer{status: resp.StatusCode}, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, c.wireError(ctx, r, err, true)
	}
	if len(body) > maxBody {
		return answer{}, malformed(r.call, "larger than 64 KiB")
	}
	return answer{status: resp.StatusCode, body: body}, nil
}

func (c *Client) newRequest(ctx context.Context, r request) *http.Request {
	u := *c.base
	u.Path += r.path
	u.RawQuery = r.query.Encode()
	req := &http.Request{
		Method: r.method,
		URL:    &u,
		Host:   u.Host,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"caddy-wechat"}},
		Body:   oneshot.EmptyBody{},
	}
	if r.body != nil {
		// No GetBody either: a phone code is as single-use as a login code.
		req.Body = io.NopCloser(bytes.NewReader(r.body))
		req.ContentLength = int64(len(r.body))
		req.Header.Set("Content-Type", "application/json")
	}
	return req.WithContext(ctx)
}
