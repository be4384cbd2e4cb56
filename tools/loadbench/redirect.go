// redirect.go: users who log in by redirect, as pages inside WeChat do.

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// begun is a login on its way through WeChat, in one browser.
type begun struct{ state, cookie string }

// authorize begins n logins, each in a browser of its own.
func (p *proxy) authorize(ctx context.Context, conns []*conn, n int) ([]begun, error) {
	logins := make([]begun, n)
	request := navigation(p.at.site, "/wechat/authorize?return=/orders", "")
	err := each(ctx, conns, n, func(c *conn, i int) error {
		to, err := c.follow(request)
		if err != nil {
			return fmt.Errorf("authorize: %w", err)
		}
		// no url.Parse: it would take the time of the cores that the gateway runs on
		_, state, _ := strings.Cut(to.location, "state=")
		state, _, _ = strings.Cut(state, "#")
		if logins[i] = (begun{state, to.cookie}); state == "" || to.cookie == "" {
			return errors.New("authorize gives no state, or no cookie")
		}
		return nil
	})
	return logins, err
}

// callback ends them, with codes as WeChat sends them along.
func (p *proxy) callback(ctx context.Context, conns []*conn, logins []begun, codes []string) error {
	return each(ctx, conns, len(logins), func(c *conn, i int) error {
		target := "/wechat/callback?code=" + url.QueryEscape(codes[i]) + "&state=" + logins[i].state
		to, err := c.follow(navigation(p.at.site, target, logins[i].cookie))
		if err != nil {
			return fmt.Errorf("callback: %w", err)
		}
		if to.location != "/orders" {
			return fmt.Errorf("a login ends at %q", to.location)
		}
		return nil
	})
}

// measureRedirects adds the cost of n logins by redirect.
func (p *proxy) measureRedirects(ctx context.Context, f *fleet, n int, result *loginCost) error {
	codes, err := f.codesOf(ctx, n, simCodeRequest(f.sim, "/sim/oauth", officialID))
	if err != nil {
		return err
	}
	conns, err := dialAll(p.at.site, loginConns)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	var logins []begun
	first, err := p.timed(nil, func() (err error) {
		logins, err = p.authorize(ctx, conns, n)
		return err
	})
	if err != nil {
		return err
	}
	second, err := p.timed(nil, func() error { return p.callback(ctx, conns, logins, codes) })
	if err != nil {
		return err
	}
	result.Authorize = append(result.Authorize, micros(first.cpu)/float64(n))
	result.Callback = append(result.Callback, micros(second.cpu)/float64(n))
	return nil
}
