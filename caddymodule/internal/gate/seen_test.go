package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func openid(n int) string { return fmt.Sprintf("oGZUI0egBJY1zhBYw2KhdUfw%04d", n) }

func (t *seenTokens) size() int { return t.table.Load().used }

func nameOf(n int) *tokenName {
	const odd = 0x9e3779b97f4a7c15
	hash := uint64(n+1) * odd
	name := &tokenName{hash: (hash ^ hash>>32) * odd} // scattered: some have one home
	copy(name.end[:], fmt.Sprintf("%024d", n))
	return name
}

// callerAt is somebody whose token has the name.
func callerAt(n *tokenName) *Caller { return &Caller{end: n.end, openID: "oALICE"} }

func TestSeenIsBounded(t *testing.T) {
	seen := newSeenTokens()
	var last *tokenName
	var c *Caller
	for n := range maxSeen + 1000 {
		last = nameOf(n)
		c = callerAt(last)
		seen.put(last, c)
		if seen.get(last) != c {
			t.Fatalf("entry %d is not there after it was put", n)
		}
	}
	if got, slots := seen.size(), len(seen.table.Load().slots); got != maxSeen || slots != 2*maxSeen {
		t.Errorf("%d entries in %d slots; want %d in twice as many", got, slots, maxSeen)
	}

	// a known token that comes again takes nobody's place
	for n := range 100 {
		again := nameOf(maxSeen + 900 + n)
		seen.put(again, callerAt(again))
	}
	if got, slots := seen.size(), len(seen.table.Load().slots); got != maxSeen || slots != 2*maxSeen {
		t.Errorf("replacing an entry left %d in %d slots", got, slots)
	}
	if seen.get(last) == c {
		t.Error("the entry was not replaced")
	}
}

// Whoever has another token, or altered one, must not be taken for the user whose
// token it was: all of the hash and all of the end count.
func TestSeenComparesTheWholeName(t *testing.T) {
	name := nameOf(1)
	for bit := range 64 + 8*len(name.end) {
		seen, other := newSeenTokens(), *name
		seen.put(name, callerAt(name))
		if bit < 64 {
			other.hash ^= 1 << bit
		} else {
			other.end[(bit-64)/8] ^= 1 << (bit % 8)
		}
		if seen.get(&other) != nil {
			t.Errorf("a name that differs in bit %d is taken for the same", bit)
		}
		if seen.get(name) == nil {
			t.Fatal("the name itself is not found")
		}
	}
}

func TestSeenDrop(t *testing.T) {
	seen, a, b := newSeenTokens(), nameOf(1), nameOf(2)
	seen.put(a, callerAt(a))
	seen.put(b, callerAt(b))
	seen.drop(a)
	seen.drop(nameOf(3)) // absent
	if seen.get(a) != nil {
		t.Error("a dropped entry is still there")
	}
	if seen.get(b) == nil {
		t.Error("dropping an entry took its neighbour")
	}
}

// Making a table of a million entries larger takes a while. No other request waits.
func TestNobodyWaitsForTheTable(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	_, known := logIn(t, a, openid(1))
	s, ended := logIn(t, a, openid(2))
	_, fresh := logIn(t, a, openid(3))
	for _, text := range []string{known, ended} {
		if _, err := a.Authenticate(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	seen := a.inForce.Load().seen
	seen.mu.Lock()
	defer seen.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			if _, err := a.Authenticate(t.Context(), known); err != nil {
				t.Error(err)
			}
			if _, err := a.Authenticate(t.Context(), fresh); err != nil {
				t.Error(err)
			}
		}
		if err := a.sessions.End(t.Context(), s.ID); err != nil {
			t.Error(err)
		}
		if _, err := a.Authenticate(t.Context(), ended); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("after the logout: error %v; want %v", err, session.ErrNotFound)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a request waits for who changes the table")
	}
}

func TestSeenSweep(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	seen := newSeenTokens()
	put := func(n int) (*tokenName, *session.Session) {
		s, text := logIn(t, a, openid(n))
		h, err := a.sessions.Get(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		name := seen.name(text)
		c := newCaller(name, h.Session, nil, "")
		h.Keep(&c.Kept)
		seen.put(&name, c)
		return &name, s
	}
	kept, _ := put(1)
	ended, s := put(2)
	if err := a.sessions.End(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	seen.sweep(time.Now())
	if seen.get(kept) == nil {
		t.Error("a live session was swept")
	}
	if seen.get(ended) != nil {
		t.Error("an ended session was not swept")
	}
	seen.sweep(time.Now().Add(25 * time.Hour))
	if n := seen.size(); n != 0 {
		t.Errorf("%d expired sessions are left", n)
	}
}

// The name must tell of all bytes of a text, whatever its length: a token and the
// same with something behind the part that was looked at would be one.
func TestNameTakesAllBytes(t *testing.T) {
	seen, other := newSeenTokens(), newSeenTokens()
	for _, length := range []int{0, 1, 23, 24, 25, 330, 1024, 4096, 10000} {
		text := strings.Repeat("t", length)
		if seen.name(text) != seen.name(text) {
			t.Errorf("%d bytes have two names", length)
		}
		for _, changed := range []string{text + "t", text + "\x00", "t" + text + "x"} {
			if seen.name(text).hash == seen.name(changed).hash {
				t.Errorf("%d and %d bytes have one hash", len(text), len(changed))
			}
		}
		for i := range length {
			if seen.name(text).hash == seen.name(text[:i]+"u"+text[i+1:]).hash {
				t.Errorf("byte %d of %d does not count", i, length)
			}
		}
		if length > 0 && seen.name(text).hash == other.name(text).hash {
			t.Error("two tables have one seed")
		}
		if n, want := seen.name(text+"0123456789abcdefghijklmn"), "0123456789abcdefghijklmn"; length > 0 && string(n.end[:]) != want {
			t.Errorf("the end of %d bytes is %q", length+len(want), n.end)
		}
	}
	text := strings.Repeat("t", 1024)
	if n := testing.AllocsPerRun(100, func() { seen.name(text) }); n != 0 {
		t.Errorf("a name allocates %v times", n)
	}
}

// The second look at a token skips its signature, so nothing but the very same
// bytes may be a second look.
func TestAuthenticateKnowsOnlyTheSameBytes(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	s, text := logIn(t, a, openid(1))
	for range 2 {
		c, err := a.Authenticate(t.Context(), text)
		if err != nil || c.ID != s.ID {
			t.Fatalf("a good token is refused: %v", err)
		}
	}
	for i := range len(text) {
		b := []byte(text)
		b[i] ^= 1
		if _, err := a.Authenticate(t.Context(), string(b)); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("with another byte %d of %d: error %v; want a refusal", i, len(text), err)
		}
	}
	for _, other := range []string{"", text[:len(text)-1], text + "=", text + "\n", " " + text, text + strings.Repeat("A", 5000)} {
		if _, err := a.Authenticate(t.Context(), other); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("a token of %d bytes, spelled differently: error %v; want a refusal", len(other), err)
		}
	}
	if n := a.inForce.Load().seen.size(); n != 1 {
		t.Errorf("%d tokens are remembered; want the good one", n)
	}
}

// The second look must not verify again: that is what the table is for.
func TestAuthenticateRemembers(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	_, text := logIn(t, a, openid(1))
	first, err := a.Authenticate(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := a.Authenticate(t.Context(), text); err != nil || second != first {
		t.Errorf("a token that was seen is verified again (error %v)", err)
	}
}

// A remembered token must not outlive its session.
func TestAuthenticateForgetsEndedSessions(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	s, text := logIn(t, a, openid(1))
	if _, err := a.Authenticate(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if err := a.sessions.End(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := a.Authenticate(t.Context(), text); !errors.Is(err, session.ErrNotFound) {
			t.Fatalf("after the logout: error %v; want %v", err, session.ErrNotFound)
		}
	}
	if n := a.inForce.Load().seen.size(); n != 0 {
		t.Errorf("%d tokens are remembered after the logout", n)
	}
}

// A key that was taken out must not be good for the tokens it once verified.
func TestNewKeysForgetSeenTokens(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	_, text := logIn(t, a, openid(1))
	if _, err := a.Authenticate(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	old := a.inForce.Load()
	a.Use(old.ring)
	if a.inForce.Load() != old {
		t.Error("the same keys start an empty table")
	}
	key, err := token.GenerateKey(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := token.NewKeyring(token.Options{Issuer: testIssuer, MaxLifetime: 24 * time.Hour}, key)
	if err != nil {
		t.Fatal(err)
	}
	a.Use(ring)
	if _, err := a.Authenticate(t.Context(), text); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a token of a removed key: error %v; want a refusal", err)
	}
}

func TestSeenConcurrently(t *testing.T) {
	a := newGate(t, 24*time.Hour)
	var texts []string
	var ids []string
	for n := range 32 {
		s, text := logIn(t, a, openid(n))
		texts, ids = append(texts, text), append(ids, s.ID)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 2000 {
				n := rng.IntN(len(texts))
				c, err := a.Authenticate(context.Background(), texts[n])
				switch {
				case err == nil && c.ID != ids[n]:
					t.Error("a token gave another one's session")
				case err != nil && !errors.Is(err, session.ErrNotFound):
					t.Errorf("error %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for n := range ids {
			if n%2 == 0 {
				_ = a.sessions.End(context.Background(), ids[n])
			}
			a.inForce.Load().seen.sweep(time.Now())
		}
	})
	wg.Wait()
	for n, text := range texts {
		if _, err := a.Authenticate(t.Context(), text); (err != nil) != (n%2 == 0) {
			t.Errorf("session %d at the end: error %v", n, err)
		}
	}
}

// A token's exp is cut to a whole second, its session is not: one that is first
// seen in the rest of that second is good, if that is when its session ends.
func TestAuthenticateInTheSecondOfExp(t *testing.T) {
	a := newGate(t, time.Second)
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1600 * time.Millisecond)))
	s, text := logIn(t, a, openid(1))
	time.Sleep(time.Until(s.ExpiresAt.Truncate(time.Second).Add(50 * time.Millisecond)))
	if _, err := a.Authenticate(t.Context(), text); err != nil {
		t.Errorf("a session is over %v before its time: %v", time.Until(s.ExpiresAt), err)
	}
	time.Sleep(time.Until(s.ExpiresAt))
	if _, err := a.Authenticate(t.Context(), text); err == nil {
		t.Error("a session lives on after its time")
	}
}
