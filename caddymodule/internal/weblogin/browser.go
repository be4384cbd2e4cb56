// browser.go: which requests come from a browser that opens a page, and which
// from a page of another origin.

package weblogin

import (
	"net/http"
	"strings"
)

// IsNavigation reports whether a browser opens a page by this request, so that
// a redirect to a login, or a page, is an answer to it: GET or HEAD without
// Authorization, and Sec-Fetch-Mode: navigate (Fetch Metadata) or, in browsers
// that send no Sec-Fetch-* header at all, an Accept that names text/html.
func IsNavigation(method string, header http.Header) bool {
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	if len(header["Authorization"]) > 0 {
		return false
	}
	if mode := header["Sec-Fetch-Mode"]; len(mode) > 0 {
		return len(mode) == 1 && mode[0] == "navigate"
	}
	for name := range header {
		if strings.HasPrefix(name, "Sec-Fetch-") {
			return false
		}
	}
	for _, line := range header["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			mediaType, parameters, _ := strings.Cut(part, ";")
			if asciiLower(strings.Trim(mediaType, " \t")) == "text/html" && !refusedByQuality(parameters) {
				return true
			}
		}
	}
	return false
}

// refusedByQuality finds q=0 (RFC 9110 section 12.4.2).
func refusedByQuality(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(p, " \t"), "=")
		if name == "q" || name == "Q" {
			return strings.Trim(value, "0.") == "" && value != ""
		}
	}
	return false
}

// IsForeignPage reports whether a browser says that a page of another origin
// than this site made the request. host is the request's Host, tls whether the
// request came by TLS.
//
// Sec-Fetch-Site decides where it is sent: no page can forge it, and
// "same-origin" holds even if something on the way has rewritten Host. Else
// Origin must have this site's host and port. A request with neither is no
// page's: such clients have no ambient cookies.
func IsForeignPage(header http.Header, host string, tls bool) bool {
	switch site := header["Sec-Fetch-Site"]; {
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
		return false
	case len(site) > 0:
		return true
	}
	sent := header["Origin"]
	if len(sent) == 0 {
		return false
	}
	if len(sent) > 1 {
		return true
	}
	page, ok := parseSent(sent[0])
	if !ok { // "null" among others
		return true
	}
	if page.scheme != "https" && (page.scheme != "http" || tls) {
		return true // that page was not protected as this site is
	}
	this, err := makeOrigin(page.scheme, host)
	return err != nil || this != page
}
