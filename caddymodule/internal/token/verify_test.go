// verify_test.go: what passes, which claims do not, and what the refusal says.

package token

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What we mint is accepted, says what was said, and an ordinary JWT library
// agrees; with every algorithm.
func TestMintedTokenVerifies(t *testing.T) {
	for _, alg := range allAlgorithms {
		k := testKeys()[alg]
		r, clock := testRing(t, k)
		text := mustMint(t, r, testClaims())
		got, err := r.Verify(text)
		if err != nil || got != testClaims() {
			t.Errorf("%s: Verify = %+v, %v; want the claims minted", alg, got, err)
		}
		var c jwt.RegisteredClaims
		parsed, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return k.parts().public, nil },
			jwt.WithTimeFunc(clock.now), jwt.WithValidMethods([]string{string(alg)}), jwt.WithIssuer("wechat-gateway"),
			jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
		if err != nil || c.Subject != testClaims().Subject || c.ID != testClaims().ID || parsed.Header["kid"] != k.kid {
			t.Errorf("%s: golang-jwt says %+v, %v", alg, c, err)
		}
	}
}

// The promise of 600 bytes holds for the greatest claims that Mint takes.
func TestGreatestTokenFits(t *testing.T) {
	long := strings.Repeat("x", maxIDBytes)
	opts := Options{Issuer: strings.Repeat("i", maxIssuerBytes), MaxLifetime: time.Hour, Now: func() time.Time { return time.Unix(99_999_999_999, 0) }}
	r, err := NewKeyring(opts, testKeys()[HS256])
	if err != nil {
		t.Fatal(err)
	}
	text := mustMint(t, r, Claims{Subject: long, Audience: long, ID: long, IssuedAt: 99_999_999_999, ExpiresAt: 99_999_999_999 + 3600})
	if len(text) > 600 {
		t.Errorf("the greatest HS256 token has %d bytes; want at most 600", len(text))
	}
	if _, err := r.Verify(text); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

// H10, C12: a well signed payload that this gateway would not write, or whose
// claims are not good here and now.
func TestPayloadIsOneWeWouldWrite(t *testing.T) {
	k := testKeys()[HS256]
	r, clock := testRing(t, k)
	good := payload(testClaims())
	check := func(name, body, reason string) {
		t.Helper()
		refused(t, r, name, forge(t, k, header(k), body), reason)
		if body == good {
			t.Errorf("%s: the case changes nothing", name)
		}
	}
	control := func() {
		t.Helper()
		if _, err := r.Verify(forge(t, k, header(k), good)); err != nil {
			t.Fatalf("control: %v", err)
		}
	}
	control()
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	edit := func(f func(*Claims)) string { c := testClaims(); f(&c); return payload(c) }
	iat, exp := fmt.Sprint(testClaims().IssuedAt), fmt.Sprint(testClaims().ExpiresAt)

	check("sub twice, last is eve", swap(`,"aud"`, `,"sub":"oEVE","aud"`), ReasonClaims)
	check("sub twice at the end", swap(`"}`, `","sub":"oEVE"}`), ReasonClaims)
	check("SUB in another case", swap(`"sub"`, `"SUB"`), ReasonClaims)
	check("exp twice", swap(`,"jti"`, `,"exp":9999999999,"jti"`), ReasonClaims)
	check("exp as string", swap(exp, `"`+exp+`"`), ReasonClaims)
	check("exp with fraction", swap(exp, exp+".0"), ReasonClaims)
	check("exp with exponent", swap(exp, "18e8"), ReasonClaims)
	check("exp with leading zero", swap(exp, "0"+exp), ReasonClaims)
	check("exp with plus", swap(exp, "+"+exp), ReasonClaims)
	check("exp null", swap(exp, "null"), ReasonClaims)
	check("exp beyond int64", swap(exp, "9999999999999999999999"), ReasonClaims)
	check("exp at the end of int64", swap(exp, "9223372036854775807"), ReasonClaims)
	check("no exp", swap(`,"exp":`+exp, ""), ReasonClaims)
	check("no iat", swap(`,"iat":`+iat, ""), ReasonClaims)
	check("no jti", swap(`,"jti":"`+testClaims().ID+`"`, ""), ReasonClaims)
	check("no aud", swap(`,"aud":"`+testClaims().Audience+`"`, ""), ReasonClaims)
	check("no iss", swap(`"iss":"wechat-gateway",`, ""), ReasonClaims)
	check("aud as list", swap(`"`+testClaims().Audience+`"`, `["`+testClaims().Audience+`"]`), ReasonClaims)
	check("empty sub", swap(testClaims().Subject, ""), ReasonClaims)
	check("empty aud", swap(testClaims().Audience, ""), ReasonClaims)
	check("empty jti", swap(testClaims().ID, ""), ReasonClaims)
	check("sub with a line break", swap(testClaims().Subject, `oA\nX-Evil: 1`), ReasonClaims)
	check("sub with a raw NUL", swap(testClaims().Subject, "oA\x00"), ReasonClaims)
	check("sub too long", swap(testClaims().Subject, strings.Repeat("o", maxIDBytes+1)), ReasonClaims)
	check("sub that closes itself", swap(testClaims().Subject, `oA","aud":"wxeeeeeeeeeeeeeeee`), ReasonClaims)
	check("sub with an escape", swap("oALICE", `o\u0041LICE`), ReasonClaims)
	check("other issuer", edit(func(c *Claims) { c.Issuer = "wechat-gateway2" }), ReasonClaims)
	check("issuer cut short", edit(func(c *Claims) { c.Issuer = "wechat" }), ReasonClaims)
	check("blank after a colon", swap(`"iat":`, `"iat": `), ReasonClaims)
	check("blank at the end", good+" ", ReasonClaims)
	check("reordered", swap(`"iat":`+iat+`,"exp":`+exp, `"exp":`+exp+`,"iat":`+iat), ReasonClaims)
	check("nbf added", swap(`,"jti"`, `,"nbf":1,"jti"`), ReasonClaims)
	check("second document", good+good, ReasonClaims)
	check("empty payload", "", ReasonClaims)
	check("not JSON", "hello", ReasonClaims)
	check("a huge payload", swap(testClaims().Subject, strings.Repeat("o", 2000)), ReasonClaims)

	check("iat 61 s ahead", edit(func(c *Claims) { c.IssuedAt += 61; c.ExpiresAt += 61 }), ReasonClaims)
	check("iat zero", edit(func(c *Claims) { c.IssuedAt = 0 }), ReasonClaims)
	check("iat negative", edit(func(c *Claims) { c.IssuedAt = -5 }), ReasonClaims)
	check("exp equals iat", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt }), ReasonClaims)
	check("exp before iat", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt - 1 }), ReasonClaims)
	check("lives too long", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt + 86400 + lifetimeSlack + 1 }), ReasonClaims)
	check("expired a second ago", edit(func(c *Claims) { c.IssuedAt -= 3600; c.ExpiresAt = start.Unix() - 1 }), ReasonExpired)

	for name, c := range map[string]string{
		"iat 60 s ahead":   edit(func(c *Claims) { c.IssuedAt += 60 }),
		"longest lifetime": edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt + 86400 }),
		"its last second":  edit(func(c *Claims) { c.IssuedAt -= 3600; c.ExpiresAt = start.Unix() }),
	} {
		if _, err := r.Verify(forge(t, k, header(k), c)); err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
	clock.forward(time.Hour)
	control()
	clock.forward(time.Second)
	refused(t, r, "an hour and a second later", forge(t, k, header(k), good), ReasonExpired)
}

// CVE-2024-51744: an expired forgery must not look merely expired, or a caller
// that lets expired tokens renew would let forgeries do so.
func TestExpiredForgeryIsAForgery(t *testing.T) {
	k := testKeys()[HS256]
	r, clock := testRing(t, k)
	text := mustMint(t, r, testClaims())
	clock.forward(2 * time.Hour)
	refused(t, r, "expired", text, ReasonExpired)
	refused(t, r, "expired and forged", tamper(text, len(text)-10), ReasonBadSignature)
}

// Callers tell the two kinds of refusal apart, and errors quote nothing.
func TestRefusalsAreClassified(t *testing.T) {
	r, clock := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	for _, c := range []struct {
		text, reason string
		foreign      bool
	}{
		{"garbage", ReasonMalformed, true},
		{strings.Repeat("a", 5000), ReasonMalformed, true},
		{"e30." + b64("{}") + ".AAAA", ReasonUnknownKey, true},
		{tamper(text, len(text)-10), ReasonBadSignature, false},
		{text[:len(text)-1] + "B", ReasonMalformed, false},
	} {
		_, err := r.Verify(c.text)
		if !errors.Is(err, ErrInvalid) || Reason(err) != c.reason || errors.Is(err, ErrForeign) != c.foreign {
			t.Errorf("%.20s…: %v, reason %q, foreign %v; want %q, %v", c.text, err, Reason(err), errors.Is(err, ErrForeign), c.reason, c.foreign)
		}
		if len(c.text) > 6 && strings.Contains(err.Error(), c.text[:7]) {
			t.Errorf("the error quotes the token: %v", err)
		}
		if Reason(fmt.Errorf("request: %w", err)) != c.reason {
			t.Error("a wrapped refusal lost its reason")
		}
	}
	clock.forward(time.Hour + time.Second)
	if _, err := r.Verify(text); errors.Is(err, ErrForeign) || Reason(err) != ReasonExpired {
		t.Errorf("expired token: %v", err)
	}
	if got := Reason(errors.New("other")); got != "" {
		t.Errorf("Reason of another error = %q", got)
	}
}
