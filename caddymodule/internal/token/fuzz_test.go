// fuzz_test.go: any text, any payload, any key file.

package token

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/secretfile"
)

// FuzzVerify tries the package's promise on any text: what is accepted is
// what the key would mint for the claims it was read as, to the last byte.
func FuzzVerify(f *testing.F) {
	rings := map[string]*Keyring{}
	var keys []*Key
	for _, alg := range allAlgorithms {
		k := testKeys()[alg]
		keys = append(keys, k)
		rings[k.header], _ = testRing(f, k)
	}
	all, _ := testRing(f, keys...)
	for _, r := range rings {
		text := mustMint(f, r, testClaims())
		f.Add(text)
		f.Add(text + "=")
		f.Add(text[:len(text)-1])
		f.Add(text + "\n")
		f.Add(strings.Replace(text, ".", "..", 1))
		f.Add(forge(f, r.signer, header(r.signer), strings.Replace(payload(testClaims()), `"exp":1`, `"exp":01`, 1)))
		f.Add(forge(f, r.signer, header(r.signer)+" ", payload(testClaims())))
	}
	for _, text := range []string{"", ".", "..", "...", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat(".", 5000)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := all.Verify(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || c != (Claims{}) {
				t.Fatalf("refusal %v with claims %+v", err, c)
			}
			return
		}
		head, _, _ := strings.Cut(text, ".")
		ring := rings[head]
		again := mustMint(t, ring, c)
		if ring.signer.alg != ES256 && again != text {
			t.Fatalf("accepted %q, but minting gives %q", text, again)
		}
		if again[:strings.LastIndexByte(again, '.')] != text[:strings.LastIndexByte(text, '.')] {
			t.Fatalf("accepted %q for claims that are written otherwise", text)
		}
	})
}

// FuzzPayload goes where FuzzVerify cannot, behind the signature.
func FuzzPayload(f *testing.F) {
	k := testKeys()[HS256]
	r, _ := testRing(f, k)
	f.Add(payload(testClaims()))
	f.Add(strings.Replace(payload(testClaims()), "oALICE", `o","aud":"`, 1))
	f.Add(`{"iss":"wechat-gateway","sub":"a","aud":"b","iat":1,"exp":2,"jti":"c"}`)
	f.Add(`{"iss":"wechat-gateway","sub":"","aud":"","iat":-0,"exp":+2,"jti":""}`)
	f.Fuzz(func(t *testing.T, body string) {
		c, err := r.Verify(forge(t, k, header(k), body))
		if err == nil && payload(c) != body {
			t.Fatalf("accepted %q, which is written %q", body, payload(c))
		}
	})
}

// FuzzKeyFile feeds anything to the readers of key files and documents.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("00112233445566778899aabbccddeeff00112233445566778899aabbccddee00"))
	f.Add([]byte(`{"format":"wechat token keys 1","alg":"HS256","keys":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if secret, err := secretfile.Parse(content); err == nil {
			if k, err := NewKey(HS256, secret); err == nil && len(secret) < secretfile.MinBytes {
				t.Fatalf("%v has only %d bytes", k, len(secret))
			}
		}
		if material, err := parsePEM(ES256, content); err == nil {
			_, _ = NewKey(ES256, material)
		}
		if h, err := decodeDocument(content, HS256, nil); err == nil && len(h.entries) == 0 {
			t.Fatal("a document without keys")
		}
	})
}
