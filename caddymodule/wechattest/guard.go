// guard.go: which requests the simulator answers at all: none that a foreign page makes a browser send.

package wechattest

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// miniProgramOrigin is that of every mini program, in the developer tools too (page network).
const miniProgramOrigin = "https://servicewechat.com"

// foreign says why a request is not answered, or "". A page on the open network can make the browser beside a
// simulator send it anything; it must neither log people in (Origin) nor read the answer by pointing a name of its own
// at this machine (Host: such a name has a dot, those of containers and localhost have none). Navigations carry no
// Origin and are let in: the pages below /connect/ live on them.
func foreign(r *http.Request) string {
	host := hostname(r.Host)
	if strings.Contains(host, ".") && !isIP(host) {
		return "the simulator answers to an IP address, or to a name without a dot such as localhost"
	}
	for _, origin := range r.Header.Values("Origin") {
		if !mayAsk(origin, r.Host) {
			return "the simulator answers no page of another origin"
		}
	}
	return ""
}

// mayAsk: the simulator's own pages (by whatever scheme they came), pages of this machine, and mini programs.
func mayAsk(origin, host string) bool {
	if origin == miniProgramOrigin {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false // "null" is among these: a sandboxed frame of anybody sends it
	}
	return asciiLower(u.Host) == asciiLower(host) || isLoopback(hostname(u.Host))
}

func isLoopback(host string) bool {
	if host = asciiLower(host); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// hostname cuts the port and the brackets from a host as it is written in Host or Origin.
func hostname(host string) string {
	if rest, ok := strings.CutPrefix(host, "["); ok {
		address, _, _ := strings.Cut(rest, "]")
		return address
	}
	name, _, _ := strings.Cut(host, ":")
	return name
}

// asciiLower folds A-Z only: a Unicode fold would make other letters equal to these.
func asciiLower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
