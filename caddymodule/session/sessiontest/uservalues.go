// uservalues.go: the rules about the value that Create changes along with a session.

package sessiontest

import (
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func userValueChecks() []check {
	return []check{
		{"Create changes the user's value along with the session", func(t tb, e env) {
			for n, want := range []string{"", "1", "2"} {
				r := e.rec(1, n)
				err := e.store.Create(ctx, r, 0, func(old []byte) ([]byte, error) {
					if string(old) != want || (old == nil) != (n == 0) {
						t.Errorf("login %d: the change was given %q (nil: %v), want %q", n+1, old, old == nil, want)
					}
					return plusOne(old)
				})
				if err != nil {
					t.Fatalf("Create = %v, want nil", err)
				}
				got, _ := get(t, e.store, r.Key)
				wantRecord(t, got, r)
			}
			wantValue(t, e.store, e.rec(1, 1).User, "3")
			create(t, e.store, e.rec(1, 4), 0)
			wantValue(t, e.store, e.rec(1, 1).User, "3")
			wantNoValue(t, e.store, e.rec(2, 1).User, "another user's")
			update(t, e, e.rec(1, 1).User, later(), plusOne)
			wantValue(t, e.store, e.rec(1, 1).User, "4")
		}},
		{"a Create whose change of the value fails makes no session", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 0)
			own := errors.New("no")
			if err := e.store.Create(ctx, e.rec(1, 2), 1, func([]byte) ([]byte, error) { return nil, own }); !errors.Is(err, own) {
				t.Errorf("Create = %v, want the change's own error", err)
			}
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 1))
		}},
		{"a user's value and sessions end each by themselves", func(t tb, e env) {
			user := e.rec(1, 1).User
			keep := func(r session.Record) {
				if err := e.store.Create(ctx, r, 0, set("value")); err != nil {
					t.Fatalf("Create = %v, want nil", err)
				}
			}
			keep(e.rec(1, 1))
			wantDelete(t, e, e.rec(1, 1).Key)
			wantValue(t, e.store, user, "value")
			keep(e.rec(1, 2))
			wantDeleteUser(t, e, user, 1)
			wantValue(t, e.store, user, "value")
			keep(e.rec(1, 3))
			update(t, e, user, later(), func([]byte) ([]byte, error) { return nil, nil })
			wantNoValue(t, e.store, user, "deleted")
			wantList(t, e.store, user, e.rec(1, 3))
			update(t, e, user, later(), set("again"))
			wantDelete(t, e, e.rec(1, 3).Key)
			wantList(t, e.store, user)
			wantValue(t, e.store, user, "again")
		}},
		{"a user's value and sessions expire each at their time", func(t tb, e env) {
			until := soon()
			short, long := e.rec(1, 1), e.rec(2, 1)
			if err := e.store.Create(ctx, expiring(short, until), 0, set("short")); err != nil {
				t.Fatalf("Create = %v, want nil", err)
			}
			update(t, e, short.User, later(), set("long"))
			if err := e.store.Create(ctx, long, 0, nil); err != nil {
				t.Fatalf("Create = %v, want nil", err)
			}
			update(t, e, long.User, until, set("short"))
			e.expire(until)
			wantAbsent(t, e.store, short.Key, "expired before its user's value")
			wantValue(t, e.store, short.User, "long")
			wantNoValue(t, e.store, long.User, "expired before its user's session")
			got, _ := get(t, e.store, long.Key)
			wantRecord(t, got, long)
		}},
		{"many logins of one user at once change the value once each", func(t tb, e env) {
			together(20, func(i int) {
				if err := e.store.Create(ctx, e.rec(1, i), 5, plusOne); err != nil {
					t.Errorf("Create = %v, want nil", err)
				}
			})
			wantValue(t, e.store, e.rec(1, 0).User, "20")
			if list, err := e.store.List(ctx, e.rec(1, 0).User); err != nil || len(list) != 5 {
				t.Errorf("List = %d sessions, %v, want 5, nil", len(list), err)
			}
		}},
	}
}

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
