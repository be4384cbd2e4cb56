// addresses.go: whom a server takes for the client, where each has a budget of logins.

package openconfig

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// addresses tells of a server with a gate whose clients are not told apart.
func (f *finder) addresses(server *caddyhttp.Server, opts Options) {
	at := place{site: strings.Join(server.Listen, " ")}
	trusts := trustsProxies(server)
	appends := slices.ContainsFunc(server.ClientIPHeaders, func(name string) bool {
		return http.CanonicalHeaderKey(name) == "X-Forwarded-For"
	}) || len(server.ClientIPHeaders) == 0
	if (trusts || server.TrustedProxiesUnix) && server.TrustedProxiesStrict <= 0 && appends {
		f.tell(at, "trusted_proxies without trusted_proxies_strict takes the leftmost address of X-Forwarded-For for the client's, which the client writes: "+
			"login_rate holds nobody then; add  trusted_proxies_strict  to the global option servers")
	}
	if !opts.LoginRateByHand {
		return
	}
	sockets, loopback := 0, 0
	for _, text := range server.Listen {
		address, err := caddy.ParseNetworkAddress(text)
		switch {
		case err != nil:
		case address.IsUnixNetwork():
			sockets++
		case address.Host == "localhost" || strings.HasPrefix(address.Host, "127.") || address.Host == "::1":
			loopback++
		}
	}
	if sockets > 0 && !server.TrustedProxiesUnix {
		f.tell(at, "login_rate over a unix socket is one budget for all users, as nobody has an address there: "+
			"add  trusted_proxies_unix  and  trusted_proxies_strict  to the global option servers, and have the proxy send X-Forwarded-For")
	}
	if loopback > 0 && loopback == len(server.Listen) && !trusts {
		f.tell(at, "login_rate behind a proxy on this machine is one budget for all its users: "+
			"add  trusted_proxies static 127.0.0.0/8 ::1/128  and  trusted_proxies_strict  to the global option servers")
	}
}

// trustsProxies reports whether a provisioned server has the option trusted_proxies,
// of which nothing is left but a field of its own.
func trustsProxies(server *caddyhttp.Server) bool {
	if server.TrustedProxiesRaw != nil {
		return true
	}
	field := reflect.ValueOf(server).Elem().FieldByName("trustedProxies")
	return field.IsValid() && field.Kind() == reflect.Interface && !field.IsNil()
}
