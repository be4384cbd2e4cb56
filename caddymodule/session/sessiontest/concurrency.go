// concurrency.go: everything at once, and what must be true afterwards.

package sessiontest

import (
	"errors"
	"math/rand/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func concurrencyChecks() []check {
	return []check{
		{"all methods at once leave records and users in agreement", func(t tb, e env) {
			const users, each, limit = 3, 8, 4
			together(16, func(worker int) {
				rnd := rand.New(rand.NewPCG(uint64(worker), 1))
				for range 150 {
					r := e.rec(rnd.IntN(users), rnd.IntN(each))
					if err := anyCall(rnd.IntN(8), e.store, r, limit); err != nil && !errors.Is(err, session.ErrNotFound) {
						t.Errorf("a call failed: %v", err)
					}
				}
			})
			for u := range users {
				user := e.rec(u, 0).User
				list, err := e.store.List(ctx, user)
				if err != nil || len(list) > limit {
					t.Fatalf("List = %d sessions, %v, want at most %d, nil", len(list), err, limit)
				}
				for _, r := range list {
					got, lease := get(t, e.store, r.Key)
					wantRecord(t, got, r)
					if got.User != user || !lease.Live() {
						t.Errorf("%s is listed for %s, its lease lives: %v", brief(got), user, lease.Live())
					}
				}
				var mine []session.Record
				for n := range each {
					mine = append(mine, e.rec(u, n))
				}
				wantConsistent(t, e.store, user, mine...)
			}
		}},
	}
}

// anyCall makes one of the calls with the record.
func anyCall(which int, s session.Store, r session.Record, limit int) error {
	switch which {
	case 0, 1, 2:
		return s.Create(ctx, r, limit, nil)
	case 3:
		_, _, err := s.Get(ctx, r.Key)
		return err
	case 4:
		return s.Update(ctx, r.Key, func(v []byte) ([]byte, error) { return append(v[:len(v):len(v)], '+'), nil })
	case 5:
		return s.Delete(ctx, r.Key)
	case 6:
		_, err := s.List(ctx, r.User)
		return err
	default:
		_, err := s.DeleteUser(ctx, r.User)
		return err
	}
}
