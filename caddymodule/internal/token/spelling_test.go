// spelling_test.go: one token, one text; the twins are refused.

package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// H11: many spellings of one token. A program that keys a deny-list or a cache by token
// text is fooled by each that passes.
func TestOneSpelling(t *testing.T) {
	for _, alg := range allAlgorithms {
		k := testKeys()[alg]
		r, _ := testRing(t, k)
		text := mustMint(t, r, testClaims())
		if _, err := r.Verify(text); err != nil {
			t.Fatalf("%s: control: %v", alg, err)
		}
		parts := strings.Split(text, ".")
		const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for i, part := range parts {
			last := strings.IndexByte(digits, part[len(part)-1])
			for _, bit := range []int{1, 2, 4, 8} { // unused or not, each is another text
				changed := append([]string(nil), parts...)
				changed[i] = part[:len(part)-1] + string(digits[last^bit])
				refused(t, r, fmt.Sprintf("%s: part %d, last character changed by %d", alg, i, bit), strings.Join(changed, "."), nil)
			}
			for _, extra := range []string{"=", "==", "\n", "\r\n", " ", "\t", "\x00", "A", "é"} {
				changed := append([]string(nil), parts...)
				changed[i] = part + extra
				refused(t, r, fmt.Sprintf("%s: part %d with %q behind", alg, i, extra), strings.Join(changed, "."), nil)
				changed[i] = part[:5] + extra + part[5:]
				refused(t, r, fmt.Sprintf("%s: part %d with %q inside", alg, i, extra), strings.Join(changed, "."), nil)
			}
		}
		sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
		if std := base64.RawStdEncoding.EncodeToString(sig); std != parts[2] {
			refused(t, r, string(alg)+": signature in the standard alphabet", parts[0]+"."+parts[1]+"."+std, malformed)
		}
		refused(t, r, string(alg)+": quoted", `"`+text+`"`, malformed)
		refused(t, r, string(alg)+": with the scheme", "Bearer "+text, malformed)
	}
}

// A non-canonical signature of a token that is right otherwise is told from a
// line break, which only the alphabet check stops: Go's strict decoding does not.
func TestLineBreakInSignature(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	broken := text[:len(text)-10] + "\n" + text[len(text)-10:]
	if _, err := strictBase64.DecodeString(broken[strings.LastIndex(broken, ".")+1:]); err != nil {
		t.Skip("Go's strict decoding refuses line breaks by now")
	}
	refused(t, r, "line break", broken, malformed)
}

// ECDSA has two signatures for each text, (r, s) and (r, n-s). Both are correct;
// one of them is ours.
func TestECDSASignatureHasOneForm(t *testing.T) {
	k := testKeys()[ES256]
	r, _ := testRing(t, k)
	for range 20 { // s is random; without normalising about half would fail
		text := mustMint(t, r, testClaims())
		if _, err := r.Verify(text); err != nil {
			t.Fatalf("control: %v", err)
		}
		dot := strings.LastIndexByte(text, '.')
		sig, _ := base64.RawURLEncoding.DecodeString(text[dot+1:])
		s := new(big.Int).SetBytes(sig[32:])
		s.Sub(elliptic.P256().Params().N, s).FillBytes(sig[32:])
		sum := sha256.Sum256([]byte(text[:dot]))
		if !ecdsa.Verify(k.parts().public.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(sig[:32]), s) {
			t.Fatal("the twin signature should be correct in itself")
		}
		refused(t, r, "twin signature", text[:dot+1]+base64.RawURLEncoding.EncodeToString(sig), badSignature)
	}
}

// RSA and Ed25519 have twins too, if the library does not bound the numbers:
// s+n and S+L. Ours do; this holds them to it.
func TestSignatureNumbersAreBounded(t *testing.T) {
	rk := testKeys()[RS256]
	r, _ := testRing(t, rk, testKeys()[EdDSA])
	text := mustMint(t, r, testClaims())
	dot := strings.LastIndexByte(text, '.')
	sig, _ := base64.RawURLEncoding.DecodeString(text[dot+1:])
	twin := new(big.Int).SetBytes(sig)
	twin.Add(twin, rk.parts().public.(*rsa.PublicKey).N)
	refused(t, r, "RSA s+n", text[:dot+1]+base64.RawURLEncoding.EncodeToString(twin.Bytes()), badSignature)
	refused(t, r, "RSA 0-prefixed", text[:dot+1]+base64.RawURLEncoding.EncodeToString(append([]byte{0}, sig...)), badSignature)

	ed, _ := testRing(t, testKeys()[EdDSA])
	text = mustMint(t, ed, testClaims())
	dot = strings.LastIndexByte(text, '.')
	sig, _ = base64.RawURLEncoding.DecodeString(text[dot+1:])
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	le := make([]byte, 32)
	for i := range le {
		le[i] = sig[63-i]
	}
	le = new(big.Int).Add(new(big.Int).SetBytes(le), order).FillBytes(le)
	for i := range le {
		sig[32+i] = le[31-i]
	}
	refused(t, ed, "Ed25519 S+L", text[:dot+1]+base64.RawURLEncoding.EncodeToString(sig), badSignature)
}
