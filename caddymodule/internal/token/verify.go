// verify.go: from a text somebody sent to claims, or a reason why not.

package token

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ErrInvalid is what every refusal of Verify wraps. Clients must not learn more: all
// refusals look alike from outside. The rest of the text is for debug logs.
var ErrInvalid = errors.New("token is not valid")

// refusal is a constant: refusing allocates nothing and can quote nothing.
type refusal struct{ detail string }

func (r *refusal) Error() string { return ErrInvalid.Error() + ": " + r.detail }

// Unwrap returns ErrInvalid.
func (r *refusal) Unwrap() error { return ErrInvalid }

var (
	errTooLong      = &refusal{"longer than 4096 bytes"}
	errParts        = &refusal{"has less than three parts"}
	errAlphabet     = &refusal{"holds a character outside base64url"}
	errUnknownKey   = &refusal{"its header is not that of one of our keys"}
	errSpelling     = &refusal{"its signature is not in canonical base64url"}
	errBadSignature = &refusal{"its signature does not verify"}
	errPayload      = &refusal{"its payload is not one this gateway writes"}
	errTimes        = &refusal{"iat has to be positive and exp later than iat"}
	errLifetime     = &refusal{"exp is further from iat than the greatest lifetime"}
	errIssuedLater  = &refusal{"iat is in the future"}
	errExpired      = &refusal{"exp has passed"}
)

const (
	// maxTokenBytes is checked before anything looks at the text.
	maxTokenBytes = 4096
	// maxSkew is how far another node's clock may be ahead of ours. exp gets no
	// allowance, except that a token is good to the end of the second it names: exp
	// is cut to a whole second, and the session ends at its own exact time, which
	// the caller of Verify looks at.
	maxSkew = 60
	// lifetimeSlack is for whole seconds on both ends.
	lifetimeSlack = 2
)

// strictBase64 refuses non-zero bits behind the last byte.
var strictBase64 = base64.RawURLEncoding.Strict()

// Verify returns the claims of a token that one of the ring's keys signed and
// that is alive now. Every error wraps ErrInvalid. Whether the session exists
// and the app may enter is for the caller to check.
func (r *Keyring) Verify(text string) (Claims, error) {
	if len(text) > maxTokenBytes {
		return Claims{}, errTooLong
	}
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok {
		return Claims{}, errParts
	}
	// This refuses a fourth part too: its dot is outside the alphabet.
	if !inAlphabet(header) || !inAlphabet(payload) || !inAlphabet(signature) {
		return Claims{}, errAlphabet
	}
	// The header is not parsed. It is one of ours to the last byte, so none,
	// another alg, jwk, jku, x5u, crit, b64 and odd kids have no place to be.
	key := r.byHeader[header]
	if key == nil {
		return Claims{}, errUnknownKey
	}
	sig, err := strictBase64.DecodeString(signature)
	if err != nil {
		return Claims{}, errSpelling
	}
	// Before the claims are looked at: an expired forgery is a forgery.
	if !key.verify(text[:len(header)+1+len(payload)], sig) {
		return Claims{}, errBadSignature
	}
	c, ok := r.decodePayload(payload)
	if !ok {
		return Claims{}, errPayload
	}
	if err := r.checkTimes(c); err != nil {
		return Claims{}, err
	}
	return c, nil
}

func (r *Keyring) decodePayload(payload string) (Claims, bool) {
	var buf [maxPayloadBytes]byte
	if strictBase64.DecodedLen(len(payload)) > len(buf) {
		return Claims{}, false
	}
	n, err := strictBase64.Decode(buf[:], []byte(payload))
	if err != nil {
		return Claims{}, false
	}
	return parsePayload(string(buf[:n]), r.prefix, r.issuer)
}

// checkTimes asks for expiry last, so that "expired" means: right otherwise.
func (r *Keyring) checkTimes(c Claims) *refusal {
	now := r.now().Unix()
	switch {
	case c.IssuedAt <= 0 || c.ExpiresAt <= c.IssuedAt:
		return errTimes
	case c.ExpiresAt-c.IssuedAt > r.maxLifetime+lifetimeSlack:
		return errLifetime
	case c.IssuedAt > now+maxSkew:
		return errIssuedLater
	case c.ExpiresAt < now:
		return errExpired
	}
	return nil
}
