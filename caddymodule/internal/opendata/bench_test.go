// bench_test.go: the cost of an answer, and that failures cost alike.

package opendata

import (
	"bytes"
	"testing"
)

func BenchmarkVerify(b *testing.B) {
	v := vectorNamed(b, "official-rawdata")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify(v.RawData, v.Signature, v.SessionKey); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	v := vectorNamed(b, "official-userinfo")
	w := Expect{AppID: v.AppID, OpenID: testUser}
	for name, keys := range map[string][]string{
		"key=newest":        {v.SessionKey},
		"key=newest-of-2":   {v.SessionKey, keyA},
		"key=previous-of-2": {keyA, v.SessionKey},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(Request{v.EncryptedData, v.IV}, w, keys...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The figures of the causes should lie close together; TestSameWorkForEveryCause
// holds what can be held without a clock.
func BenchmarkRefuse(b *testing.B) {
	v := vectorNamed(b, "official-userinfo")
	padded := pkcs7([]byte(v.Plaintext))
	edit := func(old, repl string) []byte { return bytes.Replace(padded, []byte(old), []byte(repl), 1) }
	badPad := bytes.Clone(padded)
	badPad[len(badPad)-1] = 0
	garbage := bytes.Repeat([]byte{0xe7}, len(padded))
	rightPad := bytes.Clone(garbage)
	rightPad[len(rightPad)-1] = 1
	for _, c := range []struct {
		name string
		text []byte
	}{
		{"padding", badPad},
		{"padding+json", garbage},
		{"json-start", rightPad},
		{"json-middle", edit(`"country"`, `"country\`)},
		{"json-end", edit(`"}}`, `"]}`)},
		{"appid", edit("wx4f4b", "wx4f4c")},
		{"openid", edit("oGZUI", "oBOBB")},
	} {
		req := request(testIV, encrypt(b, keyA, testIV, c.text))
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(req, Expect{AppID: v.AppID, OpenID: testUser}, keyA); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}
