// rewrites.go: a path that is changed before the gate looks whether it is public.

package openconfig

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
)

// rewritten is what a rewrite may make of a path.
type rewritten struct {
	to     []string // texts that the path may become, placeholders in braces
	strips string   // a prefix that is taken away
	from   []string // the paths that it is for; empty: all
}

func rewriteOf(h *rewrite.Rewrite, at place, sets matcherSets) (r rewritten) {
	r.from, _ = sets.list("path")
	path, _, _ := strings.Cut(h.URI, "?")
	if strings.Contains(path, "{http.matchers.file.") {
		for _, file := range sets.tryFiles() {
			if !strings.HasPrefix(file, "=") {
				r.to = append(r.to, file)
			}
		}
	} else if path != "" {
		r.to = append(r.to, path)
	}
	if h.StripPathPrefix != "" {
		// handle_path takes away what its own matcher asks for, and says so
		if prefix := "/" + strings.Trim(h.StripPathPrefix, "/"); at.path != prefix+"/*" && at.path != prefix+"*" {
			r.strips = prefix
		}
	}
	var replaced struct {
		Substrings []struct{ Replace string } `json:"uri_substring"`
		Regexps    []struct{ Replace string } `json:"path_regexp"`
	}
	_ = json.Unmarshal([]byte(textOf(h)), &replaced) // it is what Caddy wrote
	for _, each := range append(replaced.Substrings, replaced.Regexps...) {
		if strings.HasPrefix(each.Replace, "/") && each.Replace != "/" {
			r.to = append(r.to, each.Replace+"{}")
		}
	}
	return r
}

// letIn says what is wrong about it before a gate with these public paths; empty if
// nothing is.
func (r rewritten) letIn(public []string) string {
	paths, err := gate.NewPublicPaths(public)
	if err != nil || len(public) == 0 {
		return ""
	}
	rules := gate.Rules{Public: paths}
	isPublic := func(path string) bool { return rules.IsPublic(&url.URL{Path: path}) }
	if allPublic(r.from, isPublic) {
		return "" // they need no session anyhow
	}
	const what = "a rewrite before wechat_auth makes paths %s, which public lets in without a session: whoever asks for another path gets there, too; " +
		"put the rewrite (rewrite, uri, try_files) behind wechat_auth, in a handle or route"
	for _, to := range r.to {
		literal, placeholder, open := strings.Cut(to, "{")
		if literal = "/" + strings.TrimLeft(literal, "/"); open {
			if literal == "/" {
				continue // the client's own choice, as it was
			}
			if strings.HasPrefix(placeholder, "http.request.uri") { // it begins with a slash
				literal = strings.TrimSuffix(literal, "/") + "/"
			}
			literal += "x"
		}
		if isPublic(literal) {
			return fmt.Sprintf(what, strings.TrimSuffix(to, "{}"))
		}
	}
	if r.strips != "" {
		for _, path := range public {
			path = strings.TrimSuffix(path, "*")
			if strings.HasSuffix(path, "/") {
				path += "x"
			}
			if !isPublic(r.strips + path) {
				return fmt.Sprintf(what, path+" of "+r.strips+path)
			}
		}
	}
	return ""
}

// allPublic reports whether no path of a matcher needs a session.
func allPublic(from []string, isPublic func(string) bool) bool {
	for _, path := range from {
		if prefix, ok := strings.CutSuffix(path, "*"); ok {
			if !strings.HasSuffix(prefix, "/") || !isPublic(prefix+"x") {
				return false
			}
		} else if !isPublic(path) {
			return false
		}
	}
	return len(from) > 0
}
