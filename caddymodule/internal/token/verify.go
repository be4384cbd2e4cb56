// verify.go: from a text somebody sent to claims, or one of five reasons not to.

package token

import (
	"encoding/base64"
	"errors"
	"strings"
)

var (
	// ErrInvalid is what every refusal of Verify wraps.
	ErrInvalid = errors.New("token is not valid")
	// ErrForeign is what refusals wrap, beside ErrInvalid, when the text does
	// not even claim to be made by one of our keys. It is still a credential
	// that was refused: never treat it as if none had been sent.
	ErrForeign = errors.New("token was not made by this gateway")
)

// The closed set of reasons, for logs and metric labels. Clients must not see
// them: all refusals look alike from outside.
const (
	ReasonMalformed    = "malformed"
	ReasonUnknownKey   = "unknown_key"
	ReasonBadSignature = "bad_signature"
	ReasonExpired      = "expired"
	ReasonClaims       = "claims"
)

// Reason is why Verify refused, or "" if err is not a refusal of Verify.
func Reason(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.reason
	}
	return ""
}

// refusal is a constant: refusing allocates nothing and can quote nothing.
type refusal struct {
	reason, detail string
	foreign        bool
}

func (r *refusal) Error() string { return ErrInvalid.Error() + ": " + r.detail }

func (r *refusal) Is(target error) bool {
	return target == ErrInvalid || target == ErrForeign && r.foreign
}

var (
	errTooLong      = &refusal{ReasonMalformed, "longer than 4096 bytes", true}
	errParts        = &refusal{ReasonMalformed, "has less than three parts", true}
	errAlphabet     = &refusal{ReasonMalformed, "holds a character outside base64url", true}
	errUnknownKey   = &refusal{ReasonUnknownKey, "its header is not that of one of our keys", true}
	errSpelling     = &refusal{ReasonMalformed, "its signature is not in canonical base64url", false}
	errBadSignature = &refusal{ReasonBadSignature, "its signature does not verify", false}
	errPayload      = &refusal{ReasonClaims, "its payload is not one this gateway writes", false}
	errTimes        = &refusal{ReasonClaims, "iat has to be positive and exp later than iat", false}
	errLifetime     = &refusal{ReasonClaims, "exp is further from iat than the greatest lifetime", false}
	errIssuedLater  = &refusal{ReasonClaims, "iat is in the future", false}
	errExpired      = &refusal{ReasonExpired, "exp has passed", false}
)

const (
	// maxTokenBytes is checked before anything looks at the text.
	maxTokenBytes = 4096
	// maxSkew is how far another node's clock may be ahead of ours. There is none
	// for exp, but that a token is good until the second of its exp is over: exp
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
