// refusal.go: which answers are a gate's, and whose the others could be.

package doorcheck

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// showsGate reports whether the answer to a plain request shows a gate. Its 401 counts
// in any words, as proxies write their own; what else servers answer as well counts in
// the gateway's words only.
func showsGate(a answer) bool {
	return a.status == http.StatusUnauthorized || toLogin(a) ||
		inWords(a) && (a.status == http.StatusForbidden || a.status == http.StatusServiceUnavailable)
}

// refuses reports whether an answer is a refusal of the gate's, to any request.
func refuses(a answer) bool {
	return a.status == http.StatusUnauthorized || toLogin(a) || inWords(a)
}

// toLogin reports whether an answer sends a browser to <prefix>/authorize of a web login.
// Those of others ask for their clients, and name no page to return to.
func toLogin(a answer) bool {
	location, err := url.Parse(a.header.Get("Location"))
	return err == nil && a.status == http.StatusFound && strings.HasSuffix(location.Path, "/authorize") && location.Query().Has("return")
}

// codes are the errors of docs/endpoints.md, with their statuses.
var codes = map[string][]int{
	"invalid_request":         {400, 404, 405, 408, 411, 413, 415, 425},
	"invalid_token":           {401},
	"access_denied":           {403},
	"rate_limited":            {429},
	"wechat_error":            {502},
	"temporarily_unavailable": {503, 504},
}

// inWords reports whether a refusal is in the gateway's own words, by a header or by its
// body. The files of examples/ write the same.
func inWords(a answer) bool {
	if a.status < 400 {
		return false
	}
	if a.header.Get("X-Wechat-Error") != "" || strings.HasPrefix(a.header.Get("Www-Authenticate"), `Bearer realm="wechat"`) {
		return true
	}
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	return json.Unmarshal([]byte(a.body), &said) == nil && said.Description != "" && slices.Contains(codes[said.Error], a.status)
}

// source is where an answer that is not a gate's comes from.
type source int

const (
	server   source = iota // the web server in front, which understood no such request
	doubtful               // that, a rule of it, or what is behind the gate
	reached                // what is behind the gate: no server answers so by itself where it refuses a plain GET
)

// weigh tells where an answer comes from that is not a gate's, and lets nobody in.
func (q question) weigh(a answer) source {
	isPath, isHost := q.target != "" && q.target != "*", q.host != ""
	odd := slices.Contains([]string{"TRACE", "CONNECT", "PROPFIND", "GIT"}, q.method)
	redirect := a.status >= 300 && a.status < 400
	switch a.status {
	case http.StatusRequestTimeout, http.StatusLengthRequired, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusExpectationFailed,
		http.StatusMisdirectedRequest, http.StatusUpgradeRequired, http.StatusRequestHeaderFieldsTooLarge, http.StatusHTTPVersionNotSupported:
		return server
	case http.StatusBadRequest:
		if q.method == "" || odd {
			return server // such a name, host, path or token; a method alone is well formed
		}
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		if odd {
			return server
		}
		if q.method != "" {
			return doubtful
		}
	case http.StatusForbidden: // firewalls, too
		if isHost {
			return server
		}
		return doubtful
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return doubtful
	case http.StatusInternalServerError:
		if q.kind == badToken { // nginx, of a check that answers another status than 200, 401 and 403
			return doubtful
		}
	}
	switch {
	case q.target == "*", isHost && (redirect || a.status == http.StatusNotFound), isPath && redirect && sameIn(a.header.Get("Location"), q.target):
		return server
	case isPath, isHost, q.method == http.MethodTrace, q.method == http.MethodConnect, a.status == http.StatusNotImplemented:
		return doubtful // another page, or none
	case strings.HasPrefix(q.which, "X-Forwarded-Host"), strings.HasPrefix(q.which, "Forwarded"):
		return doubtful // as another host
	}
	return reached
}

// sameIn reports whether a redirect only mends the spelling of a path.
func sameIn(location, target string) bool {
	to, err := url.Parse(location)
	from, err2 := url.Parse("http://x" + target)
	return err == nil && err2 == nil && to.Path != "" && path.Clean(to.Path) == path.Clean(from.Path)
}
