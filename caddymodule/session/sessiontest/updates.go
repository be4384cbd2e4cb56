// updates.go: the rules about changing a record.

package sessiontest

import (
	"errors"
	"sync/atomic"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func updateChecks() []check {
	return []check{
		{"Update changes the value and nothing else", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			create(t, e.store, e.rec(1, 2), 0)
			err := e.store.Update(ctx, r.Key, func(v []byte) ([]byte, error) {
				if string(v) != string(r.Value) {
					t.Errorf("change was given %q, want %q", v, r.Value)
				}
				return []byte("a rather longer value than the one before it"), nil
			})
			if err != nil {
				t.Fatalf("Update = %v, want nil", err)
			}
			r.Value = []byte("a rather longer value than the one before it")
			got, _ := get(t, e.store, r.Key)
			wantRecord(t, got, r)
			wantList(t, e.store, r.User, r, e.rec(1, 2))
		}},
		{"Update of what is not there is ErrNotFound and brings nothing", func(t tb, e env) {
			r := e.rec(1, 1)
			for _, why := range []string{"never created", "deleted"} {
				if err := e.store.Update(ctx, r.Key, set("risen")); !errors.Is(err, session.ErrNotFound) {
					t.Errorf("%s: Update = %v, want ErrNotFound", why, err)
				}
				wantAbsent(t, e.store, r.Key, why)
				wantList(t, e.store, r.User)
				create(t, e.store, r, 0)
				wantDelete(t, e, r.Key)
			}
		}},
		{"Update returns an error of change as it is and writes nothing", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			// an error of change is never taken for one of the store's own
			for _, own := range []error{errors.New("no"), session.ErrNotFound, session.ErrFull} {
				err := e.store.Update(ctx, r.Key, func([]byte) ([]byte, error) { return []byte("written"), own })
				if err != own {
					t.Errorf("Update = %v, want change's own %v", err, own)
				}
				got, _ := get(t, e.store, r.Key)
				wantRecord(t, got, r)
			}
		}},
		{"Update loses none of many at once", func(t tb, e env) {
			r := e.rec(1, 1)
			r.Value = []byte("0")
			create(t, e.store, r, 0)
			const workers, rounds = 20, 25
			together(workers, func(int) {
				for range rounds {
					if err := e.store.Update(ctx, r.Key, plusOne); err != nil {
						t.Errorf("Update = %v, want nil", err)
					}
				}
			})
			if got, _ := get(t, e.store, r.Key); string(got.Value) != "500" {
				t.Errorf("%d updates counted to %q", workers*rounds, got.Value)
			}
		}},
		// A logout meets the requests of the same session. It must win.
		{"Update never resurrects what Delete ended meanwhile", func(t tb, e env) {
			neverResurrects(t, e, func(r session.Record) error { return e.store.Delete(ctx, r.Key) })
		}},
		{"Update never resurrects what DeleteUser ended meanwhile", func(t tb, e env) {
			neverResurrects(t, e, func(r session.Record) error {
				_, err := e.store.DeleteUser(ctx, r.User)
				return err
			})
		}},
		{"Update never resurrects what was pushed out meanwhile", func(t tb, e env) {
			neverResurrects(t, e, func(r session.Record) error {
				next := r
				next.Key = under(r.User, "next", 1)
				return e.store.Create(ctx, next, 1, nil)
			})
		}},
		{"Update that began before a Delete does not write after it", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			// another goroutine: a store may hold the record while change runs
			inside, deleted := make(chan struct{}), make(chan error, 1)
			go func() {
				<-inside
				deleted <- e.store.Delete(ctx, r.Key)
			}()
			calls := 0
			err := e.store.Update(ctx, r.Key, func(v []byte) ([]byte, error) {
				if calls++; calls == 1 {
					close(inside)
					spin(func() bool { return len(deleted) == 1 })
				}
				return []byte("too late"), nil
			})
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Errorf("Update = %v, want nil or ErrNotFound", err)
			}
			if err := <-deleted; err != nil {
				t.Errorf("Delete = %v, want nil", err)
			}
			wantAbsent(t, e.store, r.Key, "deleted")
			wantList(t, e.store, r.User)
		}},
	}
}

// neverResurrects lets 1000 updates of a record meet what ends it.
func neverResurrects(t tb, e env, end func(session.Record) error) {
	for round := range 10 {
		r := e.rec(1+round, round)
		create(t, e.store, r, 0)
		var done atomic.Int32
		together(11, func(i int) {
			if i == 0 {
				spin(func() bool { return done.Load() >= int32(round) }) // now early, now late
				if err := end(r); err != nil {
					t.Errorf("ending = %v, want nil", err)
				}
				wantAbsent(t, e.store, r.Key, "ended while it was updated")
				return
			}
			for range 10 {
				err := e.store.Update(ctx, r.Key, set("changed"))
				if err != nil && !errors.Is(err, session.ErrNotFound) {
					t.Errorf("Update = %v, want nil or ErrNotFound", err)
				}
				done.Add(1)
			}
		})
		wantAbsent(t, e.store, r.Key, "ended, and all updates are done")
		wantDelete(t, e, under(r.User, "next", 1))
		wantList(t, e.store, r.User)
	}
}
