// choosing.go: upstreams that the client chooses.

package openconfig

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// clientWrites are the placeholders whose text is the client's.
var clientWrites = regexp.MustCompile(`\{http\.(?:request\.(?:header|cookie|uri|orig_uri|body|hostport|host)\b|regexp\.)[^{}]*\}`)

// choice is the guarded upstream that a client may make of an upstream with placeholders;
// empty if there is none.
func (f *finder) choice(upstream string) string {
	if !clientWrites.MatchString(upstream) {
		return ""
	}
	if strings.HasPrefix(upstream, "dynamic ") {
		upstream = "{http.request.host}" // whatever its name comes to
	}
	parts := clientWrites.Split(upstream, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	may, err := regexp.Compile("^" + strings.Join(parts, ".*") + "$")
	for _, guarded := range slices.Sorted(maps.Keys(f.guarded)) {
		if err != nil || may.MatchString(guarded) {
			return guarded
		}
	}
	return ""
}
