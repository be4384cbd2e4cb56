// limits.go: the rules about how many sessions a user may have.

package sessiontest

import (
	"time"
)

func limitChecks() []check {
	return []check{
		{"Create beyond the limit pushes out the oldest by IssuedAt", func(t tb, e env) {
			// created in another order than issued
			for _, n := range []int{30, 10, 20} {
				create(t, e.store, e.rec(1, n), 3)
			}
			create(t, e.store, e.rec(1, 40), 3)
			wantAbsent(t, e.store, e.rec(1, 10).Key, "the oldest")
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 20), e.rec(1, 30), e.rec(1, 40))
			create(t, e.store, e.rec(1, 50), 3)
			wantAbsent(t, e.store, e.rec(1, 20).Key, "now the oldest")
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 30), e.rec(1, 40), e.rec(1, 50))
		}},
		{"Create never pushes out the new one, however old it is", func(t tb, e env) {
			for _, n := range []int{20, 30} {
				create(t, e.store, e.rec(1, n), 2)
			}
			create(t, e.store, e.rec(1, 10), 2)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 10), e.rec(1, 30))
			create(t, e.store, e.rec(1, 5), 1)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 5))
		}},
		{"Create of sessions issued in one second keeps the limit and the new one", func(t tb, e env) {
			for n := range 6 {
				r := e.rec(1, n)
				r.IssuedAt = time.Unix(1_750_000_000, 0)
				create(t, e.store, r, 3)
				get(t, e.store, r.Key)
				list, err := e.store.List(ctx, r.User)
				if want := min(n+1, 3); err != nil || len(list) != want {
					t.Errorf("after %d: List = %d sessions, %v, want %d, nil", n+1, len(list), err, want)
				}
			}
		}},
		{"expired sessions do not count for the limit", func(t tb, e env) {
			until := soon()
			keep := e.rec(1, 1)
			create(t, e.store, keep, 3)
			create(t, e.store, expiring(e.rec(1, 2), until), 3)
			create(t, e.store, expiring(e.rec(1, 3), until), 3)
			e.expire(until)
			create(t, e.store, e.rec(1, 4), 3)
			create(t, e.store, e.rec(1, 5), 3)
			wantList(t, e.store, keep.User, keep, e.rec(1, 4), e.rec(1, 5))
		}},
		{"a replaced session does not count for the limit", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 2)
			create(t, e.store, e.rec(1, 2), 2)
			create(t, e.store, e.rec(1, 2), 2)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 1), e.rec(1, 2))
		}},
		{"deleted sessions do not count for the limit", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 2)
			create(t, e.store, e.rec(1, 2), 2)
			wantDelete(t, e, e.rec(1, 2).Key)
			create(t, e.store, e.rec(1, 3), 2)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 1), e.rec(1, 3))
		}},
		{"updated sessions keep their age", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 2)
			create(t, e.store, e.rec(1, 2), 2)
			if err := e.store.Update(ctx, e.rec(1, 1).Key, set("touched")); err != nil {
				t.Fatalf("Update = %v, want nil", err)
			}
			create(t, e.store, e.rec(1, 3), 2)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 2), e.rec(1, 3))
		}},
		{"a limit of zero or less is none", func(t tb, e env) {
			for n := range 30 {
				create(t, e.store, e.rec(1, n), -(n % 2))
			}
			if list, err := e.store.List(ctx, e.rec(1, 1).User); err != nil || len(list) != 30 {
				t.Errorf("List = %d sessions, %v, want 30, nil", len(list), err)
			}
		}},
		{"a lower limit pushes out as many as it takes", func(t tb, e env) {
			for n := range 8 {
				create(t, e.store, e.rec(1, n), 0)
			}
			create(t, e.store, e.rec(1, 9), 2)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 7), e.rec(1, 9))
			for n := range 7 {
				wantAbsent(t, e.store, e.rec(1, n).Key, "pushed out")
			}
		}},
		{"the limit is each user's own", func(t tb, e env) {
			for user := range 20 {
				for n := range 2 {
					create(t, e.store, e.rec(user, n), 2)
				}
			}
			create(t, e.store, e.rec(0, 5), 2)
			wantList(t, e.store, e.rec(0, 0).User, e.rec(0, 1), e.rec(0, 5))
			for user := 1; user < 20; user++ {
				wantList(t, e.store, e.rec(user, 0).User, e.rec(user, 0), e.rec(user, 1))
			}
		}},
		{"the limit holds when many log in at once", func(t tb, e env) {
			together(50, func(i int) {
				if err := e.store.Create(ctx, e.rec(1, i), 5, nil); err != nil {
					t.Errorf("Create = %v, want nil", err)
				}
			})
			list, err := e.store.List(ctx, e.rec(1, 0).User)
			if err != nil || len(list) != 5 {
				t.Fatalf("List = %d sessions, %v, want 5, nil", len(list), err)
			}
			listed := map[string]bool{}
			for _, r := range list {
				listed[r.Key] = true
			}
			for i := range 50 {
				_, _, err := e.store.Get(ctx, e.rec(1, i).Key)
				if there := err == nil; there != listed[e.rec(1, i).Key] {
					t.Errorf("session %d: Get = %v, but List has it: %v", i, err, listed[e.rec(1, i).Key])
				}
			}
		}},
	}
}
