// vaultoutage_test.go: a storage that fails must cost neither keys nor sessions.

package seal

import (
	"context"
	"errors"
	"testing"
	"time"
)

// An outage is no absence. Nothing is written, nothing is forgotten.
func TestStorageOutage(t *testing.T) {
	storage, clock := &faultyStorage{Storage: tempStorage(t), loadErr: errDown}, &fakeClock{}
	if _, err := OpenVault(t.Context(), vaultOptions(storage, clock)); !errors.Is(err, errDown) {
		t.Errorf("Open: %v", err)
	}
	if storage.storesDone != 0 || storage.lockAll != 0 {
		t.Error("an unreadable storage was written or locked")
	}
	// Absent at the first look, then out of reach: still no reason for a key.
	storage.loadErr, storage.lockedErr = nil, errDown
	if _, err := OpenVault(t.Context(), vaultOptions(storage, clock)); !errors.Is(err, errDown) || storage.storesDone != 0 {
		t.Errorf("Open, out of reach under the lock: %v", err)
	}
	storage.lockedErr, storage.storeErr = nil, errDown
	if _, err := OpenVault(t.Context(), vaultOptions(storage, clock)); !errors.Is(err, errDown) {
		t.Errorf("Open without the power to write: %v", err)
	}
	storage.storeErr = nil
	v := openVault(t, storage, clock)
	sealed := mustSeal(t, v, "alice", place)

	// A key that could not be published must never seal.
	clock.forward(time.Hour)
	storage.storeErr = errDown
	if changed, err := v.RotateIfDue(t.Context(), time.Minute); changed || !errors.Is(err, errDown) {
		t.Errorf("RotateIfDue: %v, %v", changed, err)
	}
	storage.lockErr = errDown
	if _, err := v.Rotate(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Rotate: %v", err)
	}
	storage.loadErr = errDown
	if err := v.Refresh(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Refresh: %v", err)
	}
	opens(t, v, "in an outage", sealed, place, "alice")
	if again := mustSeal(t, v, "bob", place); idOf(again) != idOf(sealed) {
		t.Error("another key seals after the outage began")
	}
	if storage.locked != 0 {
		t.Errorf("%d locks were left", storage.locked)
	}
}

// The document vanishes under a running node, say by an unmounted disk. A new
// key would end all sessions: only a start makes one.
func TestVanishedDocument(t *testing.T) {
	storage, clock := tempStorage(t), &fakeClock{}
	v := openVault(t, storage, clock)
	sealed := mustSeal(t, v, "alice", place)
	if err := storage.Delete(t.Context(), "wechat"); err != nil {
		t.Fatal(err)
	}
	if err := v.Refresh(t.Context()); err == nil {
		t.Error("Refresh is silent")
	}
	if _, err := v.Rotate(t.Context()); err == nil {
		t.Error("Rotate is silent")
	}
	stranger := mustSeal(t, NewFixed(testKeys(t, secrets[0])), "bob", place)
	if _, err := v.Open(t.Context(), stranger, []byte(place)); err == nil || errors.Is(err, ErrForged) {
		t.Errorf("an unknown key: %v", err)
	}
	if storage.Exists(t.Context(), documentPath) {
		t.Error("a document came back")
	}
	opens(t, v, "from memory", sealed, place, "alice")
}

// Two nodes rotate at once because a lock failed, and the other one writes last.
// What counts is what storage holds; nobody seals with a key that is only here.
func TestLostRace(t *testing.T) {
	storage, clock := &faultyStorage{Storage: tempStorage(t)}, &fakeClock{}
	v := openVault(t, storage, clock)
	data, err := storage.Storage.Load(t.Context(), documentPath)
	if err != nil {
		t.Fatal(err)
	}
	v = openVault(t, &overwriting{faultyStorage: storage, with: data}, clock)
	if info, err := v.Rotate(t.Context()); err == nil {
		t.Errorf("Rotate = %+v", info)
	}
	if len(v.Infos()) != 1 {
		t.Errorf("a key that is in no storage seals: %+v", v.Infos())
	}
}

// overwriting is a storage in which somebody else always writes last.
type overwriting struct {
	*faultyStorage
	with []byte
}

func (s *overwriting) Store(ctx context.Context, key string, _ []byte) error {
	return s.faultyStorage.Store(ctx, key, s.with)
}

// Waiting ends with the context, and the lock is given back even then.
func TestContextEnds(t *testing.T) {
	storage := tempStorage(t)
	v := openVault(t, storage, &fakeClock{})
	if err := storage.Lock(t.Context(), lockName); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := v.Rotate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Rotate on a held lock: %v", err)
	}
	if err := storage.Unlock(t.Context(), lockName); err != nil {
		t.Fatal(err)
	}
	rotate(t, v)
}

// The client of an admin call goes away in the middle of the writing.
func TestLockIsGivenBack(t *testing.T) {
	storage := &faultyStorage{Storage: tempStorage(t)}
	v := openVault(t, storage, nil)
	ctx, cancel := context.WithCancel(t.Context())
	storage.onLoad = cancel
	_, _ = v.Rotate(ctx)
	if storage.locked != 0 {
		t.Error("the lock was left")
	}
}
