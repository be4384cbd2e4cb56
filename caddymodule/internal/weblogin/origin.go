// origin.go: web origins, as operators write and browsers send them.

package weblogin

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Origin is a web origin in the form in which a browser serialises it
// (RFC 6454 section 6.2): scheme and host in lower case, IDNA names in Punycode,
// the port only if it is not the scheme's own. Two origins are the same exactly
// if they are equal. The zero value is no origin.
type Origin struct {
	scheme, host, port string // port is empty for the scheme's own; host is bare, also an IPv6 one
}

// String returns the serialised origin, such as "https://example.com:8443".
func (o Origin) String() string {
	if o.host == "" {
		return ""
	}
	return o.scheme + "://" + o.Host()
}

// Host returns host and port as a Host header has them.
func (o Origin) Host() string {
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.port != "" {
		host += ":" + o.port
	}
	return host
}

// Loopback reports whether the host is this very machine: localhost, a name
// below it (RFC 6761 section 6.3), 127.0.0.0/8 or ::1.
func (o Origin) Loopback() bool {
	if o.host == "localhost" || strings.HasSuffix(o.host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(o.host)
	return err == nil && ip.IsLoopback()
}

// ParseOrigin reads an origin that an operator wrote. It takes any scheme
// (apps made of web pages have their own, such as capacitor://localhost),
// capitals, IDNA names and the scheme's own port; its errors say what to write.
func ParseOrigin(text string) (Origin, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !validScheme(scheme) {
		return Origin{}, fmt.Errorf("%q is not an origin: write scheme and host, for example https://app.example.com", text)
	}
	if i := strings.IndexAny(rest, `/?#\`); i >= 0 {
		return Origin{}, fmt.Errorf("%q is more than an origin: remove what follows the host (%q)", text, rest[i:])
	}
	if strings.Contains(rest, "@") {
		return Origin{}, errors.New("an origin has no user name: remove what precedes the @")
	}
	if strings.Contains(rest, "*") {
		return Origin{}, fmt.Errorf("%q: wildcards within an origin are not supported; name each origin", text)
	}
	o, err := makeOrigin(asciiLower(scheme), rest)
	if err != nil {
		return Origin{}, fmt.Errorf("%q is not an origin: %w", text, err)
	}
	return o, nil
}

// ParseSite reads the origin of a site that logins pass through (options "via"
// and "for"): https, or http on a loopback host.
func ParseSite(text string) (Origin, error) {
	o, err := ParseOrigin(text)
	switch {
	case err != nil:
		return Origin{}, err
	case o.scheme == "https" || o.scheme == "http" && o.Loopback():
		return o, nil
	case o.scheme == "http":
		return Origin{}, fmt.Errorf("%q: a code would travel unprotected; write https://%s (http is for loopback hosts only)", text, o.Host())
	}
	return Origin{}, fmt.Errorf("%q: a site has the scheme https", text)
}

// SiteOrigin returns the origin at which a browser sees the site that it asked
// for by a Host header: https, also where something in front of the gateway
// ends TLS; http only on a loopback host without TLS.
func SiteOrigin(host string, tls bool) (Origin, error) {
	o, err := makeOrigin("https", host)
	if err == nil && o.Loopback() && !tls {
		return makeOrigin("http", host)
	}
	return o, err
}

// parseSent reads the value of an Origin header. Browsers send the serialised
// form and no other, so nothing else is taken.
func parseSent(text string) (Origin, bool) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !validScheme(scheme) || len(text) > 512 {
		return Origin{}, false
	}
	o, err := makeOrigin(scheme, rest)
	return o, err == nil && o.String() == text
}

// makeOrigin normalises a host with an optional port.
func makeOrigin(scheme, authority string) (Origin, error) {
	host, port := authority, ""
	if end := strings.LastIndexByte(authority, ']'); strings.HasPrefix(authority, "[") && end > 0 {
		ip, err := netip.ParseAddr(authority[1:end])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return Origin{}, errors.New("what is in brackets is not an IPv6 address")
		}
		host, port = ip.String(), authority[end+1:]
		if port != "" && port[0] != ':' {
			return Origin{}, errors.New("after an address in brackets comes a port or nothing")
		}
		port = strings.TrimPrefix(port, ":")
	} else {
		host, port, _ = strings.Cut(authority, ":")
		ascii, err := hostName(host)
		if err != nil {
			return Origin{}, err
		}
		host = ascii
	}
	if strings.HasSuffix(authority, ":") || !validPort(port) {
		return Origin{}, errors.New("the port is not a number from 1 to 65535")
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	return Origin{scheme: scheme, host: host, port: port}, nil
}

// hostName returns a name in lower case, as Punycode if it is an IDNA one.
func hostName(host string) (string, error) {
	if host == "" || len(host) > 253 {
		return "", errors.New("the host is missing or too long")
	}
	for i := range len(host) {
		if host[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(host)
			if err != nil {
				return "", errors.New("the host is not a domain name")
			}
			host = ascii
			break
		}
	}
	host = asciiLower(host)
	for i := range len(host) {
		if c := host[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' {
			return "", errors.New("the host holds a character that no domain name has")
		}
	}
	return host, nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n := 0
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' || i > 4 {
			return false
		}
		n = n*10 + int(port[i]-'0')
	}
	return n > 0 && n < 1<<16 && port[0] != '0'
}

// validScheme is RFC 3986 section 3.1.
func validScheme(scheme string) bool {
	for i := range len(scheme) {
		c := scheme[i]
		if !isAlphanumeric(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return scheme != "" && len(scheme) <= 32 && isLetter(scheme[0])
}

func isLetter(c byte) bool       { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlphanumeric(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' }

// asciiLower lowers A to Z and nothing else: folding other letters would make
// one host of two (the Kelvin sign is no k).
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
