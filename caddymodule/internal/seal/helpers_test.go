// helpers_test.go: fixed secrets, a clock that obeys, and a storage that fails
// on command.

package seal

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Random bytes, the same in every process: fuzzing needs that.
var secrets = [][]byte{
	unhex("9fc1f7a2e0b35d44a8177e02cc96f1380b6de9524f3ac8810d57be63f2991ae4"),
	unhex("27d80c5be163fa9f41b2960ed57a4c38f08811bd6ec25f730394aae7d01f59c6"),
	unhex("e46a13908fd7bb25507cc93e021df864a9315fee78b40692dd4b83c61709eaf5"),
}

var errDown = errors.New("connection refused")

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func testKeys(t testing.TB, secrets ...[]byte) *Keys {
	t.Helper()
	keys, err := NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func mustSeal(t testing.TB, s sealer, plaintext, associated string) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), []byte(plaintext), []byte(associated))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// opens fails unless sealed opens as plaintext.
func opens(t testing.TB, s sealer, name string, sealed []byte, associated, plaintext string) {
	t.Helper()
	if got, err := s.Open(t.Context(), sealed, []byte(associated)); err != nil || string(got) != plaintext {
		t.Errorf("%s: %q, %v; want %q", name, got, err, plaintext)
	}
}

// forged fails unless the answer is ErrForged and nothing else.
func forged(t testing.TB, s sealer, name string, sealed []byte, associated string) {
	t.Helper()
	if got, err := s.Open(t.Context(), sealed, []byte(associated)); err != ErrForged || got != nil {
		t.Errorf("%s: %q, %v; want ErrForged", name, got, err)
	}
}

const (
	place     = "session\x00b3JkaW5hcnk"
	otherSpot = "session\x00c29tZW9uZQ"
)

var start = time.Unix(1_800_000_000, 0)

type fakeClock struct{ sinceStart atomic.Int64 }

func (c *fakeClock) now() time.Time          { return start.Add(time.Duration(c.sinceStart.Load())) }
func (c *fakeClock) forward(d time.Duration) { c.sinceStart.Add(int64(d)) }

func tempStorage(t testing.TB) *certmagic.FileStorage {
	return &certmagic.FileStorage{Path: t.TempDir()}
}

func vaultOptions(storage certmagic.Storage, clock *fakeClock) VaultOptions {
	if clock == nil {
		clock = &fakeClock{}
	}
	return VaultOptions{Storage: storage, MaxLifetime: 24 * time.Hour, Now: clock.now}
}

func openVault(t testing.TB, storage certmagic.Storage, clock *fakeClock) *Vault {
	t.Helper()
	v, err := OpenVault(t.Context(), vaultOptions(storage, clock))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func rotate(t testing.TB, v *Vault) KeyInfo {
	t.Helper()
	info, err := v.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// faultyStorage fails on command, answers late, and notes what it is asked.
type faultyStorage struct {
	certmagic.Storage
	mu                          sync.Mutex
	loadErr, storeErr, lockErr  error
	lockedErr                   error // of loads under the lock
	delay                       time.Duration
	onLoad                      func()
	loads                       []time.Time
	storesDone, locked, lockAll int
}

func (s *faultyStorage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *faultyStorage) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.loads)
}

func (s *faultyStorage) Load(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.loads = append(s.loads, time.Now())
	err, delay, onLoad := s.loadErr, s.delay, s.onLoad
	if s.locked > 0 {
		err = errors.Join(err, s.lockedErr)
	}
	s.mu.Unlock()
	if err == nil && onLoad == nil {
		data, err := s.Storage.Load(ctx, key)
		return data, errors.Join(err, wait(ctx, delay))
	}
	if onLoad != nil {
		data, err := s.Storage.Load(ctx, key)
		onLoad()
		return data, err
	}
	return nil, errors.Join(wait(ctx, delay), err)
}

func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *faultyStorage) Store(ctx context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storeErr != nil {
		return s.storeErr
	}
	s.storesDone++
	return s.Storage.Store(ctx, key, value)
}

func (s *faultyStorage) Lock(ctx context.Context, name string) error {
	s.mu.Lock()
	err := s.lockErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.Storage.Lock(ctx, name); err != nil {
		return err
	}
	s.set(func() { s.locked++; s.lockAll++ })
	return nil
}

func (s *faultyStorage) Unlock(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil { // as storages on a network do
		return err
	}
	s.set(func() { s.locked-- })
	return s.Storage.Unlock(ctx, name)
}
