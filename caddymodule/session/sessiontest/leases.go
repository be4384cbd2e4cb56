// leases.go: the rules about when a lease ends.

package sessiontest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// enders are the calls that end the lease of a record, env.rec(1, 1).
var enders = []struct {
	call string
	run  func(s session.Store, r session.Record) error
}{
	{"Update", func(s session.Store, r session.Record) error { return s.Update(ctx, r.Key, set("changed")) }},
	{"Delete", func(s session.Store, r session.Record) error { return s.Delete(ctx, r.Key) }},
	{"DeleteUser", func(s session.Store, r session.Record) error {
		_, err := s.DeleteUser(ctx, r.User)
		return err
	}},
	{"Create under its key", func(s session.Store, r session.Record) error { return s.Create(ctx, r, 0, nil) }},
	{"Create under its key, already expired", func(s session.Store, r session.Record) error {
		return s.Create(ctx, expiring(r, past()), 0, nil)
	}},
	{"Create that pushes it out", func(s session.Store, r session.Record) error {
		r.Key = under(r.User, "next", 1)
		return s.Create(ctx, r, 1, nil)
	}},
}

func leaseChecks() []check {
	list := []check{
		{"a lease outlives every call that does not concern its record", func(t tb, e env) {
			// A lease may also end without need, now and then: it says "changed, or
			// may have been". One that always does is of no use.
			for range 10 {
				if staysLive(t, e) {
					return
				}
				e.forward(100 * time.Millisecond)
			}
			t.Errorf("no lease outlived calls that do not concern its record")
		}},
		{"a lease never comes back to life", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			_, first := get(t, e.store, r.Key)
			wantDelete(t, e, r.Key)
			create(t, e.store, r, 0)
			_, second := get(t, e.store, r.Key)
			if first.Live() {
				t.Errorf("the lease of the deleted record lives with the new one")
			}
			if !second.Live() {
				t.Errorf("the lease of the new record is over")
			}
		}},
		{"all leases of a record end, not the last one alone", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			leases := make([]*session.Lease, 20)
			for i := range leases {
				_, leases[i] = get(t, e.store, r.Key)
			}
			wantDelete(t, e, r.Key)
			for i, l := range leases {
				if l.Live() {
					t.Errorf("lease %d of %d still lives", i+1, len(leases))
				}
			}
		}},
		// A Get that read the record before a logout must not hand out a lease
		// that nobody ends.
		{"a lease that was handed out while its record ended is over", func(t tb, e env) {
			for n := range 50 {
				r := e.rec(1, n)
				create(t, e.store, r, 0)
				leases := make([]*session.Lease, 8)
				var read atomic.Int32
				together(len(leases)+1, func(i int) {
					if i == len(leases) {
						spin(func() bool { return read.Load() >= int32(n%len(leases)) }) // now early, now late
						if err := e.store.Delete(ctx, r.Key); err != nil {
							t.Errorf("Delete = %v, want nil", err)
						}
						return
					}
					_, l, err := e.store.Get(ctx, r.Key)
					read.Add(1)
					if err != nil && !errors.Is(err, session.ErrNotFound) {
						t.Errorf("Get = %v, want nil or ErrNotFound", err)
					}
					if err == nil {
						leases[i] = l
					}
				})
				for _, l := range leases {
					if l != nil && l.Live() {
						t.Errorf("round %d: a lease survived the Delete", n)
					}
				}
			}
		}},
	}
	for _, end := range enders {
		list = append(list, check{"a lease ends at once by " + end.call, func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			_, lease := get(t, e.store, r.Key)
			if !lease.Live() {
				// an echo of the Create may have ended it: once more
				e.forward(100 * time.Millisecond)
				_, lease = get(t, e.store, r.Key)
			}
			if !lease.Live() {
				t.Errorf("the lease was over before")
			}
			if err := end.run(e.store, r); err != nil {
				t.Fatalf("%s = %v, want nil", end.call, err)
			}
			if lease.Live() {
				t.Errorf("the lease still lives after %s", end.call)
			}
		}})
	}
	return list
}

// staysLive reports whether a lease outlived what does not concern its record.
func staysLive(t tb, e env) bool {
	t.Helper()
	r, stranger := e.rec(1, 5), e.rec(2, 1)
	create(t, e.store, r, 0)
	create(t, e.store, stranger, 0)
	_, lease := get(t, e.store, r.Key)
	get(t, e.store, r.Key)
	own := errors.New("refused")
	_, errMark := e.store.Mark(ctx, r.Key, later())
	_, errUser := e.store.DeleteUser(ctx, stranger.User)
	errOwn := e.store.Update(ctx, r.Key, func([]byte) ([]byte, error) { return nil, own })
	if !errors.Is(errOwn, own) {
		t.Errorf("Update = %v, want change's own error", errOwn)
	}
	err := errors.Join(errMark, errUser,
		e.store.Create(ctx, e.rec(2, 2), 1, nil),
		e.store.Delete(ctx, e.rec(1, 4).Key), // which is not there
		e.store.UpdateValue(ctx, r.Key, later(), set("value")),
	)
	if err != nil {
		t.Fatalf("unrelated calls = %v, want nil", err)
	}
	wantList(t, e.store, r.User, r)
	return lease.Live()
}
