// base64_test.go: each repair, each refusal, and keys that get no repair.

package opendata

import (
	"bytes"
	"strings"
	"testing"
)

func TestDecodeText(t *testing.T) {
	full := []byte{0xfb, 0xff, 0xbe, 0x01} // "+/++AQ=="
	for _, c := range []struct {
		name, in string
		want     []byte // nil: refused
	}{
		{"canonical", "+/++AQ==", full},
		{"blank for plus", " /  AQ==", full},
		{"blank at the very start is a plus", " /++AQ==", full},
		{"blank at the end is a plus too", "+/++AQ== ", nil},
		{"line feed", "+/++\nAQ==", full},
		{"carriage return and line feed", "+/++\r\nAQ==\r\n", full},
		{"break inside a group", "+/\n++AQ==", full},
		{"tab", "+/++\r\n\tAQ==", full},
		{"break between the padding", "+/++AQ=\n=", full},
		{"URL alphabet", "-_--AQ==", full},
		{"URL alphabet without padding", "-_--AQ", full},
		{"no padding", "+/++AQ", full},
		{"no padding, two bytes", "AAE", []byte{0, 1}},
		{"nothing", "", []byte{}},
		{"both alphabets", "+_++AQ==", nil},
		{"blank and URL alphabet", " _--AQ==", nil},
		{"half the padding", "+/++AQ=", nil},
		{"too much padding", "+/++AQ===", nil},
		{"padding alone", "====", nil},
		{"padding of a full group", "AAAA=", nil},
		{"padding in the middle", "AQ==AQ==", nil},
		{"one digit left", "+/++A", nil},
		{"stray low bits", "+/++AR==", nil},
		{"stray low bits, no padding", "+/++AR", nil},
		{"percent escape", "%2B/++AQ==", nil},
		{"vertical tab", "+/++\vAQ==", nil},
		{"no-break space", "+/++\u00a0AQ==", nil},
		{"zero byte", "+/++\x00AQ==", nil},
		{"invalid UTF-8", "+/++\xffAQ==", nil},
	} {
		got, ok := decodeText(c.in, 100)
		if ok != (c.want != nil) || ok && !bytes.Equal(got, c.want) {
			t.Errorf("%s: decodeText(%q) = %x, %v; want %x", c.name, c.in, got, ok, c.want)
		}
	}
	if _, ok := decodeText(strings.Repeat("\n", 101), 100); ok {
		t.Error("a text over the limit was accepted because its line breaks do not count")
	}
}

func TestParseKey(t *testing.T) {
	for in, want := range map[string]int{
		keyA:                           1,
		"":                             0,
		"AAECAwQFBgcICQoLDA0O":         0, // 15 bytes
		"AAECAwQFBgcICQoLDA0ODxA=":     0, // 17 bytes
		"AAECAwQFBgcICQoLDA0ODxAR":     0, // 18 bytes, 24 characters
		"AAECAwQFBgcICQoLDA0ODw":       0, // no padding
		"AAECAwQFBgcICQoLDA0ODx==":     0, // stray bits
		"AAECAwQFBgcICQoLDA0ODw==\n":   0,
		"AAECAwQFBgcI\nCQoLDA0ODw=":    0, // Go's decoder skips line breaks
		"\n\n\n\nAAECAwQFBgcICQoLDA0O": 0,
		"____________________Dw==":     0,
	} {
		key, ok := parseKey(in)
		if ok != want {
			t.Errorf("parseKey(%q) ok = %d; want %d", in, ok, want)
		}
		if ok == 0 && key != [16]byte{} {
			t.Errorf("parseKey(%q) = %x beside ok 0; want zero", in, key)
		}
	}
}
