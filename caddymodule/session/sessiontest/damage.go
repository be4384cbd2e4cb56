// damage.go: the rules about what is damaged: it is absent, and in nobody's way.

package sessiontest

import (
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// damageChecks are for stores whose content can be spoilt.
func damageChecks() []check {
	// three sessions of a user, of which the second is damaged
	spoilt := func(t tb, e env) (left []session.Record, bad session.Record) {
		for n := 1; n <= 3; n++ {
			create(t, e.store, e.rec(1, n), 0)
		}
		get(t, e.store, e.rec(1, 2).Key)
		e.damage(e.rec(1, 2))
		if !within(time.Second, func() bool { return gone(e.store, e.rec(1, 2).Key) }) {
			t.Errorf("a damaged record is not absent within a second")
		}
		return []session.Record{e.rec(1, 1), e.rec(1, 3)}, e.rec(1, 2)
	}
	return []check{
		{"a damaged record is absent, and its neighbours are not", func(t tb, e env) {
			left, bad := spoilt(t, e)
			wantAbsent(t, e.store, bad.Key, "damaged")
			if err := e.store.Update(ctx, bad.Key, set("mended")); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("Update = %v, want ErrNotFound", err)
			}
			for _, r := range left {
				got, _ := get(t, e.store, r.Key)
				wantRecord(t, got, r)
				if err := e.store.Update(ctx, r.Key, set("changed")); err != nil {
					t.Errorf("Update of a neighbour = %v, want nil", err)
				}
			}
		}},
		{"List leaves a damaged record out, and its user logs in again at once", func(t tb, e env) {
			left, bad := spoilt(t, e)
			wantList(t, e.store, bad.User, left...)
			create(t, e.store, e.rec(1, 4), 3) // the damaged one counts for no limit
			wantList(t, e.store, bad.User, append(left, e.rec(1, 4))...)
			create(t, e.store, bad, 4)
			got, _ := get(t, e.store, bad.Key)
			wantRecord(t, got, bad)
		}},
		{"Delete and DeleteUser end damaged records", func(t tb, e env) {
			left, bad := spoilt(t, e)
			wantDelete(t, e, bad.Key)
			wantList(t, e.store, bad.User, left...)
			e.damage(left[0])
			if n, err := e.store.DeleteUser(ctx, bad.User); n < 1 || n > 2 || err != nil {
				t.Errorf("DeleteUser = %d, %v, want the one that was live", n, err)
			}
			for _, r := range []session.Record{left[0], bad, left[1]} {
				wantAbsent(t, e.store, r.Key, "its user was deleted")
			}
			wantList(t, e.store, bad.User)
			create(t, e.store, bad, 1)
			wantList(t, e.store, bad.User, bad)
		}},
	}
}
