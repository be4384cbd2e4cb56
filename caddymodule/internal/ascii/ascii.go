// ascii.go: texts of the network that are equal but for their case.

// Package ascii compares texts from the network as bytes. Unicode knows more pairs of
// letters that differ in nothing but their case (K and the Kelvin sign), which strings.EqualFold
// takes for equal and WeChat, browsers and backends do not.
package ascii

// Equal reports whether a text is, but for the case of ASCII letters, one that is given
// in lower case.
func Equal(text, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i := range len(text) {
		b := text[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
