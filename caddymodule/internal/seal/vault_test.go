// vault_test.go: kept keys: made once, shared, and never replaced in silence.

package seal

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

// A restart, or another node on the same storage, keeps everybody logged in.
func TestKeptKeysSurvive(t *testing.T) {
	storage, clock := tempStorage(t), &fakeClock{}
	first := openVault(t, storage, clock)
	sealed := mustSeal(t, first, "alice", place)
	second := openVault(t, storage, clock)
	opens(t, second, "on the other node", sealed, place, "alice")
	forged(t, second, "moved", sealed, otherSpot)
	infos := second.Infos()
	if len(infos) != 1 || infos[0].State != Sealing || !infos[0].Created.Equal(start) || !infos[0].OpensUntil.IsZero() {
		t.Errorf("Infos = %+v", infos)
	}
	// The document is for the owner alone; certmagic's storage sees to that.
	info, err := os.Stat(storage.Filename("wechat/seal_keys.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("document: %v, %v", info, err)
	}
}

// Eight workers start at once on an empty storage, some on one node, some on
// another. Exactly one key comes to be.
func TestConcurrentOpenMakesOneKey(t *testing.T) {
	files, clock := tempStorage(t), &fakeClock{}
	nodes := []*faultyStorage{{Storage: files}, {Storage: &certmagic.FileStorage{Path: files.Path}}}
	ids := make([]string, 8)
	var looked, wg sync.WaitGroup
	looked.Add(len(ids))
	for _, node := range nodes {
		looks := len(ids) / 2
		node.onLoad = func() {
			node.mu.Lock()
			looks--
			first := looks >= 0
			node.mu.Unlock()
			if first { // all find it empty before one goes on
				looked.Done()
				looked.Wait()
			}
		}
	}
	for i := range ids {
		wg.Go(func() {
			v, err := OpenVault(t.Context(), vaultOptions(nodes[i%2], clock))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = v.Infos()[0].ID
		})
	}
	wg.Wait()
	if slices.Sort(ids); ids[0] != ids[7] || ids[0] == "" {
		t.Errorf("keys differ: %v", ids)
	}
	if n := nodes[0].storesDone + nodes[1].storesDone; n != 1 {
		t.Errorf("the document was written %d times; want 1", n)
	}
}

// A document that cannot be understood never becomes a new key: that would end
// all sessions for good, as the old key would be overwritten.
func TestBrokenDocumentIsAnError(t *testing.T) {
	good := testDocument(t)
	edit := func(f func(doc, key map[string]any)) []byte {
		var doc map[string]any
		if err := json.Unmarshal(good, &doc); err != nil {
			t.Fatal(err)
		}
		f(doc, doc["keys"].([]any)[0].(map[string]any))
		data, _ := json.Marshal(doc)
		return data
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
		"token keys":        edit(func(d, _ map[string]any) { d["format"] = "wechat token keys 1" }),
		"newer format":      edit(func(d, _ map[string]any) { d["format"] = "wechat seal keys 2" }),
		"unknown member":    edit(func(d, _ map[string]any) { d["more"] = 1 }),
		"no keys":           edit(func(d, _ map[string]any) { d["keys"] = []any{} }),
		"same key twice":    edit(func(d, k map[string]any) { d["keys"] = []any{k, k} }),
		"another id":        edit(func(_, k map[string]any) { k["id"] = "00000000" }),
		"weak key":          edit(func(_, k map[string]any) { k["key"] = strings.Repeat("A", 43) + "=" }),
		"no key":            edit(func(_, k map[string]any) { delete(k, "key") }),
		"bad base64":        edit(func(_, k map[string]any) { k["key"] = "***" }),
		"no time":           edit(func(_, k map[string]any) { delete(k, "created") }),
		"absurd time":       edit(func(_, k map[string]any) { k["created"] = 1 << 60 }),
		"no lifetime":       edit(func(d, _ map[string]any) { delete(d, "max_lifetime") }),
		"negative lifetime": edit(func(d, _ map[string]any) { d["max_lifetime"] = -1 }),
		"absurd lifetime":   edit(func(d, _ map[string]any) { d["max_lifetime"] = 1 << 60 }),
	} {
		storage, clock := tempStorage(t), &fakeClock{}
		if err := storage.Store(t.Context(), documentPath, data); err != nil {
			t.Fatal(err)
		}
		_, err := OpenVault(t.Context(), vaultOptions(storage, clock))
		if err == nil || !strings.Contains(err.Error(), documentPath) {
			t.Errorf("%s: error %v; want one that names the document", name, err)
		}
		if now, _ := storage.Load(t.Context(), documentPath); string(now) != string(data) {
			t.Errorf("%s: the document was changed", name)
		}

		// The same on a running node: it keeps the keys it has, and says so.
		if err := storage.Store(t.Context(), documentPath, good); err != nil {
			t.Fatal(err)
		}
		v := openVault(t, storage, clock)
		sealed := mustSeal(t, v, "alice", place)
		stranger := mustSeal(t, NewFixed(testKeys(t, secrets[2])), "bob", place)
		if err := storage.Store(t.Context(), documentPath, data); err != nil {
			t.Fatal(err)
		}
		if v.Refresh(t.Context()) == nil {
			t.Errorf("%s: Refresh is silent", name)
		}
		if _, err := v.Rotate(t.Context()); err == nil {
			t.Errorf("%s: Rotate is silent", name)
		}
		if _, err := v.Open(t.Context(), stranger, []byte(place)); err == nil || err == ErrForged {
			t.Errorf("%s: an unknown key is answered with %v", name, err)
		}
		opens(t, v, name, sealed, place, "alice")
	}
	storage := tempStorage(t)
	if err := storage.Store(t.Context(), documentPath, edit(func(_, _ map[string]any) {})); err != nil {
		t.Fatal(err)
	}
	v := openVault(t, storage, &fakeClock{}) // control: an edited document without a fault
	if id := v.Infos()[0].ID; id != testKeys(t, secrets[1]).Infos()[0].ID {
		t.Errorf("%s seals; want the youngest", id)
	}
}

// Which key seals follows from the dates, not from the order an editor left.
func TestOrderOfDocument(t *testing.T) {
	var doc document
	if err := json.Unmarshal(testDocument(t), &doc); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(doc.Keys)
	data, _ := json.Marshal(doc)
	h, err := decodeDocument(data)
	if err != nil || h.keys.list[0].id != testKeys(t, secrets[1]).list[0].id {
		t.Errorf("%v, %v", h.keys, err)
	}
}

func TestVaultOptionsAreChecked(t *testing.T) {
	for name, edit := range map[string]func(*VaultOptions){
		"no storage":      func(o *VaultOptions) { o.Storage = nil },
		"no lifetime":     func(o *VaultOptions) { o.MaxLifetime = 0 },
		"absurd lifetime": func(o *VaultOptions) { o.MaxLifetime = 101 * 365 * 24 * time.Hour },
		"clock at 1970":   func(o *VaultOptions) { o.Now = func() time.Time { return time.Unix(0, 0) } },
	} {
		storage := tempStorage(t)
		opts := vaultOptions(storage, &fakeClock{})
		edit(&opts)
		if _, err := OpenVault(t.Context(), opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if storage.Exists(t.Context(), documentPath) {
			t.Errorf("%s: a document was written", name)
		}
	}
	opts := vaultOptions(tempStorage(t), nil)
	opts.Now = nil
	if v, err := OpenVault(t.Context(), opts); err != nil || time.Since(v.Infos()[0].Created) > time.Minute {
		t.Errorf("the default clock: %v", err)
	}
}
