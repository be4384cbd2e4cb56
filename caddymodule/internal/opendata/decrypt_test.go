// decrypt_test.go: padding, odd sizes, key choice.

package opendata

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// The invalid classes of Wycheproof's aes_cbc_pkcs5_test: no padding, zero
// padding, a wrong byte anywhere, too long, ISO 7816, ANSI X.923, zeros.
func TestUnpad(t *testing.T) {
	tail := func(s string) []byte { return []byte(strings.Repeat("x", 16-len(s)) + s) }
	for n := 1; n <= 16; n++ {
		good := tail(strings.Repeat(string(rune(n)), n))
		if pad, ok := unpad(good); ok != 1 || pad != n {
			t.Errorf("padding of %d: unpad = %d, %d; want %d, 1", n, pad, ok, n)
		}
		if want := tail(strings.Repeat(" ", n)); !bytes.Equal(good, want) {
			t.Errorf("padding of %d became %q; want blanks", n, good)
		}
		// Any single byte of the padding but the count itself, any change of it.
		for at := 16 - n; at < 15; at++ {
			for _, flip := range []byte{1, 0x10, 0x80, 0xff} {
				bad := tail(strings.Repeat(string(rune(n)), n))
				bad[at] ^= flip
				before := bytes.Clone(bad)
				if _, ok := unpad(bad); ok != 0 {
					t.Errorf("padding of %d with byte %d off by %#x accepted", n, at, flip)
				}
				if !bytes.Equal(bad, before) {
					t.Errorf("bad padding was rewritten: %q, was %q", bad, before)
				}
			}
		}
	}
	for name, s := range map[string]string{
		"zero count":          "\x00",
		"all zero":            strings.Repeat("\x00", 16),
		"17":                  strings.Repeat("\x11", 16),
		"32, push messages":   strings.Repeat("\x20", 16),
		"255":                 strings.Repeat("\xff", 16),
		"128":                 "\x80",
		"ISO 7816":            "\x80\x00\x00\x00",
		"ANSI X.923":          "\x00\x00\x00\x04",
		"ISO 10126":           "\x91\x5a\x33\x04",
		"count over the data": "\x03\x03",
		"text":                "}",
	} {
		if pad, ok := unpad(tail(s)); ok != 0 {
			t.Errorf("%s: unpad = %d, 1; want refused", name, pad)
		}
	}
	// Only the last block counts.
	if pad, ok := unpad(bytes.Repeat([]byte{16}, 48)); ok != 1 || pad != 16 {
		t.Errorf("three blocks of 16: unpad = %d, %d; want 16, 1", pad, ok)
	}
}

// H6: Go's CBC panics on a broken block and on a short iv. A client must not be
// able to say so.
func TestOddSizes(t *testing.T) {
	good := seal(t, keyA, `{`+testMark+`}`)
	blocks, _ := base64.StdEncoding.DecodeString(good.EncryptedData)
	for _, n := range []int{0, 1, 8, 15, 16, 17, 31, 32, 33, 47, 8191, 8192, 8193, 8208, 12288, 1 << 20} {
		req := request(testIV, make([]byte, n))
		_, _, err := decrypt(req.EncryptedData, req.IV, keyA, keyB)
		refused(t, err)
		_, err = Open(req, sessionOf(testUser), keyA, keyB)
		refused(t, err)
		_, err = fingerprintOf(req)
		if wantOK := n > 0 && n%16 == 0 && n <= 8192; wantOK != (err == nil) {
			t.Errorf("Fingerprint of %d bytes: %v; want accepted = %v", n, err, wantOK)
		}
	}
	for _, n := range []int{0, 1, 8, 12, 15, 17, 24, 32, 64} {
		_, err := Open(request(make([]byte, n), blocks), sessionOf(testUser), keyA)
		refused(t, err)
	}
	for _, keys := range [][]string{nil, {}, {""}, {"", ""}, {keyB}, {keyA, keyB, keyC}, {"AAECAwQFBgcICQoLDA0O"}} {
		_, err := Open(good, sessionOf(testUser), keys...)
		refused(t, err)
		_, _, err = decrypt(good.EncryptedData, good.IV, keys...)
		refused(t, err)
	}
}

// The largest text that is accepted, and one block more.
func TestSizeLimit(t *testing.T) {
	for _, c := range []struct {
		blocks int
		ok     bool
	}{{512, true}, {513, false}} {
		fill := strings.Repeat("x", 16*c.blocks-1-len(`{"a":"",`+testMark+`}`))
		req := seal(t, keyA, `{"a":"`+fill+`",`+testMark+`}`)
		if _, err := Open(req, sessionOf(testUser), keyA); (err == nil) != c.ok {
			t.Errorf("%d blocks: %v; want accepted = %v", c.blocks, err, c.ok)
		}
	}
}

// The newest key wins; an unusable one beside it neither helps nor harms.
func TestKeyChoice(t *testing.T) {
	req := seal(t, keyA, `{`+testMark+`}`)
	for _, c := range []struct {
		keys []string
		want int
	}{
		{[]string{keyA}, 0},
		{[]string{keyA, keyB}, 0},
		{[]string{keyB, keyA}, 1},
		{[]string{keyA, keyA}, 0},
		{[]string{keyA, ""}, 0},
		{[]string{"", keyA}, 1},
		{[]string{"short", keyA}, 1},
	} {
		_, key, err := decrypt(req.EncryptedData, req.IV, c.keys...)
		if err != nil || key != c.want {
			t.Errorf("Decrypt with %d keys = %d, %v; want %d", len(c.keys), key, err, c.want)
		}
		o, err := Open(req, sessionOf(testUser), c.keys...)
		if err != nil || o.Key != c.want {
			t.Errorf("Open with %d keys = %d, %v; want %d", len(c.keys), o.Key, err, c.want)
		}
	}
	// A key that opened nothing must not match a text sealed under zeros.
	zero := "AAAAAAAAAAAAAAAAAAAAAA=="
	_, err := Open(seal(t, zero, `{`+testMark+`}`), sessionOf(testUser), "", "short")
	refused(t, err)
}

// White space in place of padding is good JSON, so only the padding check can
// refuse it. "\n" is also the count 10, "\t" 9, "\r" 13.
func TestWhiteSpaceIsNoPadding(t *testing.T) {
	text := `{` + testMark + `}`
	for len(text)%16 != 11 {
		text = " " + text
	}
	for _, tail := range []string{"     ", "\n\n\n\n\n", "\t\t\t\t\t", "    \r", "    \n"} {
		req := request(testIV, encrypt(t, keyA, testIV, []byte(text+tail)))
		_, _, err := decrypt(req.EncryptedData, req.IV, keyA)
		refused(t, err)
		_, err = Open(req, sessionOf(testUser), keyA)
		refused(t, err)
	}
	if _, err := Open(seal(t, keyA, text), sessionOf(testUser), keyA); err != nil {
		t.Errorf("the same text with right padding: %v", err)
	}
}
