// expiry.go: the rules about records whose time is over.

package sessiontest

import (
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func expiryChecks() []check {
	return []check{
		{"an expired record is absent for every call", func(t tb, e env) {
			until := soon()
			r, keep := expiring(e.rec(1, 1), until), e.rec(1, 2)
			create(t, e.store, r, 0)
			create(t, e.store, keep, 0)
			get(t, e.store, r.Key)
			e.expire(until)

			wantAbsent(t, e.store, r.Key, "expired")
			wantList(t, e.store, r.User, keep)
			err := e.store.Update(ctx, r.Key, set("alive again"))
			if !errors.Is(err, session.ErrNotFound) {
				t.Errorf("Update of an expired record = %v, want ErrNotFound", err)
			}
			wantAbsent(t, e.store, r.Key, "expired, then updated")
			wantDelete(t, e, r.Key)
			if n, err := e.store.DeleteUser(ctx, r.User); n != 1 || err != nil {
				t.Errorf("DeleteUser = %d, %v, want 1, nil: an expired one is not counted", n, err)
			}
		}},
		{"an expired key can be created anew", func(t tb, e env) {
			// at the very expiry and a while after it, swept by then or not
			for i, after := range []time.Duration{0, 100 * time.Millisecond} {
				until := soon()
				r, other := e.rec(1+10*i, 1), e.rec(1+10*i, 2)
				create(t, e.store, expiring(r, until), 0)
				create(t, e.store, expiring(other, until), 0)
				e.expire(until.Add(after))
				create(t, e.store, r, 0)
				e.forward(10 * time.Second) // no sweep of the old one takes the new one along
				got, lease := get(t, e.store, r.Key)
				wantRecord(t, got, r)
				if !lease.Live() {
					t.Errorf("the new record's lease is over")
				}
				wantList(t, e.store, r.User, r)
				wantDeleteUser(t, e, r.User, 1)
			}
		}},
		{"Create with a past expiry keeps nothing, least of all for ever", func(t tb, e env) {
			for i, until := range []time.Time{past(), time.Now(), time.Unix(0, 0)} {
				r := expiring(e.rec(1, i), until)
				create(t, e.store, r, 0)
				wantAbsent(t, e.store, r.Key, "expired when created")
			}
			wantList(t, e.store, e.rec(1, 1).User)
			e.forward(2 * time.Second)
			wantList(t, e.store, e.rec(1, 1).User)
		}},
		{"Create with a past expiry deletes what is under the key", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			_, lease := get(t, e.store, r.Key)
			create(t, e.store, expiring(r, past()), 0)
			wantAbsent(t, e.store, r.Key, "replaced by an expired one")
			if lease.Live() {
				t.Errorf("the lease still lives")
			}
			wantList(t, e.store, r.User)
		}},
		{"Create with a past expiry pushes nobody out", func(t tb, e env) {
			a, b := e.rec(1, 1), e.rec(1, 2)
			create(t, e.store, a, 2)
			create(t, e.store, b, 2)
			create(t, e.store, expiring(e.rec(1, 3), past()), 2)
			wantList(t, e.store, a.User, a, b)
		}},
		// A store that writes the value without its expiry makes sessions immortal.
		{"Update keeps the expiry", func(t tb, e env) {
			until := soon()
			r := expiring(e.rec(1, 1), until)
			create(t, e.store, r, 0)
			if err := e.store.Update(ctx, r.Key, set("changed")); err != nil {
				t.Fatalf("Update = %v, want nil", err)
			}
			r.Value = []byte("changed")
			got, _ := get(t, e.store, r.Key)
			wantRecord(t, got, r)
			e.expire(until)
			wantAbsent(t, e.store, r.Key, "its first expiry is over")
			wantList(t, e.store, r.User)
		}},
		{"the last expiry of a replaced record counts", func(t tb, e env) {
			until := soon()
			longer, shorter := e.rec(1, 1), e.rec(1, 2)
			create(t, e.store, expiring(longer, until), 0)
			create(t, e.store, longer, 0)
			create(t, e.store, shorter, 0)
			create(t, e.store, expiring(shorter, until), 0)
			e.expire(until)
			get(t, e.store, longer.Key)
			wantAbsent(t, e.store, shorter.Key, "replaced by one that expired")
			wantList(t, e.store, longer.User, longer)
		}},
		{"an entry of a hundred years does not expire at once", func(t tb, e env) {
			until := time.Now().Truncate(time.Second).AddDate(100, 0, 0)
			r := expiring(e.rec(1, 1), until)
			create(t, e.store, r, 0)
			wantMark(t, e.store, name("m", 1), until, true)
			got, _ := get(t, e.store, r.Key)
			wantRecord(t, got, r)
			wantMark(t, e.store, name("m", 1), until, false)
		}},
	}
}
