// vaultopen_test.go: values under keys that a node does not know yet, or that
// nobody knows. In bubbles of package synctest: seconds pass without waiting.

package seal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs test in a bubble, with a value under the new key of another node,
// one under a key that is nobody's, and a vault that knows neither.
func bubble(t *testing.T, test func(t *testing.T, v *Vault, storage *faultyStorage, fresh, stray []byte)) {
	t.Helper()
	// Outside: certmagic keeps a goroutine for seconds after a lock.
	storage := &faultyStorage{Storage: tempStorage(t)}
	v, other := openVault(t, storage, nil), openVault(t, storage, nil)
	rotate(t, other)
	fresh := mustSeal(t, other, "fresh", place)
	stray := mustSeal(t, NewFixed(testKeys(t, secrets[0])), "stray", place)
	storage.loads = nil
	synctest.Test(t, func(t *testing.T) { test(t, v, storage, fresh, stray) })
}

// crowd opens n values at the same time, all of them before it returns.
func crowd(t *testing.T, v *Vault, n int, value func(i int) []byte) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = v.Open(t.Context(), value(i), []byte(place)) })
	}
	wg.Wait()
	return errs
}

// strayed is a value under the i-th of many ids that are nobody's.
func strayed(i int) []byte {
	return append([]byte{version, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}, make([]byte, 60)...)
}

func TestCrowdAfterRotation(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, _ []byte) {
		storage.delay = 100 * time.Millisecond
		for i, err := range crowd(t, v, 100, func(int) []byte { return fresh }) {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if n := storage.count(); n != 1 {
			t.Errorf("%d reads; want 1", n)
		}
		opens(t, v, "afterwards", fresh, place, "fresh")
		forged(t, v, "moved", fresh, otherSpot)
		if n := storage.count(); n != 1 {
			t.Errorf("%d reads for a key that is known", n)
		}
	})
}

func TestCrowdUnderALostKey(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, _, stray []byte) {
		began := time.Now()
		storage.delay = 100 * time.Millisecond
		for i, err := range crowd(t, v, 100, func(int) []byte { return stray }) {
			if err != ErrForged {
				t.Errorf("%d: %v", i, err)
			}
		}
		forged(t, v, "again", stray, place)
		if n := storage.count(); n != 1 || time.Since(began) != storage.delay {
			t.Errorf("%d reads in %v; want 1, and no waiting for what is settled", n, time.Since(began))
		}
	})
}

// An attacker fills the store with values under ever other ids, a thousand a
// second. Storage is read once a second, and a genuine new key is still found.
func TestFlood(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, _ []byte) {
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 10_000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				forged(t, v, "flood", strayed(i), place)
			})
		}
		time.Sleep(3500 * time.Millisecond)
		opens(t, v, "in the flood", fresh, place, "fresh")
		wg.Wait()
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("the flood took %v", took)
		}
		for i := 1; i < len(storage.loads); i++ {
			if gap := storage.loads[i].Sub(storage.loads[i-1]); gap < time.Second {
				t.Errorf("read %d came %v after the one before", i, gap)
			}
		}
		if n := len(storage.loads); n < 5 || n > 12 {
			t.Errorf("%d reads in ten seconds", n)
		}
	})
}

// A key is made right after a fruitless look. The next value under it has to
// wait, not to be called forged.
func TestKeyYoungerThanTheLastLook(t *testing.T) {
	for name, at := range map[string]time.Duration{"after": 300 * time.Millisecond, "during": 50 * time.Millisecond} {
		bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, stray []byte) {
			young, err := storage.Storage.Load(t.Context(), documentPath)
			if err != nil {
				t.Fatal(err)
			}
			old, _ := encodeDocument(v.doc.Held().entries, 24*time.Hour)
			if err := storage.Storage.Store(t.Context(), documentPath, old); err != nil {
				t.Fatal(err)
			}
			storage.delay = 100 * time.Millisecond // reads first, answers later
			var wg sync.WaitGroup
			wg.Go(func() { forged(t, v, "stray", stray, place) })
			time.Sleep(at)
			if err := storage.Storage.Store(t.Context(), documentPath, young); err != nil {
				t.Fatal(err)
			}
			opens(t, v, "made "+name+" a look", fresh, place, "fresh")
			wg.Wait()
		})
	}
}

// Storage is down. That is no answer, it comes quickly, and it is not kept:
// when storage is back the value opens.
func TestLookInOutage(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, stray []byte) {
		storage.set(func() { storage.loadErr = errDown })
		for range 5 {
			for _, value := range [][]byte{fresh, stray} {
				if _, err := v.Open(t.Context(), value, []byte(place)); !errors.Is(err, errDown) || errors.Is(err, ErrForged) || errors.Is(err, ErrUnknownKey) {
					t.Errorf("storage down: %v", err)
				}
			}
		}
		if n := storage.count(); n != 1 {
			t.Errorf("%d reads; want 1", n)
		}
		storage.set(func() { storage.loadErr = nil })
		time.Sleep(time.Second)
		opens(t, v, "back again", fresh, place, "fresh")
		forged(t, v, "back again", stray, place)
	})
}

// Storage hangs: the wait has an end of its own.
func TestLookTakesTooLong(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, _ []byte) {
		storage.set(func() { storage.delay = time.Hour })
		began := time.Now()
		for i, err := range crowd(t, v, 10, func(int) []byte { return fresh }) {
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrForged) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A client goes away: its request ends at once, and those of others go on.
func TestOneCallerLeaves(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, _ []byte) {
		storage.set(func() { storage.delay = time.Second })
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			_, err := v.Open(ctx, fresh, []byte(place))
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrForged) || time.Since(began) != 10*time.Millisecond {
				t.Errorf("left after %v: %v", time.Since(began), err)
			}
		})
		time.Sleep(5 * time.Millisecond)
		opens(t, v, "the one who stays", fresh, place, "fresh")
		wg.Wait()
		if n := storage.count(); n != 1 {
			t.Errorf("%d reads; want 1", n)
		}
	})
}

// While a look reads the old document, a Refresh takes over the new one. The
// look must not bring the old one back, nor conclude anything from it.
func TestLookIsOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T, v *Vault, storage *faultyStorage, fresh, _ []byte) {
		young, err := storage.Storage.Load(t.Context(), documentPath)
		if err != nil {
			t.Fatal(err)
		}
		old, _ := encodeDocument(v.doc.Held().entries, 24*time.Hour)
		if err := storage.Storage.Store(t.Context(), documentPath, old); err != nil {
			t.Fatal(err)
		}
		storage.onLoad = func() {
			storage.set(func() { storage.onLoad = nil })
			if err := storage.Storage.Store(t.Context(), documentPath, young); err != nil {
				t.Error(err)
			}
			if err := v.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		}
		opens(t, v, "overtaken", fresh, place, "fresh")
		if len(v.Infos()) != 2 {
			t.Errorf("Infos = %+v", v.Infos())
		}
	})
}

// A lost key comes back by a restored document: the next Refresh is enough.
func TestRestoredKey(t *testing.T) {
	storage := tempStorage(t)
	v := openVault(t, storage, nil)
	stray := mustSeal(t, NewFixed(testKeys(t, secrets[0])), "stray", place)
	forged(t, v, "lost", stray, place)
	if err := storage.Store(t.Context(), documentPath, testDocument(t)); err != nil {
		t.Fatal(err)
	}
	if err := v.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	opens(t, v, "restored", stray, place, "stray")
}
