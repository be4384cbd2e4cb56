// assertion.go: a short-lived proof for a backend of who is calling.

package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// AssertionLifetime is how long an assertion is good from iat to exp. Clocks of
// gateway and backend may differ by what is left of it when it arrives.
const AssertionLifetime = 60 * time.Second

// assertionType is the typ in the header of assertions (RFC 8725, 3.11: kinds of
// JWT that must not be confused get an explicit type each). Tokens have "JWT".
const assertionType = "wechat-assertion+jwt"

// Assertion is what one assertion says beside who made it and when. All members
// but UnionID have to be set.
type Assertion struct {
	// The openid of the user.
	Subject string
	// The AppID of the app that the openid belongs to.
	AppID string
	// The user's unionid; empty when it is not known, then the claim is left out.
	UnionID string
	// The id of the session.
	SessionID string
	// For whom it is: a backend takes those alone that name it. See CheckAudience.
	Audience string
}

// claims of an assertion, in the order in which they are written.
type assertionClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	AppID     string `json:"appid"`
	UnionID   string `json:"unionid,omitempty"`
	SessionID string `json:"sid"`
	Audience  string `json:"aud"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}

const (
	maxAudienceBytes = 255
	maxUnionIDBytes  = 128
)

// CheckAudience says why a text cannot be the audience of assertions: it has 1 to
// 255 bytes of UTF-8 without control characters, and is no AppID. That is the
// audience of tokens, so that a backend which forgets to look at typ still takes
// no token for an assertion.
func CheckAudience(aud string) error {
	switch {
	case aud == "" || len(aud) > maxAudienceBytes:
		return fmt.Errorf("an audience has 1 to %d bytes", maxAudienceBytes)
	case !plain(aud):
		return errors.New("the audience holds control characters or is not UTF-8")
	case isAppID(aud):
		return errors.New("the audience must not be an AppID, which is that of tokens: name the backend instead")
	}
	return nil
}

func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// isAppID reports whether s is wx and 16 hexadecimal digits.
func isAppID(s string) bool {
	if len(s) != 18 || s[:2] != "wx" {
		return false
	}
	for i := 2; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// CanAssert reports whether MintAssertion works with the ring's signing key: not
// with HS256, for a backend that can check such a signature can make one.
func (r *Keyring) CanAssert() bool { return r.signer.assertionHeader != "" }

// MintAssertion signs a with the ring's signing key, whose public half is in JWKS.
// It is good from now for AssertionLifetime, and Verify refuses it.
func (r *Keyring) MintAssertion(a Assertion) (string, error) {
	if !r.CanAssert() {
		return "", fmt.Errorf("minting an assertion: %s has no public key by which others could check it", r.signer.alg)
	}
	if !validID(a.Subject) || !validID(a.AppID) || !validID(a.SessionID) {
		return "", errors.New("minting an assertion: subject, AppID and session id need 1 to 64 characters of A-Z a-z 0-9 _ -")
	}
	if len(a.UnionID) > maxUnionIDBytes || !plain(a.UnionID) {
		return "", errors.New("minting an assertion: the unionid is too long, holds control characters or is not UTF-8")
	}
	if err := CheckAudience(a.Audience); err != nil {
		return "", fmt.Errorf("minting an assertion: %w", err)
	}
	now := r.now().Unix()
	var payload bytes.Buffer
	enc := json.NewEncoder(&payload)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(assertionClaims{
		Issuer: r.issuer, Subject: a.Subject, AppID: a.AppID, UnionID: a.UnionID, SessionID: a.SessionID,
		Audience: a.Audience, IssuedAt: now, ExpiresAt: now + int64(AssertionLifetime/time.Second),
	}); err != nil {
		return "", errors.New("minting an assertion: its claims cannot be written as JSON")
	}
	text, err := r.signer.compact(r.signer.assertionHeader, bytes.TrimSuffix(payload.Bytes(), []byte("\n")))
	if err != nil {
		return "", fmt.Errorf("minting an assertion: %w", err)
	}
	return text, nil
}
