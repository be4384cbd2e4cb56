// mint.go: from claims to a token.

package token

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// Mint signs c with the ring's signing key. It refuses claims that Verify would
// not accept right now, so that a mistake shows at login and not as a stream of
// refused requests. With HS256 a token has at most 600 bytes.
func (r *Keyring) Mint(c Claims) (string, error) {
	if c.Issuer != "" && c.Issuer != r.issuer {
		return "", errors.New("minting a token: the claims name another issuer")
	}
	if !validID(c.Subject) || !validID(c.Audience) || !validID(c.ID) {
		return "", errors.New("minting a token: subject, audience and id need 1 to 64 characters of A-Z a-z 0-9 _ -")
	}
	if err := r.checkTimes(c); err != nil {
		return "", fmt.Errorf("minting a token: %s", err.detail)
	}
	var buf [maxPayloadBytes]byte
	payload := appendPayload(buf[:0], r.prefix, c)
	text, err := r.signer.compact(r.signer.header, payload)
	if err != nil {
		return "", fmt.Errorf("minting a token: %w", err)
	}
	return text, nil
}

// compact signs a payload under a header that is encoded already.
func (k *Key) compact(header string, payload []byte) (string, error) {
	text := make([]byte, 0, maxTokenBytes/4)
	text = append(text, header...)
	text = append(text, '.')
	text = base64.RawURLEncoding.AppendEncode(text, payload)
	sig, err := k.sign(string(text))
	if err != nil {
		// Without the cause: a library's words about a private key stay inside.
		return "", fmt.Errorf("key %s could not sign", k.kid)
	}
	text = append(text, '.')
	return string(base64.RawURLEncoding.AppendEncode(text, sig)), nil
}
