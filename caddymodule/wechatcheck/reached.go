// reached.go: a check that a request can miss is an error at load.

package wechatcheck

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/reach"
)

// why is the reason of every error here.
const why = "A request that comes to no handler gets an empty 200 from Caddy, and a proxy that asks takes it for a yes: " +
	"give wechat_check a site of its own, http://:9180 with  bind 127.0.0.1  in it"

// checkReached refuses a server in which a request could get an answer from anything
// but its one wechat_check.
func (h *Handler) checkReached(ctx caddy.Context) error {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return errors.New("wechat_check is for routes of a server of the app http")
	}
	places := reach.Find(server, "wechat_check")
	problem := ""
	switch {
	case len(places) == 0:
		problem = "it is below a handler that decides whether it is asked"
	case len(places) > 1:
		problem = "there are several on its listener"
	case places[0].Narrowed != "":
		problem = places[0].Narrowed + " lets only some requests come to it"
	case places[0].Before != "":
		problem = places[0].Before + " may answer before it"
	case places[0].After != "":
		problem = "there is another site or route on its listener, with " + places[0].After
	case server.Errors != nil && len(server.Errors.Routes) > 0:
		problem = "handle_errors may answer requests that Caddy refuses before they come to it"
	default:
		return nil
	}
	if strings.Contains(problem, "(host") || strings.Contains(problem, ", host") {
		problem += "; an address with a host, http://127.0.0.1:9180 too, listens on all interfaces and matches that one Host: the place of an IP address is bind"
	}
	return h.missed(problem)
}

// checkAlone refuses another server that takes requests to addresses of the check: of
// 127.0.0.1:9180 and :9180, the system gives each request to the one that fits better.
func (h *Handler) checkAlone(app *caddyhttp.App, check *caddyhttp.Server) error {
	for name, other := range app.Servers {
		if other == check {
			continue
		}
		for _, ours := range check.Listen {
			for _, theirs := range other.Listen {
				shared, err := overlap(ours, theirs)
				if err != nil {
					return err
				}
				if shared {
					return h.missed(fmt.Sprintf("server %s listens on %s beside its %s", name, theirs, ours))
				}
			}
		}
	}
	return nil
}

// missed is the error of a check that not every request reaches.
func (h *Handler) missed(problem string) error {
	at := ""
	if h.Line != "" {
		at = " at " + h.Line
	}
	return fmt.Errorf("wechat_check%s must be reached by every request on its listener, and %s. %s", at, problem, why)
}

// overlap reports whether a connection to one port can come to either address.
func overlap(a, b string) (bool, error) {
	x, err := caddy.ParseNetworkAddress(a)
	if err != nil {
		return false, err
	}
	y, err := caddy.ParseNetworkAddress(b)
	if err != nil {
		return false, err
	}
	if x.IsUnixNetwork() || y.IsUnixNetwork() || x.IsFdNetwork() || y.IsFdNetwork() {
		return a == b, nil
	}
	return x.StartPort <= y.EndPort && y.StartPort <= x.EndPort && sameHost(x.Host, y.Host), nil
}

// sameHost reports whether two hosts to listen on are one, or one of them is every
// address. All names of the loopback count as one: a proxy that is told to ask
// localhost may try each of them.
func sameHost(a, b string) bool {
	if a == b {
		return true
	}
	x, y := net.ParseIP(a), net.ParseIP(b)
	loopback := func(host string, ip net.IP) bool { return host == "localhost" || ip != nil && ip.IsLoopback() }
	every := func(host string, ip net.IP) bool { return host == "" || ip != nil && ip.IsUnspecified() }
	return every(a, x) || every(b, y) || loopback(a, x) && loopback(b, y) || x != nil && x.Equal(y)
}
