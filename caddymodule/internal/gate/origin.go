// origin.go: whether a browser sent this on behalf of another site's page.

package gate

import (
	"net"
	"net/url"
	"strings"
)

// ForeignOrigin reports whether a browser says that a page of another origin
// made the request: by Sec-Fetch-Site (Fetch Metadata) or by Origin (RFC 6454).
// Clients that are no browsers send neither and have no ambient cookies.
func ForeignOrigin(a *Asked) bool {
	switch site := a.Header["Sec-Fetch-Site"]; {
	case len(site) == 0:
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
	default:
		return true
	}
	origins := a.Header["Origin"]
	if len(origins) == 0 {
		return false
	}
	if len(origins) > 1 {
		return true
	}
	u, err := url.Parse(origins[0])
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return true // "null" among others
	}
	if a.TLS && u.Scheme != "https" {
		return true // the page was not protected as this site is
	}
	return authority(u.Host, u.Scheme) != authority(a.Host, u.Scheme)
}

// authority normalises a host with an optional port for comparison.
func authority(host, scheme string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	return net.JoinHostPort(strings.ToLower(name), port)
}
