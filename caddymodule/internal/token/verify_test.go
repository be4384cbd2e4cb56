// verify_test.go: what passes, which claims do not, and what the refusal says.

package token

import (
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
	check := func(name, body string, because reason) {
		t.Helper()
		refused(t, r, name, forge(t, k, header(k), body), because)
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

	check("sub twice, last is eve", swap(`,"aud"`, `,"sub":"oEVE","aud"`), wrongClaims)
	check("sub twice at the end", swap(`"}`, `","sub":"oEVE"}`), wrongClaims)
	check("SUB in another case", swap(`"sub"`, `"SUB"`), wrongClaims)
	check("exp twice", swap(`,"jti"`, `,"exp":9999999999,"jti"`), wrongClaims)
	check("exp as string", swap(exp, `"`+exp+`"`), wrongClaims)
	check("exp with fraction", swap(exp, exp+".0"), wrongClaims)
	check("exp with exponent", swap(exp, "18e8"), wrongClaims)
	check("exp with leading zero", swap(exp, "0"+exp), wrongClaims)
	check("exp with plus", swap(exp, "+"+exp), wrongClaims)
	check("exp null", swap(exp, "null"), wrongClaims)
	check("exp beyond int64", swap(exp, "9999999999999999999999"), wrongClaims)
	check("exp at the end of int64", swap(exp, "9223372036854775807"), wrongClaims)
	check("no exp", swap(`,"exp":`+exp, ""), wrongClaims)
	check("no iat", swap(`,"iat":`+iat, ""), wrongClaims)
	check("no jti", swap(`,"jti":"`+testClaims().ID+`"`, ""), wrongClaims)
	check("no aud", swap(`,"aud":"`+testClaims().Audience+`"`, ""), wrongClaims)
	check("no iss", swap(`"iss":"wechat-gateway",`, ""), wrongClaims)
	check("aud as list", swap(`"`+testClaims().Audience+`"`, `["`+testClaims().Audience+`"]`), wrongClaims)
	check("empty sub", swap(testClaims().Subject, ""), wrongClaims)
	check("empty aud", swap(testClaims().Audience, ""), wrongClaims)
	check("empty jti", swap(testClaims().ID, ""), wrongClaims)
	check("sub with a line break", swap(testClaims().Subject, `oA\nX-Evil: 1`), wrongClaims)
	check("sub with a raw NUL", swap(testClaims().Subject, "oA\x00"), wrongClaims)
	check("sub too long", swap(testClaims().Subject, strings.Repeat("o", maxIDBytes+1)), wrongClaims)
	check("sub that closes itself", swap(testClaims().Subject, `oA","aud":"wxeeeeeeeeeeeeeeee`), wrongClaims)
	check("sub with an escape", swap("oALICE", `o\u0041LICE`), wrongClaims)
	check("other issuer", edit(func(c *Claims) { c.Issuer = "wechat-gateway2" }), wrongClaims)
	check("issuer cut short", edit(func(c *Claims) { c.Issuer = "wechat" }), wrongClaims)
	check("blank after a colon", swap(`"iat":`, `"iat": `), wrongClaims)
	check("blank at the end", good+" ", wrongClaims)
	check("reordered", swap(`"iat":`+iat+`,"exp":`+exp, `"exp":`+exp+`,"iat":`+iat), wrongClaims)
	check("nbf added", swap(`,"jti"`, `,"nbf":1,"jti"`), wrongClaims)
	check("second document", good+good, wrongClaims)
	check("empty payload", "", wrongClaims)
	check("not JSON", "hello", wrongClaims)
	check("a huge payload", swap(testClaims().Subject, strings.Repeat("o", 2000)), wrongClaims)

	check("iat 61 s ahead", edit(func(c *Claims) { c.IssuedAt += 61; c.ExpiresAt += 61 }), wrongClaims)
	check("iat zero", edit(func(c *Claims) { c.IssuedAt = 0 }), wrongClaims)
	check("iat negative", edit(func(c *Claims) { c.IssuedAt = -5 }), wrongClaims)
	check("exp equals iat", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt }), wrongClaims)
	check("exp before iat", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt - 1 }), wrongClaims)
	check("lives too long", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt + 86400 + lifetimeSlack + 1 }), wrongClaims)
	check("expired a second ago", edit(func(c *Claims) { c.IssuedAt -= 3600; c.ExpiresAt = start.Unix() - 1 }), expired)

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
	refused(t, r, "an hour and a second later", forge(t, k, header(k), good), expired)
}

// CVE-2024-51744: an expired forgery must not look merely expired, or a caller
// that lets expired tokens renew would let forgeries do so.
func TestExpiredForgeryIsAForgery(t *testing.T) {
	k := testKeys()[HS256]
	r, clock := testRing(t, k)
	text := mustMint(t, r, testClaims())
	clock.forward(2 * time.Hour)
	refused(t, r, "expired", text, expired)
	refused(t, r, "expired and forged", tamper(text, len(text)-10), badSignature)
}

// A debug log tells the refusals apart, clients cannot, and no error quotes anything.
func TestRefusalsQuoteNothing(t *testing.T) {
	r, clock := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	for _, c := range []struct {
		text    string
		because reason
	}{
		{"garbage", malformed},
		{strings.Repeat("a", 5000), malformed},
		{"e30." + b64("{}") + ".AAAA", unknownKey},
		{tamper(text, len(text)-10), badSignature},
		{text[:len(text)-1] + "B", malformed},
	} {
		refused(t, r, "a refusal", c.text, c.because)
		_, err := r.Verify(c.text)
		if len(c.text) > 6 && strings.Contains(err.Error(), c.text[:7]) {
			t.Error("the error quotes the token")
		}
	}
	clock.forward(time.Hour + time.Second)
	refused(t, r, "an expired token", text, expired)
}
