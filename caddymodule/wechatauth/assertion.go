// assertion.go: for whom a site's assertions are.

package wechatauth

import (
	"encoding/json"
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/reach"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func (h *Handler) provisionAssertion(ctx caddy.Context, app *wechat.App) (err error) {
	if h.Assertion == nil {
		return nil
	}
	if h.rules.Audience, err = option.ResolveText("assertion", h.Assertion.Audience); err != nil {
		return h.Assertion.At(err)
	}
	if err := wechat.CheckAudience(h.rules.Audience); err != nil {
		return h.Assertion.At(err)
	}
	if h.rules.Audience == "" && !onlyNamedHosts(ctx) {
		return h.Assertion.At(errHostAudience)
	}
	h.rules.Asserter, err = app.Asserter()
	return err
}

var errHostAudience = errors.New("assertion without an audience is for the request's host, and here a client may name any host: " +
	"give the site's address a host name, or write  assertion <audience>  with a name for the backend")

// onlyNamedHosts reports whether all requests that come to a line with assertions for
// the request's host are for hosts that the configuration names. Another host's
// assertion could be had by asking this site with that host's name.
func onlyNamedHosts(ctx caddy.Context) bool {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return false
	}
	found := false
	for _, place := range reach.Find(server, "wechat_auth") {
		var line struct {
			Assertion *wechat.Assertion `json:"assertion"`
		}
		if place.Config == nil || json.Unmarshal(place.Config, &line) != nil {
			continue // provisioned, and judged then
		}
		if line.Assertion != nil && line.Assertion.Audience == "" {
			found = true
			if !place.Hosts {
				return false
			}
		}
	}
	return found
}
