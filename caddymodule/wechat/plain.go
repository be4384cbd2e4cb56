// plain.go: nothing of what a token, a store or an endpoint says moves a terminal.

package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// plain returns a text with all that is not printable ASCII escaped: a terminal obeys
// control characters, those of 8 bits (C1) as well, and what is drawn from right to left or
// not at all makes a line say something else.
func plain(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			quoted := strconv.QuoteToASCII(s)
			return quoted[1 : len(quoted)-1]
		}
	}
	return s
}

// plainJSON returns JSON in printable ASCII that says the same, on a line of its own.
func plainJSON(raw []byte) ([]byte, error) {
	if !json.Valid(raw) {
		return nil, errors.New("the answer is not JSON")
	}
	out := make([]byte, 0, len(raw)+1)
	for len(raw) > 0 {
		c, size := utf8.DecodeRune(raw)
		raw = raw[size:]
		switch {
		case c < ' ': // outside of texts, where JSON allows no others
			out = append(out, ' ')
		case c <= '~':
			out = append(out, byte(c))
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, c)
		}
	}
	for len(out) > 0 && out[len(out)-1] == ' ' {
		out = out[:len(out)-1]
	}
	return append(out, '\n'), nil
}
