package gate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

type asserts struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	AppID     string `json:"appid"`
	UnionID   string `json:"unionid"`
	SessionID string `json:"sid"`
	Audience  string `json:"aud"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}

func readAssertion(t *testing.T, text string) (a asserts) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWS: %q", text)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &a) != nil {
		t.Fatalf("the payload cannot be read: %q", payload)
	}
	return a
}

// assertingGate signs with an asymmetric key, a new one each time it is called.
func assertingGate(t *testing.T, g *Gate) *Gate {
	t.Helper()
	key, err := token.GenerateKey(token.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := token.NewKeyring(token.Options{Issuer: testIssuer, MaxLifetime: 24 * time.Hour}, key)
	if err != nil {
		t.Fatal(err)
	}
	g.Use(ring)
	return g
}

func callerFor(t *testing.T, g *Gate, openid string) *Caller {
	t.Helper()
	_, text := logIn(t, g, openid)
	c, err := g.Authenticate(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAssert(t *testing.T) {
	g := assertingGate(t, newGate(t, time.Hour))
	a := NewAsserter(g)
	alice, bob := callerFor(t, g, "oALICE"), callerFor(t, g, "oBOB")
	assert := func(c *Caller, audience string) string {
		t.Helper()
		text, err := a.Assert(c, audience)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAssertion(t, text); got.Subject != c.OpenID || got.AppID != c.AppID || got.SessionID != c.ID || got.Audience != audience {
			t.Errorf("asserted %+v for %s at %s", got, c.OpenID, audience)
		}
		return text
	}
	first := assert(alice, "orders")
	if assert(alice, "orders") != first {
		t.Error("the second request of the session was signed again")
	}
	seen := map[string]bool{first: true}
	for _, text := range []string{assert(alice, "stock"), assert(bob, "orders"), assert(bob, "stock")} {
		if seen[text] {
			t.Error("two callers or two audiences share an assertion")
		}
		seen[text] = true
	}
	if _, err := g.Authenticate(t.Context(), first); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("the gate takes an assertion for a token: %v", err)
	}

	assertingGate(t, g) // the old key is gone: nobody believes what it signed
	alice = callerFor(t, g, "oALICE")
	if assert(alice, "orders") == first {
		t.Error("an assertion of a key that was taken out is handed out")
	}
	ring := g.Ring()
	bobAgain := callerFor(t, g, "oBOB")
	kept := assert(bobAgain, "orders")
	assertingGate(t, g)
	if g.Ring() == ring {
		t.Fatal("the ring did not change")
	}
	if assert(bobAgain, "orders") == kept {
		t.Error("an assertion outlived its key, for a caller who was there before")
	}
}

// What is known of a user later is in the next assertion.
func TestAssertAfterChange(t *testing.T) {
	g := assertingGate(t, newGate(t, time.Hour))
	a := NewAsserter(g)
	s, text := logIn(t, g, "oALICE")
	for _, unionid := range []string{"", "uALICE"} {
		if unionid != "" {
			if _, err := g.sessions.Update(t.Context(), s.ID, func(s *session.Session) error { s.UnionID = unionid; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		c, err := g.Authenticate(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		assertion, err := a.Assert(c, "orders")
		if err != nil {
			t.Fatal(err)
		}
		if got := readAssertion(t, assertion); got.UnionID != unionid {
			t.Errorf("unionid %q; want %q", got.UnionID, unionid)
		}
	}
}

// At any moment what is handed out has half a minute left, and a session that asks all
// the time is signed for twice a minute.
func TestAssertionIsFresh(t *testing.T) {
	g := assertingGate(t, newGate(t, time.Hour))
	alice := callerFor(t, g, "oALICE")
	synctest.Test(t, func(t *testing.T) {
		a := NewAsserter(g)
		// a ring with this test's clock
		key, err := token.GenerateKey(token.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := token.NewKeyring(token.Options{Issuer: testIssuer, MaxLifetime: time.Hour}, key)
		if err != nil {
			t.Fatal(err)
		}
		g.Use(ring)
		different := make(map[string]bool)
		time.Sleep(730 * time.Millisecond) // not at the beginning of a second
		for range 10 * 60 * 5 {
			text, err := a.Assert(alice, "orders")
			if err != nil {
				t.Fatal(err)
			}
			different[text] = true
			got := readAssertion(t, text)
			if left := time.Until(time.Unix(got.ExpiresAt, 0)); left < 30*time.Second || got.ExpiresAt != got.IssuedAt+60 {
				t.Fatalf("%v left of %d s", left, got.ExpiresAt-got.IssuedAt)
			}
			time.Sleep(200 * time.Millisecond)
		}
		if n := len(different); n < 20 || n > 22 {
			t.Errorf("%d signatures in 10 minutes; want 20 or one more", n)
		}
	})
}

// However many sessions and audiences there are, what is kept is bounded.
func TestAssertionsAreBounded(t *testing.T) {
	g := assertingGate(t, newGate(t, time.Hour))
	a := NewAsserter(g)
	alice := callerFor(t, g, "oALICE")
	now := time.Now()
	for n := range 2 * maxAsserted {
		a.entry(assertionKey{alice, fmt.Sprint("host-", n)}, now)
	}
	kept := 0
	for i := range a.shards {
		kept += len(a.shards[i].now) + len(a.shards[i].before)
	}
	if kept > maxAsserted || kept < maxAsserted/4 {
		t.Errorf("%d are kept; want at most %d", kept, maxAsserted)
	}
}

// Many requests of a session that come at once wait for one signature.
func TestAssertTogether(t *testing.T) {
	g := assertingGate(t, newGate(t, time.Hour))
	a := NewAsserter(g)
	alice := callerFor(t, g, "oALICE")
	var wg sync.WaitGroup
	texts := make([]string, 100)
	for i := range texts {
		wg.Go(func() { texts[i], _ = a.Assert(alice, "orders") })
	}
	wg.Wait()
	for _, text := range texts {
		if text == "" || text != texts[0] {
			t.Fatal("several signatures for one session")
		}
	}
}

func TestAssertErrors(t *testing.T) {
	g := newGate(t, time.Hour) // HS256
	alice := callerFor(t, g, "oALICE")
	rules := Rules{Asserter: NewAsserter(g), Audience: "orders"}
	if text, err := rules.Assert(alice, ""); text != "" || !errors.Is(err, ErrNotSigned) {
		t.Errorf("%q, %v; want ErrNotSigned", text, err)
	}
	assertingGate(t, g)
	rules.Audience = ""
	if _, err := rules.Assert(alice, strings.Repeat("a", 300)); !errors.Is(err, ErrNotSigned) {
		t.Errorf("an audience of 300 bytes: %v", err)
	}
	if text, err := new(Rules).Assert(alice, "x"); text != "" || err != nil {
		t.Errorf("a site without assertions: %q, %v", text, err)
	}
}

func TestHostAudience(t *testing.T) {
	for host, want := range map[string]string{
		"api.example.com": "api.example.com", "API.Example.com:8443": "api.example.com", "localhost:80": "localhost",
		"[2001:DB8::1]:443": "2001:db8::1", "api.example.com:": "api.example.com",
	} {
		if got := HostAudience(host); got != want {
			t.Errorf("%q: %q; want %q", host, got, want)
		}
	}
}
