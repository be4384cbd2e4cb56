// cause.go: which kind a failed round trip is.

package weixin

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

// wireError classifies a failed round trip. Before a connection is handed out nothing
// of the request has left; after that, what is no network error is a peer that does
// not speak HTTP.
func (c *Client) wireError(ctx context.Context, r request, err error, connected bool) *Error {
	where := r.method + " " + c.base.Host
	ended := ctx.Err()
	// The dialer's timer may run a moment before the context's.
	if deadline, ok := ctx.Deadline(); ended == nil && ok && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded
	}
	if ended != nil {
		return contextError(r.call, ended, where)
	}
	why, network := oneshot.Reduce(err)
	switch {
	case network:
	case !connected:
		why = &oneshot.Cause{Text: "no connection; check the proxy settings and the network"}
	default:
		return &Error{Call: r.call, Kind: KindMalformed, Cause: &oneshot.Cause{Text: where + ": the response is not valid HTTP"}}
	}
	why.Text = where + ": " + why.Text
	return &Error{Call: r.call, Kind: KindUnreachable, Cause: why}
}
