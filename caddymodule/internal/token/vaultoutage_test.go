// vaultoutage_test.go: a storage that fails must cost neither keys nor sessions.

package token

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// faultyStorage fails on command and counts what is written and locked.
type faultyStorage struct {
	certmagic.Storage
	loadErr, loadErr2, storeErr, lockErr error // loadErr2: under the lock
	stores, locks, loads                 atomic.Int32
	locked                               atomic.Int32
}

func (s *faultyStorage) Load(ctx context.Context, key string) ([]byte, error) {
	s.loads.Add(1)
	if s.loadErr != nil {
		return nil, s.loadErr
	}
	if s.loadErr2 != nil && s.locked.Load() > 0 {
		return nil, s.loadErr2
	}
	return s.Storage.Load(ctx, key)
}

func (s *faultyStorage) Store(ctx context.Context, key string, value []byte) error {
	if s.storeErr != nil {
		return s.storeErr
	}
	s.stores.Add(1)
	return s.Storage.Store(ctx, key, value)
}

func (s *faultyStorage) Lock(ctx context.Context, name string) error {
	if s.lockErr != nil {
		return s.lockErr
	}
	s.locks.Add(1)
	s.locked.Add(1)
	return s.Storage.Lock(ctx, name)
}

func (s *faultyStorage) Unlock(ctx context.Context, name string) error {
	s.locked.Add(-1)
	return s.Storage.Unlock(ctx, name)
}

// An outage is no absence. Nothing is written, nothing is forgotten.
func TestStorageOutage(t *testing.T) {
	down := errors.New("connection refused")
	storage, clock := &faultyStorage{Storage: tempStorage(t), loadErr: down}, newClock()
	if _, err := OpenVault(t.Context(), vaultOptions(storage, clock)); !errors.Is(err, down) {
		t.Errorf("Open: %v", err)
	}
	if storage.stores.Load() != 0 || storage.locks.Load() != 0 {
		t.Error("an unreadable storage was written or locked")
	}
	storage.loadErr = nil
	// Absent at the first look, then out of reach: still no reason for a key.
	storage.loadErr2 = down
	if _, err := OpenVault(t.Context(), vaultOptions(storage, clock)); !errors.Is(err, down) || storage.stores.Load() != 0 {
		t.Errorf("Open, out of reach under the lock: %v", err)
	}
	storage.loadErr2 = nil
	storage.storeErr = down
	if _, err := OpenVault(t.Context(), vaultOptions(storage, clock)); !errors.Is(err, down) {
		t.Errorf("Open without the power to write: %v", err)
	}
	storage.storeErr = nil
	v := openVault(t, storage, clock)
	ring := v.Snapshot(clock.now())
	text := mustMint(t, ring, testClaims())

	// A key that could not be published must never sign.
	clock.forward(time.Hour - time.Minute)
	storage.storeErr = down
	if changed, err := v.RotateIfDue(t.Context(), time.Minute); changed || !errors.Is(err, down) {
		t.Errorf("RotateIfDue: %v, %v", changed, err)
	}
	storage.lockErr = down
	if _, err := v.Rotate(t.Context()); !errors.Is(err, down) {
		t.Errorf("Rotate: %v", err)
	}
	storage.loadErr = down
	if err := v.Refresh(t.Context()); !errors.Is(err, down) {
		t.Errorf("Refresh: %v", err)
	}
	if got := v.Snapshot(clock.now().Add(time.Hour)); got.ID() != ring.ID() {
		t.Error("the ring changed in an outage")
	}
	if _, err := v.Snapshot(clock.now()).Verify(text); err != nil {
		t.Errorf("a token in an outage: %v", err)
	}
	if n := storage.locked.Load(); n != 0 {
		t.Errorf("%d locks were left", n)
	}
}

// The document vanishes under a running node, say by an unmounted disk. A new
// key would end all sessions: only a start makes one.
func TestVanishedDocument(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	v := openVault(t, storage, clock)
	before := v.Snapshot(clock.now()).ID()
	if err := storage.Delete(t.Context(), "wechat"); err != nil {
		t.Fatal(err)
	}
	if err := v.Refresh(t.Context()); err == nil {
		t.Error("Refresh is silent")
	}
	if _, err := v.Rotate(t.Context()); err == nil {
		t.Error("Rotate is silent")
	}
	if _, err := storage.Load(t.Context(), "wechat/token_keys/hs256.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a document came back: %v", err)
	}
	if v.Snapshot(clock.now()).ID() != before {
		t.Error("the ring changed")
	}
}

// Waiting ends with the context, and the lock is given back even then.
func TestContextEnds(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	v := openVault(t, storage, clock)
	const lock = "wechat_token_keys_HS256"
	if err := storage.Lock(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := v.Rotate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Rotate on a held lock: %v", err)
	}
	if err := storage.Unlock(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Rotate(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
