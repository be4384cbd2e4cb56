// mint_test.go: the bytes we write, and what we decline to.

package token

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// The payload is a contract: other code may hash or compare it.
func TestMintedBytes(t *testing.T) {
	k := testKeys()[HS256]
	r, _ := testRing(t, k)
	c := testClaims()
	c.Issuer = "" // Mint fills it in
	parts := strings.Split(mustMint(t, r, c), ".")
	head, _ := base64.RawURLEncoding.DecodeString(parts[0])
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if want := `{"alg":"HS256","kid":"` + k.KID() + `","typ":"JWT"}`; string(head) != want {
		t.Errorf("header = %s; want %s", head, want)
	}
	const want = `{"iss":"wechat-gateway","sub":"oALICE-4gxHf5SqvXWnkP0mBd3c_","aud":"wx0123456789abcdef","iat":1800000000,"exp":1800003600,"jti":"q5RrYdqE0pVdW3vY2nqTbg"}`
	if string(body) != want {
		t.Errorf("payload = %s; want %s", body, want)
	}
}

// Minting what Verify refuses is a mistake to be seen at login.
func TestMintRefusesWhatVerifyWould(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256])
	for name, edit := range map[string]func(*Claims){
		"other issuer":     func(c *Claims) { c.Issuer = "someone" },
		"no subject":       func(c *Claims) { c.Subject = "" },
		"no audience":      func(c *Claims) { c.Audience = "" },
		"no id":            func(c *Claims) { c.ID = "" },
		"quote in subject": func(c *Claims) { c.Subject = `o","sub":"p` },
		"newline in id":    func(c *Claims) { c.ID = "a\nb" },
		"long subject":     func(c *Claims) { c.Subject = strings.Repeat("o", 65) },
		"no exp":           func(c *Claims) { c.ExpiresAt = 0 },
		"no iat":           func(c *Claims) { c.IssuedAt = 0 },
		"expired":          func(c *Claims) { c.IssuedAt -= 7200; c.ExpiresAt -= 7200 },
		"from the future":  func(c *Claims) { c.IssuedAt += 120 },
		"too long":         func(c *Claims) { c.ExpiresAt += 7 * 86400 },
	} {
		c := testClaims()
		edit(&c)
		if text, err := r.Mint(c); err == nil {
			t.Errorf("%s: minted %q", name, text)
		} else if strings.Contains(err.Error(), "oALICE") {
			t.Errorf("%s: the error quotes the claims: %v", name, err)
		}
	}
}

// Issuers are compared as JSON writes them; all that are valid round trip.
func TestIssuers(t *testing.T) {
	for _, iss := range []string{"a", "https://api.example.com/?a=1&b=<2>", `quo"te\`, "网关", "line\u2028sep"} {
		r, err := NewKeyring(Options{Issuer: iss, MaxLifetime: time.Hour, Now: newClock().now}, testKeys()[HS256])
		if err != nil {
			t.Errorf("%q: %v", iss, err)
			continue
		}
		c := testClaims()
		c.Issuer = iss
		if got, err := r.Verify(mustMint(t, r, c)); err != nil || got != c {
			t.Errorf("%q: %+v, %v", iss, got, err)
		}
	}
	for _, iss := range []string{"", "a\nb", "\x00", "\xff", strings.Repeat("i", maxIssuerBytes+1)} {
		if _, err := NewKeyring(Options{Issuer: iss, MaxLifetime: time.Hour}, testKeys()[HS256]); err == nil {
			t.Errorf("%q: accepted", iss)
		}
	}
}
