// base64.go: from text to bytes: what is repaired and what is refused.

package opendata

import (
	"crypto/aes"
	"encoding/base64"
)

var strict64 = base64.StdEncoding.Strict()

// decodeText decodes base64 that a form, a proxy or a code sample has mangled.
// Every repair has one possible meaning:
//
//   - CR, LF and TAB are dropped: no alphabet has them, and no transport turns
//     another character into them. WeChat's own samples break lines at 32.
//   - a blank becomes '+', always: form decoding does the opposite.
//   - '-' and '_' (URL alphabet) become '+' and '/'.
//   - padding that is missing as a whole is added.
//
// Refused: both alphabets in one text (a blank counts as '+'), padding that is
// present but wrong, anything after it, left-over percent escapes, other
// characters, and last digits with stray low bits, which WeChat never emits.
// So one byte string has one spelling once repaired.
func decodeText(s string, limit int) ([]byte, bool) {
	if len(s) > limit {
		return nil, false
	}
	buf := make([]byte, 0, len(s)+2)
	var std, url bool
	for i := range len(s) {
		c := s[i]
		switch c {
		case '\r', '\n', '\t':
			continue
		case ' ':
			c, std = '+', true
		case '+', '/':
			std = true
		case '-':
			c, url = '+', true
		case '_':
			c, url = '/', true
		}
		buf = append(buf, c)
	}
	if std && url {
		return nil, false
	}
	if n := len(buf); n > 0 && buf[n-1] != '=' {
		switch n % 4 {
		case 2:
			buf = append(buf, '=', '=')
		case 3:
			buf = append(buf, '=')
		}
	}
	out := make([]byte, strict64.DecodedLen(len(buf)))
	n, err := strict64.Decode(out, buf)
	return out[:n], err == nil
}

// parseKey decodes a session key as jscode2session gave it: canonical base64 of
// 16 bytes, nothing repaired. Otherwise ok is 0 and the key is zero, for callers
// that go on working in order not to be told apart; they must heed ok.
func parseKey(text string) (key [aes.BlockSize]byte, ok int) {
	var buf [aes.BlockSize + 2]byte
	if len(text) != strict64.EncodedLen(len(key)) {
		return key, 0
	}
	if n, err := strict64.Decode(buf[:], []byte(text)); err != nil || n != len(key) {
		return key, 0
	}
	copy(key[:], buf[:])
	return key, 1
}
