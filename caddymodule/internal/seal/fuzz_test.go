// fuzz_test.go: any bytes, at any place, and any document.

package seal

import (
	"bytes"
	"testing"
)

// FuzzOpen tries the package's promise on any bytes: what opens is, to the
// last byte, one of the few values that were sealed, at the place it was sealed
// for. Nonces are fixed here, so that all processes of a fuzzing know the same ones.
func FuzzOpen(f *testing.F) {
	keys := testKeys(f, secrets[0], secrets[1])
	type pair struct{ sealed, associated string }
	known := map[pair]string{}
	for _, k := range keys.list {
		for i, plaintext := range []string{"", "a", "openid of alice", string(make([]byte, 300))} {
			for _, associated := range []string{"", place} {
				sealed := sealAs(k, "abcdefghijklmnopqrstuvw"+string(rune('0'+i)), plaintext, associated)
				known[pair{string(sealed), associated}] = plaintext
				f.Add(sealed, []byte(associated))
				f.Add(sealed, []byte(otherSpot))
				f.Add(sealed[:len(sealed)-1], []byte(associated))
			}
		}
	}
	f.Add([]byte(nil), []byte(nil))
	f.Add(make([]byte, Overhead), []byte(place))
	f.Add(bytes.Repeat([]byte{1}, 500), []byte(nil))
	f.Fuzz(func(t *testing.T, sealed, associated []byte) {
		got, err := keys.Open(sealed, associated)
		plaintext, genuine := known[pair{string(sealed), string(associated)}]
		switch {
		case err == nil && (!genuine || string(got) != plaintext):
			t.Fatalf("opened %x for %q", sealed, associated)
		case err != nil && genuine:
			t.Fatalf("refused a sealing: %v", err)
		case err != nil && err != ErrForged && err != ErrUnknownKey:
			t.Fatalf("a third error: %v", err)
		case err == ErrUnknownKey && keys.byID[idOf(sealed)] != nil:
			t.Fatal("a key we have is unknown")
		}
	})
}

// FuzzDocument: what can be read can be written, and is the same when read again.
func FuzzDocument(f *testing.F) {
	h, err := decodeDocument(testDocument(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(testDocument(f))
	f.Add([]byte(`{"format":"wechat seal keys 1","max_lifetime":1,"keys":[{}]}`))
	f.Add([]byte(h.keys.String()))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decodeDocument(data)
		if err != nil {
			return
		}
		text, err := encodeDocument(h.entries, h.maxLifetime)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeDocument(text)
		if err != nil || len(again.entries) != len(h.entries) || again.maxLifetime != h.maxLifetime ||
			again.keys.list[0].id != h.keys.list[0].id {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
	})
}

// testDocument holds two keys.
func testDocument(t testing.TB) []byte {
	t.Helper()
	var entries []entry
	for i, k := range testKeys(t, secrets[:2]...).list {
		entries = append(entries, entry{key: k, created: start.AddDate(0, i, 0)})
	}
	data, err := encodeDocument(entries, vaultOptions(nil, &fakeClock{}).MaxLifetime)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
