// cors.go: what a browser is told for pages of other origins (Fetch Standard, section
// "HTTP CORS protocol").

package endpoint

import (
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
)

// Share lets the page of a trusted origin read the answer that is being written, and
// reports whether it is one. A named one may use the cookie; if every origin is trusted,
// the others may not, and the browser is told so. Nobody else learns anything.
func (s *Site) Share(h http.Header, r *http.Request) bool {
	if !s.Rules.Trusted.Any() {
		return false
	}
	h.Add("Vary", "Origin") // a cache must not give one page another's answer
	origin, trust := s.Rules.Trusted.Of(r.Header)
	switch trust {
	case weblogin.Named:
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	case weblogin.ByToken:
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		return false
	}
	h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate")
	return true
}

// IsPreflight reports whether a browser asks by this request if a page may send another.
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header["Origin"]) == 1 && len(r.Header["Access-Control-Request-Method"]) == 1
}

// TrustsPreflight reports whether it is for a page of a trusted origin.
func (s *Site) TrustsPreflight(r *http.Request) bool {
	if !s.Rules.Trusted.Any() || !IsPreflight(r) {
		return false
	}
	_, trust := s.Rules.Trusted.Of(r.Header)
	return trust != weblogin.Untrusted
}

// answerPreflight says what pages may send to an endpoint.
func answerPreflight(w http.ResponseWriter, c call) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", c.method)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
