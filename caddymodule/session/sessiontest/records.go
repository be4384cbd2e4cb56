// records.go: the rules about adding, reading and deleting one record.

package sessiontest

import (
	"bytes"
	"slices"
	"time"
)

func recordChecks() []check {
	return []check{
		{"Get returns what Create kept", func(t tb, e env) {
			a, b := e.rec(1, 1), e.rec(2, 2)
			create(t, e.store, a, 0)
			create(t, e.store, b, 0)
			got, lease := get(t, e.store, a.Key)
			wantRecord(t, got, a)
			if !lease.Live() {
				t.Errorf("the lease of a record that is still there is over")
			}
			got, _ = get(t, e.store, b.Key)
			wantRecord(t, got, b)
		}},
		{"Get of what never was is ErrNotFound", func(t tb, e env) {
			wantAbsent(t, e.store, e.rec(1, 1).Key, "never created")
			create(t, e.store, e.rec(1, 2), 0)
			wantAbsent(t, e.store, e.rec(1, 1).Key, "another was created")
			wantAbsent(t, e.store, e.rec(1, 2).User, "a user is no record")
		}},
		{"Create replaces what is under the key", func(t tb, e env) {
			old, r := e.rec(1, 1), e.rec(1, 1)
			r.Value, r.IssuedAt, r.ExpiresAt = []byte("new"), r.IssuedAt.Add(time.Minute), r.ExpiresAt.Add(time.Minute)
			create(t, e.store, old, 0)
			create(t, e.store, r, 0)
			got, _ := get(t, e.store, r.Key)
			wantRecord(t, got, r)
			wantList(t, e.store, r.User, r)
		}},
		{"Delete ends a session, and only that one", func(t tb, e env) {
			a, b := e.rec(1, 1), e.rec(1, 2)
			create(t, e.store, a, 0)
			create(t, e.store, b, 0)
			wantDelete(t, e, a.Key)
			wantAbsent(t, e.store, a.Key, "deleted")
			wantList(t, e.store, a.User, b)
		}},
		{"Delete of what is not there succeeds", func(t tb, e env) {
			wantDelete(t, e, e.rec(1, 1).Key)
			create(t, e.store, e.rec(1, 1), 0)
			wantDelete(t, e, e.rec(1, 1).Key)
			wantDelete(t, e, e.rec(1, 1).Key)
		}},
		{"a deleted key can be created anew", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			wantDelete(t, e, r.Key)
			create(t, e.store, r, 0)
			got, lease := get(t, e.store, r.Key)
			wantRecord(t, got, r)
			if !lease.Live() {
				t.Errorf("the new record's lease is over")
			}
			wantList(t, e.store, r.User, r)
		}},
		{"values are kept whole, whatever bytes, up to 64 KiB", func(t tb, e env) {
			all := make([]byte, 64<<10)
			for i := range all {
				all[i] = byte(i * 7)
			}
			for i, value := range [][]byte{all, all[:1], all[:256], []byte("\x00\r\n\xff{}'\";--"), bytes.Repeat([]byte{0}, 4096)} {
				r := e.rec(1, i)
				r.Value = value
				create(t, e.store, r, 0)
				got, _ := get(t, e.store, r.Key)
				wantRecord(t, got, r)
			}
			if err := e.store.Update(ctx, e.rec(1, 1).Key, func([]byte) ([]byte, error) { return all, nil }); err != nil {
				t.Fatalf("Update to 64 KiB = %v, want nil", err)
			}
			if got, _ := get(t, e.store, e.rec(1, 1).Key); !bytes.Equal(got.Value, all) {
				t.Errorf("64 KiB were changed by Update")
			}
		}},
		{"keys and users may be any 22 characters of the alphabet", func(t tb, e env) {
			keys := alphabetKeys()
			for i, key := range keys {
				r := e.rec(i, i)
				r.Key, r.User = key+key[:11], key
				create(t, e.store, r, 1)
			}
			for i, key := range keys {
				r := e.rec(i, i)
				r.Key, r.User, r.ExpiresAt = key+key[:11], key, time.Time{}
				got, _ := get(t, e.store, r.Key)
				got.ExpiresAt = time.Time{}
				wantRecord(t, got, r)
			}
		}},
		// Callers keep what they gave and were given; the suite modifies neither.
		{"byte slices that went in or came out are not modified", func(t tb, e env) {
			r := e.rec(1, 1)
			given := slices.Clone(r.Value)
			create(t, e.store, r, 0)
			first, _ := get(t, e.store, r.Key)
			listed, err := e.store.List(ctx, r.User)
			if err != nil || len(listed) != 1 {
				t.Fatalf("List = %d records, %v, want 1, nil", len(listed), err)
			}
			for range 3 {
				if err := e.store.Update(ctx, r.Key, func(v []byte) ([]byte, error) {
					return bytes.Repeat([]byte("x"), len(v)), nil
				}); err != nil {
					t.Fatalf("Update = %v, want nil", err)
				}
			}
			wantDelete(t, e, r.Key)
			for i := range 50 { // what might reuse a buffer
				create(t, e.store, e.rec(1, 10+i), 3)
			}
			if !bytes.Equal(r.Value, given) || !bytes.Equal(first.Value, given) || !bytes.Equal(listed[0].Value, given) {
				t.Errorf("given %q, it is now %q; handed out %q and %q", given, r.Value, first.Value, listed[0].Value)
			}
		}},
	}
}

func wantDelete(t tb, e env, key string) {
	t.Helper()
	if err := e.store.Delete(ctx, key); err != nil {
		t.Errorf("Delete = %v, want nil", err)
	}
}
