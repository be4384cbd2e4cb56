// vaultfast_test.go: keys that are replaced in seconds.

package token

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Two nodes replace the key every second, look every 100 ms, and one of them is a
// second late from time to time. The period is kept, no token of either is ever
// refused by the other, and the number of keys is what Kept said.
func TestRotationEverySecond(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	const every, life, delay = time.Second, 20 * time.Second, 2 * time.Second
	open := func() *Vault {
		opts := vaultOptions(storage, clock)
		opts.MaxLifetime, opts.ActivationDelay = life, delay
		v, err := OpenVault(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	nodes := []*Vault{open(), open()}
	rings := []*Keyring{nodes[0].Snapshot(clock.now()), nodes[1].Snapshot(clock.now())}
	type issued struct {
		text string
		exp  time.Time
	}
	var alive []issued
	signers := map[string]bool{}
	const seconds = 150
	most := 0
	for tick := range seconds * 10 {
		clock.forward(100 * time.Millisecond)
		for i, v := range nodes {
			if i == 1 && tick%50 < 10 {
				continue // late
			}
			if err := v.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := v.RotateIfDue(t.Context(), every); err != nil {
				t.Fatal(err)
			}
			rings[i] = v.Snapshot(clock.now())
			most = max(most, len(v.current()))
		}
		for _, ring := range rings {
			signers[ring.signer.kid] = true
			alive = append(alive, issued{mustMint(t, ring, claimsAt(clock, life)), clock.now().Add(life)})
		}
		for len(alive) > 0 && !alive[0].exp.After(clock.now()) {
			alive = alive[1:]
		}
		for _, i := range []int{0, 1, len(alive) / 2, len(alive) - 2, len(alive) - 1} {
			for n, ring := range rings {
				if _, err := ring.Verify(alive[i].text); err != nil {
					t.Fatalf("tick %d: node %d refuses a living token: %v", tick, n, err)
				}
			}
		}
	}
	if n := len(signers); n < seconds-5 || n > seconds+1 {
		t.Errorf("%d keys signed in %d seconds", n, seconds)
	}
	if want := int(Kept(every, life, delay)); most > want || most < want-5 {
		t.Errorf("up to %d keys were kept; Kept said %d", most, want)
	}
}

func TestKept(t *testing.T) {
	for _, c := range []struct {
		every, life, delay time.Duration
		want               int64
	}{
		{time.Second, 30 * day, 2 * time.Second, 2592042},
		{2 * time.Second, 30 * time.Second, 2 * time.Second, 37},
		{hour, day, 5 * minute, 26},
	} {
		if got := Kept(c.every, c.life, c.delay); got != c.want {
			t.Errorf("Kept(%v, %v) = %d; want %d", c.every, c.life, got, c.want)
		}
	}
}

// A second counts as whole only when it is over: what is to be known before it
// signs is not published for less.
func TestPublishedForWholeSeconds(t *testing.T) {
	clock := &fakeClock{t: start.Add(900 * time.Millisecond)}
	opts := vaultOptions(tempStorage(t), clock)
	opts.ActivationDelay = 2 * time.Second
	v, err := OpenVault(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := v.Rotate(t.Context()); err != nil || !info.ActiveFrom.Equal(start.Add(3*time.Second)) {
		t.Errorf("Rotate = %+v, %v; want one that signs from %v on", info, err, start.Add(3*time.Second))
	}
}

// Another node holds the lock, or died with it. A node that waits for it still learns of
// the keys that others publish, and is not set back by what it read before.
func TestFollowWaitsForNoLock(t *testing.T) {
	storage, clock := &locking{Storage: &certmagic.FileStorage{Path: t.TempDir()}}, newClock()
	v, other := openVault(t, storage, clock), openVault(t, storage, clock)
	if _, err := other.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := storage.Lock(t.Context(), "wechat_token_keys_HS256"); err != nil {
		t.Fatal(err)
	}
	defer storage.Unlock(t.Context(), "wechat_token_keys_HS256")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ended := make(chan error)
	before := storage.asked.Load()
	go func() {
		_, err := v.Rotate(ctx)
		ended <- err
	}()
	for storage.asked.Load() == before { // until it waits
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	if err := v.Follow(t.Context()); err != nil || len(v.Keys(clock.now())) != 2 {
		t.Errorf("Follow: %v, %d keys; want the new one", err, len(v.Keys(clock.now())))
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Follow took %v", took)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("Rotate had no lock to wait for")
	}
}

// locking is a storage that counts who asks for a lock.
type locking struct {
	certmagic.Storage
	asked atomic.Int32
}

func (s *locking) Lock(ctx context.Context, name string) error {
	s.asked.Add(1)
	return s.Storage.Lock(ctx, name)
}

// Reading the document again makes no key twice, and forgets those that went.
func TestKeysAreMadeOnce(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	v := openVault(t, storage, clock)
	first := v.current()[0].key
	if _, err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := v.current(); len(got) != 2 || got[0].key != first || len(v.doc.Held().made) != 2 {
		t.Errorf("%d keys, %d remembered, the first is the same: %v", len(got), len(v.doc.Held().made), got[0].key == first)
	}
	if err := v.Revoke(t.Context(), first.kid); err != nil {
		t.Fatal(err)
	}
	if len(v.doc.Held().made) != 1 {
		t.Errorf("%d keys are remembered after one of two went", len(v.doc.Held().made))
	}
}
