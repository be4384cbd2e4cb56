// reachable.go: whether WeChat's API can be reached at all, for a health check.

package weixin

import (
	"context"
	"net/http"
)

// CallReachable names the health check in errors and metrics.
const CallReachable Call = "reachable"

// Reachable asks the API's root and takes any HTTP answer for a yes. It sends
// no credential, spends no quota of an app, and does not move the breakers.
// The error is of KindUnreachable, KindTimeout or KindCanceled; or KindShed when
// the host answers, but logins are being shed because they failed.
func (c *Client) Reachable(ctx context.Context) error {
	_, err := c.send(ctx, request{call: CallReachable, method: http.MethodGet, path: "/"})
	if err != nil && KindOf(err) != KindMalformed {
		return err
	}
	return nil
}
