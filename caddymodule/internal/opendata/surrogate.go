// surrogate.go: half a character, as some phones leave it in a nickname.

package opendata

import "bytes"

// MendHalves makes of each escaped half of a surrogate pair that stands alone in JSON text, \ud800
// say, the replacement character U+FFFD, in place: both escapes take six bytes. A
// nickname that was cut after so many UTF-16 units ends in one. JSON allows it, I-JSON
// (RFC 7493) and most readers of it do not, and the object is read on by others.
//
// Bytes that are no UTF-8 are not mended: no honest sender makes them.
func MendHalves(text []byte) {
	for at := 0; ; {
		next := bytes.IndexByte(text[at:], '\\')
		if next < 0 {
			return
		}
		at += next
		unit, ok := escapedUnit(text[at:])
		switch {
		case !ok:
			at += 2 // another escape, a backslash itself for one
			if at > len(text) {
				return
			}
			continue
		case unit >= 0xD800 && unit < 0xDC00:
			if low, ok := escapedUnit(text[at+6:]); ok && low >= 0xDC00 && low < 0xE000 {
				at += 12
				continue
			}
			copy(text[at:], `\ufffd`)
		case unit >= 0xDC00 && unit < 0xE000:
			copy(text[at:], `\ufffd`)
		}
		at += 6
	}
}

// escapedUnit reads \uXXXX at the beginning of b.
func escapedUnit(b []byte) (unit rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			unit = unit<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			unit = unit<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}

// mended is MendHalves for a text that is to stay as it is.
func mended(text string) []byte {
	b := []byte(text)
	MendHalves(b)
	return b
}
