// contenttype.go: whether a body says that it is JSON.

package endpoint

import (
	"net/http"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/ascii"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

// requireJSON refuses what a form or another page could send without a preflight, and
// what is not JSON in UTF-8.
func requireJSON(header http.Header) error {
	mediaType, ok := oneContentType(header["Content-Type"])
	if !ok || !isJSON(mediaType) {
		return unsupported("send Content-Type: application/json")
	}
	if !isUTF8(mediaType) {
		return unsupported("send the JSON as UTF-8")
	}
	if len(header["Content-Encoding"]) > 0 {
		return unsupported("send the JSON without Content-Encoding")
	}
	return nil
}

func unsupported(description string) error {
	return &problem.RequestError{Status: http.StatusUnsupportedMediaType, Description: description, Closes: true}
}

// oneContentType returns the type that all fields name. Two layers of a client that each
// add the same one are one; so is a list that a proxy made of them.
func oneContentType(fields []string) (mediaType string, ok bool) {
	for i, field := range fields {
		for part := range strings.SplitSeq(field, ",") {
			part = strings.Trim(part, " \t")
			if mediaType == "" && i == 0 {
				mediaType = part
			}
			if part != mediaType {
				return "", false
			}
		}
	}
	return mediaType, mediaType != ""
}

// isJSON compares bytes: what Unicode calls blank or the same letter is neither.
func isJSON(mediaType string) bool {
	name, _, _ := strings.Cut(mediaType, ";")
	return ascii.Equal(strings.TrimRight(name, " \t"), "application/json")
}

// isUTF8 reports whether the parameters name no other charset. JSON has none but UTF-8
// (RFC 8259 section 8.1), and clients say so or nothing.
func isUTF8(mediaType string) bool {
	_, parameters, _ := strings.Cut(mediaType, ";")
	charsets, empty := 0, false
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, ok := strings.Cut(strings.Trim(parameter, " \t"), "=")
		if empty {
			return false // there is an empty one before another
		}
		switch {
		case name == "" && !ok: // a semicolon at the end
			empty = true
		case name == "" || !ok: // this is no parameter
			return false
		case ascii.Equal(name, "charset"):
			if charsets++; !ascii.Equal(value, "utf-8") && !ascii.Equal(value, `"utf-8"`) {
				return false
			}
		}
	}
	return charsets <= 1
}
