package token

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

func tempStorage(t testing.TB) *certmagic.FileStorage {
	return &certmagic.FileStorage{Path: t.TempDir()}
}

func vaultOptions(storage certmagic.Storage, clock *fakeClock) VaultOptions {
	return VaultOptions{Options: testOptions(clock), Storage: storage, Algorithm: HS256}
}

func openVault(t testing.TB, storage certmagic.Storage, clock *fakeClock) *Vault {
	t.Helper()
	v, err := OpenVault(t.Context(), vaultOptions(storage, clock))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// faultyStorage fails on command and counts what is written and locked.
type faultyStorage struct {
	certmagic.Storage
	loadErr, storeErr, lockErr error
	stores, locks, loads       atomic.Int32
	locked                     atomic.Int32
}

func (s *faultyStorage) Load(ctx context.Context, key string) ([]byte, error) {
	s.loads.Add(1)
	if s.loadErr != nil {
		return nil, s.loadErr
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

// A restart, or another node on the same storage, keeps everybody logged in.
func TestKeptKeysSurvive(t *testing.T) {
	for _, alg := range allAlgorithms {
		storage, clock := tempStorage(t), newClock()
		opts := vaultOptions(storage, clock)
		opts.Algorithm = alg
		first, err := OpenVault(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		second, err := OpenVault(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		text := mustMint(t, first.Snapshot(clock.now()), testClaims())
		if _, err := second.Snapshot(clock.now()).Verify(text); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if a, b := first.Snapshot(clock.now()).ID(), second.Snapshot(clock.now()).ID(); a != b {
			t.Errorf("%s: equal rings have ids %s and %s", alg, a, b)
		}
		infos := second.Keys(clock.now())
		if len(infos) != 1 || infos[0].State != Signing || !infos[0].VerifiesUntil.IsZero() || !infos[0].ActiveFrom.Equal(start) || infos[0].Algorithm != alg {
			t.Errorf("%s: Keys = %+v", alg, infos)
		}
	}
}

// The document is for the owner alone; certmagic's storage sees to that.
func TestDocumentPlace(t *testing.T) {
	storage := tempStorage(t)
	openVault(t, storage, newClock())
	info, err := os.Stat(storage.Filename("wechat/token_keys/hs256.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("document: %v, %v", info, err)
	}
}

// Twenty workers start at once on an empty storage, as two nodes of one process
// and as separate vaults. Exactly one key comes to be.
func TestConcurrentOpenMakesOneKey(t *testing.T) {
	storage, clock := &faultyStorage{Storage: tempStorage(t)}, newClock()
	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			v, err := OpenVault(t.Context(), vaultOptions(storage, clock))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = v.Snapshot(clock.now()).ID()
		})
	}
	wg.Wait()
	if slices.Sort(ids); ids[0] != ids[19] || ids[0] == "" {
		t.Errorf("rings differ: %v", ids)
	}
	if n := storage.stores.Load(); n != 1 {
		t.Errorf("the document was written %d times; want 1", n)
	}
}

// A document that cannot be read or understood never becomes a new key: that
// would log everybody out, and the old key with its sessions would be lost.
func TestBrokenDocumentIsAnError(t *testing.T) {
	const path = "wechat/token_keys/hs256.json"
	good := func() []byte {
		storage := tempStorage(t)
		openVault(t, storage, newClock())
		data, err := storage.Load(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}()
	edit := func(f func(doc, key map[string]any)) []byte {
		var doc map[string]any
		if err := json.Unmarshal(good, &doc); err != nil {
			t.Fatal(err)
		}
		f(doc, doc["keys"].([]any)[0].(map[string]any))
		data, _ := json.Marshal(doc)
		return data
	}
	es := testKeys()[ES256]
	foreign, err := encodeDocument([]entry{{key: es, created: start, activeFrom: start, maxLifetime: time.Hour}}, ES256)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":             {},
		"blank":             []byte("\n"),
		"cut off":           good[:len(good)/2],
		"last brace gone":   good[:len(good)-2],
		"text":              []byte("hello"),
		"null":              []byte("null"),
		"other JSON":        []byte(`{"a":1}`),
		"two documents":     slices.Concat(good, good),
		"other algorithm":   foreign,
		"newer format":      edit(func(d, _ map[string]any) { d["format"] = "wechat token keys 2" }),
		"unknown member":    edit(func(d, _ map[string]any) { d["more"] = 1 }),
		"no keys":           edit(func(d, _ map[string]any) { d["keys"] = []any{} }),
		"same key twice":    edit(func(d, k map[string]any) { d["keys"] = []any{k, k} }),
		"another kid":       edit(func(_, k map[string]any) { k["kid"] = "AAAAAAAAAAAAAAAA" }),
		"weak key":          edit(func(_, k map[string]any) { k["key"] = strings.Repeat("A", 44)[:43] + "=" }),
		"no key":            edit(func(_, k map[string]any) { delete(k, "key") }),
		"bad base64":        edit(func(_, k map[string]any) { k["key"] = "***" }),
		"no times":          edit(func(_, k map[string]any) { delete(k, "active_from") }),
		"zero lifetime":     edit(func(_, k map[string]any) { k["max_lifetime"] = 0 }),
		"negative lifetime": edit(func(_, k map[string]any) { k["max_lifetime"] = -1 }),
		"absurd lifetime":   edit(func(_, k map[string]any) { k["max_lifetime"] = 1 << 60 }),
	} {
		storage, clock := tempStorage(t), newClock()
		if err := storage.Store(t.Context(), path, data); err != nil {
			t.Fatal(err)
		}
		_, err := OpenVault(t.Context(), vaultOptions(storage, clock))
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v; want one that names the document", name, err)
		}
		if now, _ := storage.Load(t.Context(), path); string(now) != string(data) {
			t.Errorf("%s: the document was changed", name)
		}

		// The same on a running node: it keeps the keys it has, and says so.
		if err := storage.Store(t.Context(), path, good); err != nil {
			t.Fatal(err)
		}
		v := openVault(t, storage, clock)
		before := v.Snapshot(clock.now()).ID()
		if err := storage.Store(t.Context(), path, data); err != nil {
			t.Fatal(err)
		}
		if v.Refresh(t.Context()) == nil {
			t.Errorf("%s: Refresh is silent", name)
		}
		if _, err := v.Rotate(t.Context()); err == nil {
			t.Errorf("%s: Rotate is silent", name)
		}
		if v.Revoke(t.Context(), v.Keys(clock.now())[0].KID) == nil {
			t.Errorf("%s: Revoke is silent", name)
		}
		if v.Snapshot(clock.now()).ID() != before {
			t.Errorf("%s: the ring changed", name)
		}
	}
	storage := tempStorage(t)
	if err := storage.Store(t.Context(), path, edit(func(_, _ map[string]any) {})); err != nil {
		t.Fatal(err)
	}
	openVault(t, storage, newClock()) // control: an edited document without a fault
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

// Another algorithm has other keys, and tokens of the former are foreign.
func TestAlgorithmChange(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	opts := vaultOptions(storage, clock)
	text := mustMint(t, openVault(t, storage, clock).Snapshot(clock.now()), testClaims())
	opts.Algorithm = EdDSA
	v, err := OpenVault(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, v.Snapshot(clock.now()), "token of the former algorithm", text, ReasonUnknownKey)
	if _, err := openVault(t, storage, clock).Snapshot(clock.now()).Verify(text); err != nil {
		t.Errorf("going back: %v", err)
	}
}

func TestVaultOptionsAreChecked(t *testing.T) {
	for name, edit := range map[string]func(*VaultOptions){
		"no storage":        func(o *VaultOptions) { o.Storage = nil },
		"no algorithm":      func(o *VaultOptions) { o.Algorithm = "" },
		"unknown algorithm": func(o *VaultOptions) { o.Algorithm = "../x" },
		"no issuer":         func(o *VaultOptions) { o.Issuer = "" },
		"no lifetime":       func(o *VaultOptions) { o.MaxLifetime = 0 },
		"negative delay":    func(o *VaultOptions) { o.ActivationDelay = -1 },
	} {
		opts := vaultOptions(tempStorage(t), newClock())
		edit(&opts)
		if _, err := OpenVault(t.Context(), opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
