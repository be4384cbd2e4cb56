// trust.go: other origins whose pages may call this site from a browser.

package weblogin

import "net/http"

// Trust says what pages of an origin may do at this site.
type Trust int

const (
	Untrusted Trust = iota
	ByToken         // every origin ("*"): by token alone, never with the cookie
	Named           // named by the operator: with token or cookie
)

// TrustedOrigins are the values of the option trusted_origin. It is immutable;
// the zero value trusts nobody.
type TrustedOrigins struct {
	named    map[string]bool
	hosts    []string
	everyone bool
}

// ParseTrustedOrigins reads scheme://host[:port], and "*" for every origin.
func ParseTrustedOrigins(texts ...string) (TrustedOrigins, error) {
	t := TrustedOrigins{named: map[string]bool{}}
	for _, text := range texts {
		if text == "*" {
			t.everyone = true
			continue
		}
		o, err := ParseOrigin(text)
		if err != nil {
			return TrustedOrigins{}, err
		}
		t.named[o.String()] = true
		t.hosts = append(t.hosts, o.Host())
	}
	return t, nil
}

// Any reports whether anybody is trusted at all.
func (t TrustedOrigins) Any() bool { return t.everyone || len(t.named) > 0 }

// Hosts returns host and port of each named origin, as a Host header has them.
func (t TrustedOrigins) Hosts() []string { return t.hosts }

// Of returns how far the page that made a request is trusted, and its Origin
// as sent: what may stand in Access-Control-Allow-Origin if it is Named ("*"
// belongs there if it is ByToken). Opaque origins ("null") are never Named.
func (t TrustedOrigins) Of(header http.Header) (string, Trust) {
	sent := header["Origin"]
	if len(sent) != 1 || sent[0] == "" {
		return "", Untrusted
	}
	switch {
	case t.named[sent[0]]:
		return sent[0], Named
	case t.everyone:
		return sent[0], ByToken
	}
	return "", Untrusted
}
