// peers.go: the rules between nodes that share a store.

package sessiontest

import (
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// grace is how long one node may take to see what another wrote.
const grace = time.Second

func peerChecks() []check {
	list := []check{
		{"between nodes: Mark is true for exactly one call", func(t tb, e env) {
			for round := range 5 {
				if n := markTogether(t, 100, name("m", round), e.store, e.other); n != 1 {
					t.Errorf("round %d: %d calls were the first, want 1", round, n)
				}
			}
		}},
		{"between nodes: a session is good on the other within a second", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			if !within(grace, func() bool {
				_, _, err := e.other.Get(ctx, r.Key)
				return err == nil
			}) {
				t.Fatalf("the other node does not see the session")
			}
			got, _ := get(t, e.other, r.Key)
			wantRecord(t, got, r)
			wantList(t, e.other, r.User, r)
		}},
		{"between nodes: the limit counts sessions of both", func(t tb, e env) {
			for n := range 6 {
				create(t, []session.Store{e.store, e.other}[n%2], e.rec(1, n), 3)
			}
			want := []session.Record{e.rec(1, 3), e.rec(1, 4), e.rec(1, 5)}
			wantList(t, e.other, e.rec(1, 1).User, want...)
			wantList(t, e.store, e.rec(1, 1).User, want...)
		}},
		{"between nodes: Update loses none", func(t tb, e env) {
			r := e.rec(1, 1)
			r.Value = []byte("0")
			create(t, e.store, r, 0)
			together(10, func(i int) {
				for range 20 {
					if err := []session.Store{e.store, e.other}[i%2].Update(ctx, r.Key, plusOne); err != nil {
						t.Errorf("Update = %v, want nil", err)
					}
				}
			})
			for _, s := range []session.Store{e.store, e.other} {
				if !within(grace, func() bool {
					got, _, err := s.Get(ctx, r.Key)
					return err == nil && string(got.Value) == "200"
				}) {
					t.Errorf("200 updates were not counted to 200")
				}
			}
		}},
		{"between nodes: UpdateValue loses none", func(t tb, e env) {
			until := later()
			together(10, func(i int) {
				for range 20 {
					if err := []session.Store{e.store, e.other}[i%2].UpdateValue(ctx, name("v", 1), until, plusOne); err != nil {
						t.Errorf("UpdateValue = %v, want nil", err)
					}
				}
			})
			for _, s := range []session.Store{e.store, e.other} {
				if !within(grace, func() bool {
					got, err := s.Value(ctx, name("v", 1))
					return err == nil && string(got) == "200"
				}) {
					t.Errorf("200 updates were not counted to 200")
				}
			}
		}},
		{"between nodes: Update never resurrects what the other ended", func(t tb, e env) {
			for n := range 10 {
				r := e.rec(1, n)
				create(t, e.store, r, 0)
				together(5, func(i int) {
					if i == 0 {
						if err := e.store.Delete(ctx, r.Key); err != nil {
							t.Errorf("Delete = %v, want nil", err)
						}
						return
					}
					for range 10 {
						if err := e.other.Update(ctx, r.Key, set("changed")); err != nil && !errors.Is(err, session.ErrNotFound) {
							t.Errorf("Update = %v, want nil or ErrNotFound", err)
						}
					}
				})
				wantAbsent(t, e.store, r.Key, "deleted on this node")
				if !within(grace, func() bool { return gone(e.other, r.Key) }) {
					t.Errorf("the other node still has the session after a second")
				}
			}
		}},
		{"between nodes: DeleteUser ends what the other created", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 0)
			create(t, e.other, e.rec(1, 2), 0)
			if n, err := e.other.DeleteUser(ctx, e.rec(1, 1).User); n != 2 || err != nil {
				t.Errorf("DeleteUser = %d, %v, want 2, nil", n, err)
			}
			for n := 1; n <= 2; n++ {
				wantAbsent(t, e.other, e.rec(1, n).Key, "its user was deleted")
				if !within(grace, func() bool { return gone(e.store, e.rec(1, n).Key) }) {
					t.Errorf("the other node still has session %d after a second", n)
				}
			}
		}},
	}
	list = append(list, countingOnly(countPeerChecks())...)
	for _, end := range enders {
		list = append(list, check{"between nodes: a lease ends within a second by " + end.call + " on the other", func(t tb, e env) {
			r := e.rec(1, 1)
			create(t, e.store, r, 0)
			e.forward(100 * time.Millisecond) // an echo of the Create may end the first lease
			_, lease := get(t, e.store, r.Key)
			if !lease.Live() {
				t.Errorf("the lease was over before")
			}
			if err := end.run(e.other, r); err != nil {
				t.Fatalf("%s = %v, want nil", end.call, err)
			}
			if !within(grace, func() bool { return !lease.Live() }) {
				t.Errorf("the lease still lives a second after %s", end.call)
			}
		}})
	}
	return list
}

func gone(s session.Store, key string) bool {
	_, _, err := s.Get(ctx, key)
	return errors.Is(err, session.ErrNotFound)
}
