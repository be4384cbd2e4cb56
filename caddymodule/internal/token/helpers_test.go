// helpers_test.go: a clock that obeys, one key of each algorithm, and a forger
// that signs whatever it is told to.

package token

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var allAlgorithms = []Algorithm{HS256, EdDSA, ES256, RS256}

var start = time.Unix(1_800_000_000, 0)

const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour

type fakeClock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *fakeClock { return &fakeClock{t: start} }

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *fakeClock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// testKeys are made once: RSA takes its time.
var testKeys = sync.OnceValue(func() map[Algorithm]*Key {
	keys := map[Algorithm]*Key{}
	for _, alg := range allAlgorithms {
		k, err := GenerateKey(alg)
		if err != nil {
			panic(err)
		}
		keys[alg] = k
	}
	return keys
})

func testOptions(clock *fakeClock) Options {
	return Options{Issuer: "wechat-gateway", MaxLifetime: 24 * time.Hour, Now: clock.now}
}

func testRing(t testing.TB, keys ...*Key) (*Keyring, *fakeClock) {
	t.Helper()
	clock := newClock()
	r, err := NewKeyring(testOptions(clock), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r, clock
}

func testClaims() Claims {
	return Claims{
		Issuer: "wechat-gateway", Subject: "oALICE-4gxHf5SqvXWnkP0mBd3c_", Audience: "wx0123456789abcdef",
		ID: "q5RrYdqE0pVdW3vY2nqTbg", IssuedAt: start.Unix(), ExpiresAt: start.Add(time.Hour).Unix(),
	}
}

func mustMint(t testing.TB, r *Keyring, c Claims) string {
	t.Helper()
	text, err := r.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs header and payload, given as JSON, with a key of ours: what is
// left to refuse is the content.
func forge(t testing.TB, k *Key, header, payload string) string {
	t.Helper()
	return forgeRaw(t, k, b64(header), b64(payload))
}

func forgeRaw(t testing.TB, k *Key, header, payload string) string {
	t.Helper()
	signed := header + "." + payload
	sig, err := k.sign(signed)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func header(k *Key) string {
	return `{"alg":"` + string(k.alg) + `","kid":"` + k.kid + `","typ":"JWT"}`
}

func payload(c Claims) string {
	prefix, err := payloadPrefix(c.Issuer)
	if err != nil {
		panic(err)
	}
	return string(appendPayload(nil, prefix, c))
}

// leaks fails the test if text holds key material in a form people print.
func leaks(t *testing.T, what, text string, secret []byte) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, form := range []string{
		string(secret), hex.EncodeToString(secret),
		base64.StdEncoding.EncodeToString(secret)[:12], base64.RawURLEncoding.EncodeToString(secret)[:12],
		strings.Trim(strings.ReplaceAll(sprintBytes(secret[:4]), "[", ""), "[]"),
	} {
		if form != "" && strings.Contains(lower, strings.ToLower(form)) {
			t.Errorf("%s shows key material: %q", what, text)
		}
	}
}

// reason is a set of refusals that count as one.
type reason []*refusal

func (r reason) is(err error) bool {
	return slices.ContainsFunc(r, func(one *refusal) bool { return err == error(one) })
}

var (
	malformed    = reason{errTooLong, errParts, errAlphabet, errSpelling}
	unknownKey   = reason{errUnknownKey}
	badSignature = reason{errBadSignature}
	expired      = reason{errExpired}
	wrongClaims  = reason{errPayload, errTimes, errLifetime, errIssuedLater}
)

// refused fails if text is accepted, or refused for another reason (if one is
// given), or if claims come with the error.
func refused(t *testing.T, r *Keyring, name, text string, because reason) {
	t.Helper()
	c, err := r.Verify(text)
	switch {
	case err == nil:
		t.Errorf("%s: accepted", name)
	case !errors.Is(err, ErrInvalid):
		t.Errorf("%s: %v does not wrap ErrInvalid", name, err)
	case because != nil && !because.is(err):
		t.Errorf("%s: refused with %v; want one of %v", name, err, because)
	case c != Claims{}:
		t.Errorf("%s: claims given with an error", name)
	}
}

func tamper(text string, at int) string {
	c := byte('A')
	if text[at] == 'A' {
		c = 'B'
	}
	return text[:at] + string(c) + text[at+1:]
}
