// counts.go: the rules for stores that count their sessions, session.Counter.

package sessiontest

import (
	"fmt"
	"math/rand/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// of makes a record one of another app's user.
func of(app string, r session.Record) session.Record {
	r.User = app + r.User[len(app):]
	r.Key = r.User + r.Key[len(r.User):]
	return r
}

const appOne, appTwo = "one_", "two-" // as session.AppTag makes them

func countChecks() []check {
	return []check{
		{"Count is the number of live sessions of each app", func(t tb, e env) {
			wantCount(t, e.store, 0, 0)
			for n := range 4 {
				create(t, e.store, of(appOne, e.rec(1, n)), 3) // the fourth pushes one out
			}
			create(t, e.store, of(appOne, e.rec(2, 1)), 0)
			create(t, e.store, of(appTwo, e.rec(1, 9)), 0)
			create(t, e.store, of(appTwo, e.rec(1, 9)), 0) // replaces itself
			wantCount(t, e.store, 4, 1)
			if err := e.store.Update(ctx, of(appOne, e.rec(1, 1)).Key, set("changed")); err != nil {
				t.Fatalf("Update = %v, want nil", err)
			}
			wantCount(t, e.store, 4, 1)
			create(t, e.store, of(appTwo, e.rec(1, 1)), 0)
			wantDelete(t, e, of(appOne, e.rec(1, 1)).Key)
			wantCount(t, e.store, 3, 2)
			create(t, e.store, expiring(of(appOne, e.rec(1, 2)), past()), 0)
			wantCount(t, e.store, 2, 2)
			wantDelete(t, e, of(appOne, e.rec(1, 3)).Key)
			wantDelete(t, e, of(appOne, e.rec(1, 3)).Key)
			wantCount(t, e.store, 1, 2)
			wantDeleteUser(t, e, of(appTwo, e.rec(1, 0)).User, 2)
			wantDeleteUser(t, e, of(appTwo, e.rec(1, 0)).User, 0)
			wantCount(t, e.store, 1, 0)
			create(t, e.store, of(appTwo, e.rec(1, 9)), 0)
			wantCount(t, e.store, 1, 1)
		}},
		{"Count leaves out what expired, within a minute", func(t tb, e env) {
			until := soon()
			for n := range 3 {
				create(t, e.store, expiring(of(appOne, e.rec(n, n)), until), 0)
			}
			create(t, e.store, of(appOne, e.rec(1, 9)), 0)
			wantCount(t, e.store, 4, 0)
			e.expire(until)
			if n := counted(t, e.store)[appOne]; n < 1 || n > 4 {
				t.Errorf("Count = %d right after the expiry, want 1 to 4", n)
			}
			create(t, e.store, of(appOne, e.rec(1, 8)), 0)
			wantDelete(t, e, of(appOne, e.rec(1, 9)).Key)
			wantDelete(t, e, of(appOne, e.rec(1, 1)).Key) // one that has expired
			if n := counted(t, e.store)[appOne]; n < 1 || n > 4 {
				t.Errorf("Count = %d right after the expiry, want 1 to 4", n)
			}
		}},
		{"Count agrees with List after logins and logouts at once", func(t tb, e env) {
			const users, limit = 4, 3
			user := func(n int) string { return of([]string{appOne, appTwo}[n%2], e.rec(n, 0)).User }
			together(16, func(worker int) {
				rnd := rand.New(rand.NewPCG(uint64(worker), 2))
				var mine []string
				for round := range 60 {
					n := rnd.IntN(users)
					r := e.rec(n, 100*worker+round) // a key is the name of one login
					r = of([]string{appOne, appTwo}[n%2], r)
					if err := e.store.Create(ctx, r, limit, nil); err != nil {
						t.Errorf("Create = %v, want nil", err)
					}
					mine = append(mine, r.Key)
					switch rnd.IntN(8) {
					case 0, 1, 2:
						wantDelete(t, e, mine[rnd.IntN(len(mine))])
					case 3:
						if _, err := e.store.DeleteUser(ctx, user(rnd.IntN(users))); err != nil {
							t.Errorf("DeleteUser = %v, want nil", err)
						}
					}
				}
			})
			var live [2]int
			for n := range users {
				list, err := e.store.List(ctx, user(n))
				if err != nil {
					t.Fatalf("List = %v, want nil", err)
				}
				live[n%2] += len(list)
			}
			wantCount(t, e.store, live[0], live[1])
		}},
	}
}

// counted is what a store counts; nil when it does not.
func counted(t tb, s session.Store) map[string]int {
	t.Helper()
	counts, err := s.(session.Counter).Count(ctx)
	if err != nil {
		t.Fatalf("Count = %v, want nil", err)
	}
	return counts
}

// wantCount demands how many sessions the two apps have, and that no other app
// has any.
func wantCount(t tb, s session.Store, one, two int) {
	t.Helper()
	got := counted(t, s)
	sum := 0
	for _, n := range got {
		sum += n
	}
	if got[appOne] != one || got[appTwo] != two || sum != one+two {
		t.Errorf("Count = %v, want %s", got, fmt.Sprint(map[string]int{appOne: one, appTwo: two}))
	}
}

// countPeerChecks are those between nodes.
func countPeerChecks() []check {
	return []check{{"between nodes: Count counts the sessions of both", func(t tb, e env) {
		for n := range 10 {
			create(t, []session.Store{e.store, e.other}[n%2], of(appOne, e.rec(n%3, n)), 0)
		}
		wantDelete(t, e, of(appOne, e.rec(1, 1)).Key)
		for _, s := range []session.Store{e.store, e.other} {
			if !within(grace, func() bool { return counted(t, s)[appOne] == 9 }) {
				wantCount(t, s, 9, 0)
			}
		}
		if _, err := e.other.DeleteUser(ctx, of(appOne, e.rec(0, 0)).User); err != nil {
			t.Fatalf("DeleteUser = %v, want nil", err)
		}
		if !within(grace, func() bool { return counted(t, e.store)[appOne] == 5 }) {
			wantCount(t, e.store, 5, 0)
		}
	}}}
}

// countingOnly leaves the checks of counting out for a store that does not count.
func countingOnly(list []check) []check {
	for i, ck := range list {
		list[i].run = func(t tb, e env) {
			if _, counts := e.store.(session.Counter); counts {
				ck.run(t, e)
			}
		}
	}
	return list
}
