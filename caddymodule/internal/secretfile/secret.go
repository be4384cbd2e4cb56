// secret.go: what counts as a secret, and what only looks like one.

package secretfile

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// MinBytes is the output size of SHA-256, as RFC 7518, 3.2 requires of HS256
// and as a 256-bit cipher key deserves.
const MinBytes = 32

// ErrPEM is wrapped by the refusal of a PEM text, so that the caller can add
// where such a key belongs.
var ErrPEM = errors.New("the secret looks like a PEM key")

// Parse reads the content of a secret file: hex, else base64 (either
// alphabet, padded or not), else the bytes themselves. Tools wrap long hex and
// base64 lines, so line breaks inside those two do not count.
func Parse(content []byte) ([]byte, error) {
	raw := content
	if cut, ok := bytes.CutSuffix(content, []byte("\n")); ok {
		raw = bytes.TrimSuffix(cut, []byte("\r"))
	}
	if len(raw) == 0 {
		return nil, errors.New("is empty; write at least 32 random bytes, for example with: openssl rand -hex 32")
	}
	// Before decoding: a PEM text offered as a secret is a public key that
	// anybody may know (the RS256 to HS256 confusion).
	if err := foreign(raw); err != nil {
		return nil, err
	}
	text := string(bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r"), nil), []byte("\n"), nil))
	if secret, err := hex.DecodeString(text); err == nil {
		return secret, nil
	}
	for _, enc := range []*base64.Encoding{
		base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
	} {
		if secret, err := enc.Strict().DecodeString(text); err == nil {
			return secret, nil
		}
	}
	return raw, nil
}

// Check refuses what is too short or so regular that it was typed, not
// made. It cannot measure entropy; it stops the mistakes people make.
func Check(secret []byte) error {
	if err := foreign(secret); err != nil {
		return err
	}
	if len(secret) < MinBytes {
		return fmt.Errorf("the secret has %d bytes after decoding; at least %d are needed, for example from: openssl rand -hex 32",
			len(secret), MinBytes)
	}
	if repeats(secret) || counts(secret) || distinct(secret) < 8 {
		return errors.New("the secret is a repeated or regular pattern, not random; make one with: openssl rand -hex 32")
	}
	return nil
}

// foreign recognises keys of signature algorithms. Their public halves are no
// secrets, and a private half belongs under its own algorithm.
func foreign(b []byte) error {
	if bytes.Contains(b, []byte("-----BEGIN ")) {
		return fmt.Errorf("%w; make a secret with: openssl rand -hex 32", ErrPEM)
	}
	if bytes.HasPrefix(b, []byte("ssh-")) || bytes.HasPrefix(b, []byte("ecdsa-sha2-")) {
		return errors.New("the secret looks like an SSH public key; make one with: openssl rand -hex 32")
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) && json.Valid(b) {
		return errors.New("the secret looks like JSON (a JWK?); write the key itself as hex or base64")
	}
	if looksLikeDER(b) {
		return errors.New("the secret looks like a DER key or certificate; make one with: openssl rand -hex 32")
	}
	return nil
}

func looksLikeDER(b []byte) bool {
	if len(b) == 0 || b[0] != 0x30 { // all of them are an ASN.1 SEQUENCE
		return false
	}
	_, err1 := x509.ParsePKIXPublicKey(b)
	_, err2 := x509.ParsePKCS8PrivateKey(b)
	_, err3 := x509.ParsePKCS1PublicKey(b)
	_, err4 := x509.ParsePKCS1PrivateKey(b)
	_, err5 := x509.ParseECPrivateKey(b)
	_, err6 := x509.ParseCertificate(b)
	return err1 == nil || err2 == nil || err3 == nil || err4 == nil || err5 == nil || err6 == nil
}

// repeats reports whether b is one block of less than 32 bytes written at least
// twice. A random 32-byte secret looks like this with probability 2^-128.
func repeats(b []byte) bool {
	for period := 1; period <= len(b)/2 && period < MinBytes; period++ {
		if bytes.Equal(b[period:], b[:len(b)-period]) {
			return true
		}
	}
	return false
}

// counts reports whether b goes up or down by one constant step: 00 01 02 …
func counts(b []byte) bool {
	for i := 2; i < len(b); i++ {
		if b[i]-b[i-1] != b[1]-b[0] {
			return false
		}
	}
	return true
}

func distinct(b []byte) int {
	seen := map[byte]bool{}
	for _, c := range b {
		seen[c] = true
	}
	return len(seen)
}
