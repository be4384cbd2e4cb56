// vaultrotate_test.go: rotation, minute by minute and to the second.

package token

import (
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// claimsAt are alive for life from the clock's time on.
func claimsAt(clock *fakeClock, life time.Duration) Claims {
	c := testClaims()
	c.IssuedAt, c.ExpiresAt = clock.now().Unix(), clock.now().Add(life).Unix()
	return c
}

// H14 on two nodes, minute by minute over four days, each refreshing at another
// second and one of them sometimes late: nobody ever signs with a key the other
// cannot verify, no living token is refused, and old keys go.
func TestRotationOverDays(t *testing.T) {
	storage, clock := &faultyStorage{Storage: tempStorage(t)}, newClock()
	a, b := openVault(t, storage, clock), openVault(t, storage, clock)
	ringA, ringB := a.Snapshot(clock.now()), b.Snapshot(clock.now())
	type issued struct {
		text string
		exp  time.Time
	}
	var alive []issued
	signers := map[string]bool{}
	step := 2 * minute
	for range int(4 * day / step) {
		clock.forward(step)
		tick := func(v *Vault, ring **Keyring) {
			if err := v.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := v.RotateIfDue(t.Context(), 6*hour); err != nil {
				t.Fatal(err)
			}
			if next := v.Snapshot(clock.now()); next.ID() != (*ring).ID() {
				*ring = next
			}
		}
		tick(a, &ringA)
		if clock.now().Unix()/int64(step.Seconds())%2 == 0 { // b is late every other time
			tick(b, &ringB)
		}
		for _, ring := range []*Keyring{ringA, ringB} {
			alive = append(alive, issued{mustMint(t, ring, claimsAt(clock, day)), clock.now().Add(day)})
			signers[ring.signer.kid] = true
		}
		// The oldest, the newest and one between are enough to catch each edge.
		for len(alive) > 0 && !alive[0].exp.After(clock.now()) {
			alive = alive[1:]
		}
		for _, i := range []int{0, 1, len(alive) / 2, len(alive) - 2, len(alive) - 1} {
			for name, ring := range map[string]*Keyring{"a": ringA, "b": ringB} {
				if _, err := ring.Verify(alive[i].text); err != nil {
					t.Fatalf("%v in: node %s refuses a living token: %v", clock.now().Sub(start), name, err)
				}
			}
		}
		if n := len(a.Keys(clock.now())); n > 7 { // 24 h of 6 h keys, the next, and the one about to go
			t.Fatalf("%d keys are kept", n)
		}
	}
	if n := len(signers); n < 15 || n > 17 {
		t.Errorf("%d keys signed in 4 days of 6 h each", n)
	}
	if n := storage.stores.Load(); n > 60 {
		t.Errorf("the document was written %d times; want about two for each rotation", n)
	}
}

// The timetable of one rotation, to the second.
func TestRotationTimetable(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	v := openVault(t, storage, clock)
	old := v.Keys(clock.now())[0].KID
	clock.forward(hour)
	next, err := v.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	activation := start.Add(hour + 5*minute)
	if next.State != Pending || !next.ActiveFrom.Equal(activation) || !next.Created.Equal(start.Add(hour)) {
		t.Errorf("new key: %+v", next)
	}
	if again, err := v.Rotate(t.Context()); err != nil || again != next {
		t.Errorf("asking twice: %+v, %v; want the pending key", again, err)
	}
	gone := activation.Add(day + verifySlack)
	for _, c := range []struct {
		at       time.Time
		signs    string
		verifies int
	}{
		{start.Add(hour), old, 2},
		{activation.Add(-time.Second), old, 2},
		{activation, next.KID, 2},
		{gone.Add(-time.Second), next.KID, 2},
		{gone, next.KID, 1},
	} {
		ring := v.Snapshot(c.at)
		if ring.signer.kid != c.signs || len(ring.keys) != c.verifies {
			t.Errorf("at %v: %s signs, %d verify; want %s, %d", c.at.Sub(start), ring.signer.kid, len(ring.keys), c.signs, c.verifies)
		}
	}
	if infos := v.Keys(activation); infos[1].State != Verifying || !infos[1].VerifiesUntil.Equal(gone) || infos[0].State != Signing {
		t.Errorf("Keys = %+v", infos)
	}
	// The document forgets the key as well, also when rotation is off.
	clock.forward(gone.Sub(clock.now()) - time.Second)
	if changed, err := v.RotateIfDue(t.Context(), 0); changed || err != nil {
		t.Errorf("a second early: %v, %v", changed, err)
	}
	clock.forward(time.Second)
	if changed, err := v.RotateIfDue(t.Context(), 0); !changed || err != nil || len(v.Keys(clock.now())) != 1 {
		t.Errorf("in time: %v, %v, %v", changed, err, v.Keys(clock.now()))
	}
}

// Idle minutes cost no storage access beyond the refresh, and no lock.
func TestNothingDueTouchesNothing(t *testing.T) {
	storage, clock := &faultyStorage{Storage: tempStorage(t)}, newClock()
	v := openVault(t, storage, clock)
	locks, loads := storage.locks.Load(), storage.loads.Load()
	clock.forward(hour - 5*minute - rotationLead - time.Second)
	if changed, err := v.RotateIfDue(t.Context(), hour); changed || err != nil {
		t.Errorf("RotateIfDue = %v, %v", changed, err)
	}
	if storage.locks.Load() != locks || storage.loads.Load() != loads {
		t.Error("storage was used")
	}
	clock.forward(time.Second)
	if changed, err := v.RotateIfDue(t.Context(), hour); !changed || err != nil {
		t.Errorf("when due: %v, %v", changed, err)
	}
	// the old one signs for an hour, to the second
	if next := v.Keys(clock.now())[0]; next.State != Pending || !next.ActiveFrom.Equal(start.Add(hour)) {
		t.Errorf("the new key signs before other nodes can know it: %+v", next)
	}
}

// All nodes find the key due in the same minute. One rotates.
func TestConcurrentRotationMakesOneKey(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	vaults := make([]*Vault, 4)
	for i := range vaults {
		vaults[i] = openVault(t, storage, clock)
	}
	clock.forward(day)
	var wg sync.WaitGroup
	for _, v := range vaults {
		wg.Go(func() {
			if _, err := v.RotateIfDue(t.Context(), hour); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			_ = v.Snapshot(clock.now())
			if err := v.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, v := range vaults {
		if err := v.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(v.Keys(clock.now())); n != 2 {
			t.Errorf("%d keys; want 2", n)
		}
	}
}

// A node with a longer session lifetime signs with a key that a node with a
// shorter one made. The key has to stay for the longer tokens.
func TestGreatestLifetimeCounts(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	short := vaultOptions(storage, clock)
	short.MaxLifetime = hour
	a, err := OpenVault(t.Context(), short)
	if err != nil {
		t.Fatal(err)
	}
	b := openVault(t, storage, clock) // 24 h
	text := mustMint(t, b.Snapshot(clock.now()), claimsAt(clock, day))
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := a.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.forward(day - time.Second)
	if _, err := a.RotateIfDue(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Snapshot(clock.now()).Verify(text); err != nil {
		t.Errorf("a living token is refused: %v", err)
	}
	// b noted its lifetime on the key that was pending when it looked.
	if got := b.current()[1]; got.key.kid != next.KID || got.maxLifetime != day {
		t.Errorf("the new key is kept for tokens of %v", got.maxLifetime)
	}
	// The node with the shorter one takes them too: they are a peer's, and alive.
	if _, err := a.Snapshot(clock.now()).Verify(text); err != nil {
		t.Errorf("a peer's longer token is refused: %v", err)
	}
}

// M11: clocks that disagree. A node behind its peers can still sign, and a key
// that a node with a clock years ahead made does not block rotation until then.
func TestClocksDisagree(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	openVault(t, storage, clock)
	behind := &fakeClock{t: start.Add(-10 * time.Second)}
	b := openVault(t, storage, behind)
	text := mustMint(t, b.Snapshot(behind.now()), claimsAt(behind, hour))
	if _, err := b.Snapshot(behind.now()).Verify(text); err != nil {
		t.Error(err)
	}

	ahead := &fakeClock{t: start.Add(365 * day)}
	c := openVault(t, storage, ahead)
	if _, err := c.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := openVault(t, storage, clock)
	if changed, err := v.RotateIfDue(t.Context(), 30*day); !changed || err != nil {
		t.Errorf("RotateIfDue = %v, %v", changed, err)
	}
	infos := v.Keys(clock.now())
	if len(infos) != 2 || !infos[0].ActiveFrom.Equal(start.Add(5*minute)) {
		t.Errorf("Keys = %+v", infos)
	}
	// A clock that cannot be written down is refused before it harms the document.
	epoch := &fakeClock{t: time.Unix(0, 0)}
	fresh := &faultyStorage{Storage: tempStorage(t)}
	if _, err := OpenVault(t.Context(), vaultOptions(fresh, epoch)); err == nil || fresh.stores.Load() != 0 {
		t.Errorf("a key from 1970 was written (%v)", err)
	}
}

// An operator shortens session_lifetime and reloads. A user who is logged in for
// longer stays logged in; new tokens are held to the new length by their maker.
func TestShorterLifetimeKeepsTokens(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	open := func(lifetime time.Duration) *Vault {
		v, err := OpenVault(t.Context(), VaultOptions{
			Options: Options{Issuer: "gw", MaxLifetime: lifetime}, Storage: storage, Algorithm: HS256,
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now := time.Now()
	text, err := open(24 * time.Hour).Snapshot(now).Mint(Claims{
		Subject: "oA", Audience: "wx0123456789abcdef", ID: "id", IssuedAt: now.Unix(), ExpiresAt: now.Add(24 * time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(time.Hour).Snapshot(now).Verify(text); err != nil {
		t.Errorf("after the lifetime was shortened: %v", err)
	}
}
