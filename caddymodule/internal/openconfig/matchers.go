// matchers.go: what the matchers of a route say.

package openconfig

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// matcherSets are the matchers of a route by name, as JSON. One set has to match.
type matcherSets []map[string]string

func setsOf(route *caddyhttp.Route) (sets matcherSets) {
	for _, set := range route.MatcherSets {
		sets = append(sets, matchersOf(set))
	}
	return sets
}

func matchersOf(set caddyhttp.MatcherSet) map[string]string {
	all := make(map[string]string)
	for _, matcher := range set {
		if not, ok := matcher.(*caddyhttp.MatchNot); ok {
			var inner []map[string]string
			for _, set := range not.MatcherSets {
				inner = append(inner, matchersOf(set))
			}
			all["not"] = textOf(inner)
			continue
		}
		name := ""
		if m, ok := matcher.(caddy.Module); ok {
			name = caddy.GetModuleName(m)
		}
		all[name] = textOf(matcher)
	}
	return all
}

// reading is the name of a matcher that reads an identity header; empty if none does.
func (sets matcherSets) reading() string {
	for _, set := range sets {
		for name, text := range set {
			if name != "host" && name != "path" && namesHeader.MatchString(text) {
				return name
			}
		}
	}
	return ""
}

// list returns the texts of the matcher of that name in each set, which is a list of
// texts; ok is false where a set has none.
func (sets matcherSets) list(name string) (all []string, ok bool) {
	for _, set := range sets {
		var texts []string
		if json.Unmarshal([]byte(set[name]), &texts) != nil {
			return all, false
		}
		all = append(all, texts...)
	}
	return all, len(sets) > 0
}

func (sets matcherSets) texts(name string) string {
	var all []string
	for _, set := range sets {
		var texts []string
		if json.Unmarshal([]byte(set[name]), &texts) == nil {
			all = append(all, texts...)
		}
	}
	return strings.Join(slices.Compact(all), " ")
}

// tryFiles are the files that the file matchers look for.
func (sets matcherSets) tryFiles() (files []string) {
	for _, set := range sets {
		var matcher struct {
			TryFiles []string `json:"try_files"`
		}
		if json.Unmarshal([]byte(set["file"]), &matcher) == nil {
			files = append(files, matcher.TryFiles...)
		}
	}
	return files
}
