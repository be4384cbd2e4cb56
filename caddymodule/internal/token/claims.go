// claims.go: what a token says, and the only way to write it down.

package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Claims is what one token says. The zero value is no token: all members but
// Issuer have to be set to mint one.
type Claims struct {
	// Who minted it. Mint fills it in; if set it has to be the ring's issuer.
	Issuer string
	// The openid of the user.
	Subject string
	// The AppID of the mini program the openid belongs to. Callers compare it
	// with the apps they accept: an openid means nothing outside its app.
	Audience string
	// The id of the session. Revocation goes by this, never by token text.
	ID string
	// Unix seconds.
	IssuedAt, ExpiresAt int64
}

const (
	// maxIDBytes bounds sub, aud and jti. Openids are 28 bytes, AppIDs 18.
	maxIDBytes = 64
	// maxIssuerBytes, in JSON, keeps an HS256 token with all members at their
	// greatest below the 600 bytes we promise.
	maxIssuerBytes = 96
	// maxPayloadBytes is above the greatest payload Mint can write (377 bytes,
	// with all 19 digits of both times); a larger one cannot be ours.
	maxPayloadBytes = 400
)

// payloadPrefix is the constant beginning of every payload of one issuer.
func payloadPrefix(issuer string) (string, error) {
	if issuer == "" {
		return "", errors.New("the token issuer is empty")
	}
	if !plain(issuer) {
		return "", errors.New("the token issuer holds control characters or is not UTF-8")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // & in a URL should stay one byte
	if err := enc.Encode(issuer); err != nil {
		return "", fmt.Errorf("encoding the token issuer: %w", err)
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	if len(quoted)-2 > maxIssuerBytes {
		return "", fmt.Errorf("the token issuer takes %d bytes; at most %d are allowed", len(quoted)-2, maxIssuerBytes)
	}
	return `{"iss":` + quoted + `,"sub":"`, nil
}

// appendPayload writes c in its only spelling: no blanks, members in this
// order, nothing escaped. It relies on validID for the three identifiers.
func appendPayload(dst []byte, prefix string, c Claims) []byte {
	dst = append(dst, prefix...)
	dst = append(dst, c.Subject...)
	dst = append(dst, `","aud":"`...)
	dst = append(dst, c.Audience...)
	dst = append(dst, `","iat":`...)
	dst = strconv.AppendInt(dst, c.IssuedAt, 10)
	dst = append(dst, `,"exp":`...)
	dst = strconv.AppendInt(dst, c.ExpiresAt, 10)
	dst = append(dst, `,"jti":"`...)
	dst = append(dst, c.ID...)
	return append(dst, `"}`...)
}

// parsePayload is the inverse of appendPayload. It need not be strict about
// spelling: writing the result again and comparing is (and closes duplicate,
// missing, reordered and mistyped members, leading zeros and blanks at once).
func parsePayload(raw, prefix, issuer string) (Claims, bool) {
	rest, ok := strings.CutPrefix(raw, prefix)
	if !ok {
		return Claims{}, false
	}
	c := Claims{Issuer: issuer}
	if c.Subject, rest, ok = strings.Cut(rest, `","aud":"`); !ok {
		return Claims{}, false
	}
	if c.Audience, rest, ok = strings.Cut(rest, `","iat":`); !ok {
		return Claims{}, false
	}
	iat, rest, ok := strings.Cut(rest, `,"exp":`)
	if !ok {
		return Claims{}, false
	}
	exp, rest, ok := strings.Cut(rest, `,"jti":"`)
	if !ok {
		return Claims{}, false
	}
	if c.ID, ok = strings.CutSuffix(rest, `"}`); !ok {
		return Claims{}, false
	}
	var err1, err2 error
	c.IssuedAt, err1 = strconv.ParseInt(iat, 10, 64)
	c.ExpiresAt, err2 = strconv.ParseInt(exp, 10, 64)
	if err1 != nil || err2 != nil {
		return Claims{}, false
	}
	var buf [maxPayloadBytes]byte
	if string(appendPayload(buf[:0], prefix, c)) != raw {
		return Claims{}, false
	}
	return c, validID(c.Subject) && validID(c.Audience) && validID(c.ID)
}

// validID keeps identifiers to an alphabet that needs no escape in JSON, in
// headers or in storage keys, and that WeChat's openids and AppIDs stay within.
func validID(s string) bool {
	return s != "" && len(s) <= maxIDBytes && inAlphabet(s)
}

// inAlphabet reports whether s holds only [A-Za-z0-9_-], the base64url alphabet
// without padding. Go's decoders skip line breaks, so they do not check this.
func inAlphabet(s string) bool {
	for i := 0; i < len(s); i++ {
		if !alphabet[s[i]] {
			return false
		}
	}
	return true
}

var alphabet = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") {
		t[c] = true
	}
	return t
}()
