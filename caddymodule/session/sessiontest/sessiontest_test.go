// sessiontest_test.go: the suite passes a good store and fails every bad one.

package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// recorder is the tb of a check that may fail without failing the test.
type recorder struct {
	mu       sync.Mutex
	failures []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failures runs one check in a bubble and returns what it complained about.
func failures(t *testing.T, ck check, spoil func(session.Store) (one, other session.Store)) []string {
	t.Helper()
	var rec recorder
	synctest.Test(t, func(*testing.T) {
		table := memorystore.New(memorystore.Limits{})
		defer table.Close()
		one, other := spoil(table)
		done := make(chan struct{})
		go func() {
			defer close(done)
			ck.run(&rec, env{store: one, other: other, forward: time.Sleep, until: later()})
		}()
		<-done
	})
	return rec.failures
}

func find(t *testing.T, rule string) check {
	t.Helper()
	for _, ck := range slices.Concat(checks(), peerChecks(), unreachableChecks()) {
		if ck.rule == rule {
			return ck
		}
	}
	t.Fatalf("no check %q", rule)
	return check{}
}

// Each broken store of broken_test.go must be caught by the rule that names its
// fault; the same rule must pass the store that it was made from.
func TestSuiteFailsBrokenStores(t *testing.T) {
	for _, b := range broken {
		for _, rule := range b.caught {
			t.Run(b.fault+"/"+rule, func(t *testing.T) {
				ck := find(t, rule)
				spoil := func(s session.Store) (session.Store, session.Store) {
					bad := b.spoil(s)
					return bad, bad
				}
				if b.other != nil {
					spoil = func(s session.Store) (session.Store, session.Store) { return s, b.other(s) }
				}
				if len(failures(t, ck, spoil)) == 0 {
					t.Errorf("the check passed a store with the fault: %s", b.fault)
				}
				if strings.Contains(rule, "cannot answer") {
					return // a good store that cannot answer is not a table in memory
				}
				good := func(s session.Store) (session.Store, session.Store) { return s, s }
				if f := failures(t, ck, good); len(f) > 0 {
					t.Errorf("the check failed a good store: %q", f)
				}
			})
		}
	}
}

// A networked store on a busy machine takes seconds for what is a moment in
// memory. That is no fault: what is compared is not made by the clock.
func TestSuitePassesASlowStore(t *testing.T) {
	for _, ck := range slices.Concat(recordChecks(), limitChecks(), userChecks(), updateChecks(), countChecks()) {
		if strings.Contains(ck.rule, "expire") {
			continue // there the clock is the matter
		}
		t.Run(ck.rule, func(t *testing.T) {
			slow := func(s session.Store) (session.Store, session.Store) {
				bad := &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
					time.Sleep(700 * time.Millisecond)
					return s.Create(ctx, r, limit, nil)
				}}
				counting := miscounting{bad, s.(session.Counter).Count}
				return counting, counting
			}
			if f := failures(t, ck, slow); len(f) > 0 {
				t.Errorf("the check failed a slow store: %q", f)
			}
		})
	}
}

// A check that no broken store was caught by is one that may be unable to fail.
func TestEveryKindOfCheckIsProven(t *testing.T) {
	proven := map[string]bool{}
	for _, b := range broken {
		for _, rule := range b.caught {
			proven[rule] = true
		}
	}
	for name, list := range map[string][]check{
		"marks": markChecks(), "records": recordChecks(), "expiry": expiryChecks(), "limits": limitChecks(),
		"updates": updateChecks(), "users": userChecks(), "leases": leaseChecks(), "values": valueChecks(), "user values": userValueChecks(), "counts": countChecks(), "locks": lockChecks(),
		"cancel": cancelChecks(), "concurrency": concurrencyChecks(), "peers": peerChecks(), "unreachable": unreachableChecks(),
	} {
		n := 0
		for _, ck := range list {
			if proven[ck.rule] {
				n++
			}
		}
		if n == 0 {
			t.Errorf("no check of %s was seen to fail", name)
		}
	}
}

// spoilable is a store in which records can be damaged.
type spoilable struct {
	session.Store
	bad map[string]bool
}

func (s spoilable) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	if s.bad[key] {
		return session.Record{}, nil, session.ErrForged
	}
	return s.Store.Get(ctx, key)
}

func (s spoilable) damage(r session.Record) {
	s.bad[r.Key] = true
	_ = s.Store.Delete(ctx, r.Key)
}

func (s spoilable) Create(ctx context.Context, r session.Record, limit int, value func([]byte) ([]byte, error)) error {
	delete(s.bad, r.Key)
	return s.Store.Create(ctx, r, limit, value)
}

// The checks of damage pass a store for which what is damaged is absent, and fail
// those that fail by it, lock its user out, or count it.
func TestDamageChecks(t *testing.T) {
	outage := errors.New("the disk is damaged")
	for fault, spoil := range map[string]func(s spoilable) session.Store{
		"": func(s spoilable) session.Store { return s },
		"Get fails": func(s spoilable) session.Store {
			return &faulty{Store: s, get: func(ctx context.Context, key string) (session.Record, *session.Lease, error) {
				r, l, err := s.Get(ctx, key)
				if errors.Is(err, session.ErrForged) {
					err = outage
				}
				return r, l, err
			}}
		},
		"List fails": func(s spoilable) session.Store {
			return &faulty{Store: s, list: func(ctx context.Context, user string) ([]session.Record, error) {
				if len(s.bad) > 0 {
					return nil, outage
				}
				return s.List(ctx, user)
			}}
		},
		"its user cannot log in": func(s spoilable) session.Store {
			return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
				if len(s.bad) > 0 {
					return outage
				}
				return s.Create(ctx, r, limit, nil)
			}}
		},
		"it counts for the limit": func(s spoilable) session.Store {
			return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
				return s.Create(ctx, r, limit-len(s.bad), nil)
			}}
		},
		"DeleteUser fails": func(s spoilable) session.Store {
			return &faulty{Store: s, deleteUser: func(ctx context.Context, user string) (int, error) {
				if len(s.bad) > 0 {
					return 0, outage
				}
				return s.DeleteUser(ctx, user)
			}}
		},
	} {
		failed := 0
		for _, ck := range damageChecks() {
			var rec recorder
			synctest.Test(t, func(*testing.T) {
				table := memorystore.New(memorystore.Limits{})
				defer table.Close()
				good := spoilable{table, map[string]bool{}}
				done := make(chan struct{})
				go func() {
					defer close(done)
					ck.run(&rec, env{store: spoil(good), damage: good.damage, forward: time.Sleep, until: later()})
				}()
				<-done
			})
			if fault == "" && len(rec.failures) > 0 {
				t.Errorf("%s: failed a good store: %q", ck.rule, rec.failures)
			}
			failed += len(rec.failures)
		}
		if fault != "" && failed == 0 {
			t.Errorf("no check of damage caught: %s", fault)
		}
	}
}

func TestRulesHaveDistinctNames(t *testing.T) {
	seen := map[string]bool{}
	for _, ck := range slices.Concat(checks(), peerChecks(), unreachableChecks()) {
		if seen[ck.rule] {
			t.Errorf("two checks are called %q", ck.rule)
		}
		seen[ck.rule] = true
	}
}
