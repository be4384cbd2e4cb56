// vaultfollow_test.go: two nodes that share a storage, and a key that somebody else
// has come to know.

package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// reading is a storage that counts what is read, and fails on command.
type reading struct {
	certmagic.Storage
	loads atomic.Int32
	down  atomic.Bool
}

func (s *reading) Load(ctx context.Context, key string) ([]byte, error) {
	s.loads.Add(1)
	if s.down.Load() {
		return nil, errors.New("connection refused")
	}
	return s.Storage.Load(ctx, key)
}

// node is a gateway as far as its tokens go: it follows, and verifies by its ring.
type node struct {
	*Vault
	clock *fakeClock
	ring  *Keyring
}

func (n *node) follow(t *testing.T) {
	t.Helper()
	if err := n.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.ring = n.Snapshot(n.clock.now())
}

func (n *node) accepts(t *testing.T, text string) bool {
	t.Helper()
	_, err := n.ring.Verify(text)
	if err == nil {
		return true
	}
	again, err := n.FollowUnknown(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if again {
		n.ring = n.Snapshot(n.clock.now())
		_, err = n.ring.Verify(text)
		return err == nil
	}
	return false
}

func (n *node) login(t *testing.T) string {
	t.Helper()
	c := claimsAt(n.clock, time.Hour)
	return mustMint(t, n.ring, c)
}

// twoNodes shares a storage of files, as two gateways on one machine do.
func twoNodes(t *testing.T) (one, two *node, storage *reading) {
	t.Helper()
	storage, clock := &reading{Storage: tempStorage(t)}, newClock()
	one = &node{Vault: openVault(t, storage, clock), clock: clock}
	two = &node{Vault: openVault(t, storage, clock), clock: clock}
	one.follow(t)
	two.follow(t)
	return one, two, storage
}

// The operator revokes the signing key at one node. Its new logins are good at the
// other one at once; that learns at the same time, and by its next look at the latest,
// that the old key is gone, and signs with it no more.
func TestRevocationOnTwoNodes(t *testing.T) {
	for _, met := range []bool{true, false} {
		one, two, _ := twoNodes(t)
		revoked := one.Keys(one.clock.now())[0].KID
		stolen := one.login(t)
		if err := one.Revoke(t.Context(), revoked); err != nil {
			t.Fatal(err)
		}
		one.ring = one.Snapshot(one.clock.now())
		if one.accepts(t, stolen) {
			t.Error("the node that revoked the key takes a token of it")
		}
		late := two.login(t) // it has not heard of it yet
		if one.accepts(t, late) {
			t.Error("the node that revoked the key takes a later token of it")
		}
		if met {
			if !two.accepts(t, one.login(t)) {
				t.Error("a login at one node is refused by the other")
			}
		} else {
			two.follow(t) // FollowInterval later
		}
		for name, text := range map[string]string{"stolen": stolen, "minted meanwhile": late} {
			if two.accepts(t, text) {
				t.Errorf("met: %v: the other node takes a token of the revoked key, %s", met, name)
			}
		}
		if two.ring.signer.kid == revoked || !one.accepts(t, two.login(t)) || !two.accepts(t, one.login(t)) {
			t.Errorf("met: %v: the nodes do not agree on the key that signs", met)
		}
	}
}

// A key in use elsewhere is revoked while the next one is pending: nothing waits.
func TestRevocationWithAPendingKey(t *testing.T) {
	one, two, storage := twoNodes(t)
	if _, err := one.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.follow(t)
	if err := one.Revoke(t.Context(), two.ring.signer.kid); err != nil {
		t.Fatal(err)
	}
	one.ring = one.Snapshot(one.clock.now())
	before := storage.loads.Load()
	if !two.accepts(t, one.login(t)) || storage.loads.Load() != before {
		t.Errorf("a token of the key that was pending is refused, or cost %d reads", storage.loads.Load()-before)
	}
}

// Keys that nobody has: a token says which key it is of, and its sender may say
// anything. Storage is read once a second.
func TestUnknownKeysCostLittle(t *testing.T) {
	one, two, storage := twoNodes(t)
	if err := one.Revoke(t.Context(), one.ring.signer.kid); err != nil {
		t.Fatal(err)
	}
	one.ring = one.Snapshot(one.clock.now())
	fresh := one.login(t)
	stray := func(i int) string {
		kid := fmt.Sprintf("%016d", i)
		return b64(`{"alg":"HS256","kid":"`+kid+`","typ":"JWT"}`) + "." + strings.SplitN(fresh, ".", 2)[1]
	}
	synctest.Test(t, func(t *testing.T) {
		storage.loads.Store(0)
		var wg sync.WaitGroup
		for i := range 5000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if again, err := two.FollowUnknown(t.Context(), stray(i)); again || err != nil {
					t.Errorf("FollowUnknown = %v, %v, want false, nil", again, err)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		began := time.Now()
		if !two.accepts(t, fresh) || time.Since(began) > 1100*time.Millisecond {
			t.Errorf("in the flood the new key is not found, or only after %v", time.Since(began))
		}
		wg.Wait()
		if n := storage.loads.Load(); n > 7 {
			t.Errorf("%d reads in five seconds", n)
		}
		two.accepts(t, stray(4999)) // of so many, not all are remembered
		storage.loads.Store(0)
		for range 100 {
			two.accepts(t, stray(4999))
		}
		if n := storage.loads.Load(); n != 0 {
			t.Errorf("%d reads for a key that was looked for before", n)
		}
	})
}

// What cannot be ours by its form makes nobody read anything.
func TestOnlyOurFormIsLookedFor(t *testing.T) {
	_, two, storage := twoNodes(t)
	before := storage.loads.Load()
	head := func(json string) string { return b64(json) + ".e30.c2ln" }
	const kid = "AAAAAAAAAAAAAAAA"
	for _, text := range []string{
		"", ".", "..", "a.b.c", strings.Repeat("A", 5000),
		head(`{"alg":"HS256","kid":"` + kid + `A","typ":"JWT"}`),
		head(`{"alg":"HS256","kid":"AAAAAAAAAAAAAAA","typ":"JWT"}`),
		head(`{"alg":"HS256","kid":"AAAAAAAAAAAAAA/A","typ":"JWT"}`),
		head(`{"alg":"HS256","kid":"AAAAAAAAAAAAA\"A","typ":"JWT"}`),
		head(`{"alg":"ES256","kid":"` + kid + `","typ":"JWT"}`),
		head(`{"alg":"HS256","kid":"` + kid + `","typ":"jwt"}`),
		head(`{"kid":"` + kid + `","alg":"HS256","typ":"JWT"}`),
		head(`{"alg":"HS256","kid":"`+kid+`","typ":"JWT"}`) + ".more",
		strings.TrimSuffix(head(`{"alg":"HS256","kid":"`+kid+`","typ":"JWT"}`), ".c2ln"),
		head(`{"alg":"HS256","kid":"` + kid + `","typ":"wechat-assertion+jwt"}`),
		base64.URLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"`+kid+`","typ":"JWT"}`)) + "=.e30.c2ln",
	} {
		if again, err := two.FollowUnknown(t.Context(), text); again || err != nil {
			t.Errorf("%.60q: FollowUnknown = %v, %v, want false, nil", text, again, err)
		}
	}
	if n := storage.loads.Load() - before; n != 0 {
		t.Errorf("%d reads", n)
	}
	if _, err := two.FollowUnknown(t.Context(), head(`{"alg":"HS256","kid":"`+kid+`","typ":"JWT"}`)); err != nil || storage.loads.Load() == before {
		t.Errorf("FollowUnknown = %v, and %d reads for one of our form, want 1", err, storage.loads.Load()-before)
	}
}

// Storage is away: nobody can say that the token is not good.
func TestUnknownKeyInAnOutage(t *testing.T) {
	one, two, storage := twoNodes(t)
	if err := one.Revoke(t.Context(), one.ring.signer.kid); err != nil {
		t.Fatal(err)
	}
	one.ring = one.Snapshot(one.clock.now())
	storage.down.Store(true)
	if again, err := two.FollowUnknown(t.Context(), one.login(t)); again || err == nil {
		t.Errorf("FollowUnknown = %v, %v, want false and an error", again, err)
	}
	if !two.accepts(t, two.login(t)) {
		t.Error("a token of a key that is known is refused")
	}
}

// A key whose tokens are all over is still in the document: no new ring is made for it
// again and again.
func TestKeyThatIsOverIsNotFound(t *testing.T) {
	one, two, _ := twoNodes(t)
	old := one.login(t)
	if _, err := one.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.clock.forward(30 * day)
	two.follow(t)
	if again, err := two.FollowUnknown(t.Context(), old); again || err != nil {
		t.Errorf("FollowUnknown = %v, %v, want false, nil", again, err)
	}
}
