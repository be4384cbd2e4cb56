// forward.go: to WeChat, once, and once more when the access_token was dead.

package relay

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

// errTimeUp ends the context of a call that took too long.
var errTimeUp = errors.New("the time of the call is up")

// relayOn passes the call on and its answer back. rest is the query without credentials.
func (c *call) relayOn(rest string) error {
	header, err := c.upHeader()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(c.req.Context(), c.relay.timeout, errTimeUp)
	defer cancel()
	// A caller who stops sending in the middle of a body is in nobody's way for longer.
	up := http.NewResponseController(c.w)
	stop := context.AfterFunc(ctx, func() { _ = up.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	body, err := openBody(c.req)
	if err != nil {
		return err // the caller's own fault, also when its time is up by now
	}
	token, err := c.relay.tokens.Token(ctx, c.app, c.relay.observer)
	if err != nil {
		return tokenProblem(err)
	}
	resp, err := c.send(ctx, token, rest, header, body)
	if err != nil {
		return err
	}
	if resp.tokenIsDead() {
		// Also for a body that cannot be sent again: the next call finds a good token.
		next, err := c.relay.tokens.Renew(ctx, c.app, token, c.relay.observer)
		if err == nil && next != token && body.again() {
			resp.close()
			if resp, err = c.send(ctx, next, rest, header, body); err != nil {
				return err
			}
		}
	}
	defer resp.close()
	return c.passDown(ctx, resp)
}

// upHeader is all of the caller's header that WeChat sees.
func (c *call) upHeader() (http.Header, error) {
	header := http.Header{"User-Agent": {"caddy-wechat"}}
	if accept := c.req.Header["Accept"]; len(accept) > 0 {
		header["Accept"] = accept
	}
	if types := slices.Compact(slices.Clone(c.req.Header["Content-Type"])); len(types) > 1 {
		return nil, invalid("Content-Type is given twice")
	} else if len(types) == 1 {
		header["Content-Type"] = types
	}
	return header, nil
}

// send makes one request of WeChat. It uses the transport itself: see oneshot.
func (c *call) send(ctx context.Context, token, rest string, header http.Header, body upload) (*response, error) {
	u := *c.relay.base
	u.Path += c.path
	// Ours first, so that nothing behind it can hide it.
	u.RawQuery = "access_token=" + url.QueryEscape(token)
	if rest != "" {
		u.RawQuery += "&" + rest
	}
	out := &http.Request{Method: c.req.Method, URL: &u, Host: u.Host, Header: header.Clone()}
	body.attach(out)
	resp, err := c.relay.transport.RoundTrip(out.WithContext(ctx))
	if err != nil {
		if body.stream != nil {
			if p := body.stream.problem(context.Cause(ctx) == errTimeUp); p != nil {
				return nil, p
			}
		}
		return nil, c.inTime(ctx, wireProblem(err))
	}
	return c.receive(ctx, resp)
}

// inTime returns err, or what became of the call's time if that is over.
func (c *call) inTime(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case context.Cause(ctx) == errTimeUp:
		p := refuse(http.StatusGatewayTimeout, "temporarily_unavailable", ResultTimeout, "WeChat did not answer in time")
		p.closes = true // the caller's connection may have been given up for reading
		return p
	default:
		return unavailable(ResultCanceled, "the call was given up")
	}
}

// wireProblem says why WeChat's answer did not come.
func wireProblem(err error) *problem {
	why, network := oneshot.Reduce(err)
	if !network {
		p := refuse(http.StatusBadGateway, "wechat_error", ResultMalformed, "WeChat's answer is no HTTP: whether it did what it was asked is not known")
		p.cause = errors.New("the answer is no HTTP, or there is no way to WeChat: check the proxy settings")
		return p
	}
	p := unavailable(ResultUnreachable, "WeChat cannot be reached now, or the connection broke: whether it got the call is not known")
	p.retryAfter, p.cause = 5*time.Second, why
	return p
}
