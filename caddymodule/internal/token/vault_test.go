// vault_test.go: kept keys: made once, shared, and never replaced in silence.

package token

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
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
		"algorithm member":  edit(func(d, _ map[string]any) { d["alg"] = "EdDSA" }),
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
	refused(t, v.Snapshot(clock.now()), "token of the former algorithm", text, unknownKey)
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
