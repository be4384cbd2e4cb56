// signature_test.go: rawData, byte for byte.

package opendata

import (
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	v := vectorNamed(t, "official-rawdata")
	raw, sig, key := v.RawData, v.Signature, v.SessionKey
	for _, c := range []struct {
		name, raw, sig string
		keys           []string
		want           int // -1: refused
	}{
		{"official", raw, sig, []string{key}, 0},
		{"newest of two", raw, sig, []string{key, keyA}, 0},
		{"previous of two", raw, sig, []string{keyA, key}, 1},
		{"same key twice", raw, sig, []string{key, key}, 0},
		{"beside an empty key", raw, sig, []string{"", key}, 1},
		{"other key", raw, sig, []string{keyA}, -1},
		{"no key", raw, sig, nil, -1},
		{"three keys", raw, sig, []string{key, key, key}, -1},
		{"upper case hex", raw, strings.ToUpper(sig), []string{key}, -1},
		{"one digit off", raw, sig[:39] + "d", []string{key}, -1},
		{"short", raw, sig[:39], []string{key}, -1},
		{"long", raw, sig + "0", []string{key}, -1},
		{"blank behind", raw, sig + " ", []string{key}, -1},
		{"no signature", raw, "", []string{key}, -1},
		{"no rawData", "", sign("", key), []string{key}, -1},
		{"byte changed", strings.Replace(raw, "Band", "Bond", 1), sig, []string{key}, -1},
		{"blank added", raw + " ", sig, []string{key}, -1},
		{"slash escaped", strings.ReplaceAll(raw, "/", `\/`), sig, []string{key}, -1},
		// Without a key worth the name anybody can sign.
		{"empty key", raw, sign(raw, ""), []string{""}, -1},
		{"short key", raw, sign(raw, "AAAA"), []string{"AAAA"}, -1},
		{"15-byte key", raw, sign(raw, "AAECAwQFBgcICQoLDA0O"), []string{"AAECAwQFBgcICQoLDA0O"}, -1},
		// The boundary between rawData and key is not part of the hash.
		{"key text inside rawData", raw + key, sign(raw, key), []string{""}, -1},
	} {
		got, err := verify(c.raw, c.sig, c.keys...)
		if got != c.want || (err == nil) != (c.want >= 0) {
			t.Errorf("%s: Verify = %d, %v; want %d", c.name, got, err, c.want)
		}
		if err != nil {
			refused(t, err)
		}
	}
}

// Signed by WeChat's rule, and still no object to work with.
func TestVerifyStrictJSON(t *testing.T) {
	for raw, ok := range map[string]bool{
		`{}`:                      true,
		` {"nickName":"\u4f60"} `: true,
		`{"nickName":"你"}`:        true,
		`[]`:                      false,
		`"x"`:                     false,
		`null`:                    false,
		`{"a":1,"a":2}`:           false,
		`{"a":{"b":1,"b":2}}`:     false,
		`{"a":1}{}`:               false,
		`{"a":1} x`:               false,
		"{\"a\":\"\xff\"}":        false,
		`{"a":"\ud800"}`:          true,
		`{a:1}`:                   false,
		` `:                       false,
		`{"a":"` + strings.Repeat("x", maxObject-8) + `"}`: true,
		`{"a":"` + strings.Repeat("x", maxObject-7) + `"}`: false,
	} {
		_, err := verify(raw, sign(raw, keyA), keyA)
		if (err == nil) != ok {
			t.Errorf("verify(%.40q) = %v; want accepted = %v", raw, err, ok)
		}
	}
}
