// check.go: what a check is, and what all of them use.

package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// tb is the part of testing.TB that checks need. That it is so little lets the
// suite's own test run a check on a broken store and demand that it fails.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// check is one rule of the contract.
type check struct {
	rule string
	run  func(t tb, e env)
}

// env is what a check works with.
type env struct {
	store   session.Store
	other   session.Store        // the same data from another node; only for peerChecks
	forward func(time.Duration)  // lets time pass
	damage  func(session.Record) // spoils what the store keeps of it; only for damageChecks
	until   time.Time            // when what it makes expires: once for all, for it is compared
}

var ctx = context.Background()

func checks() []check {
	return slices.Concat(markChecks(), recordChecks(), expiryChecks(), limitChecks(), updateChecks(),
		userChecks(), leaseChecks(), valueChecks(), userValueChecks(), countingOnly(countChecks()), lockingOnly(lockChecks()), cancelChecks(), concurrencyChecks())
}

// expire lets time pass until the given moment is no longer in the future.
func (e env) expire(until time.Time) { e.forward(time.Until(until)) }

// soon is an expiry to wait for, later one to ignore. Both are whole seconds, as
// those of real sessions: a store may keep no more.
func soon() time.Time  { return time.Now().Truncate(time.Second).Add(2 * time.Second) }
func later() time.Time { return time.Now().Truncate(time.Second).Add(time.Hour) }
func past() time.Time  { return time.Now().Truncate(time.Second).Add(-time.Second) }

// name makes a user or the name of a mark or a value, of the form that the manager makes.
func name(kind string, n int) string {
	return (kind + fmt.Sprintf("%08d", n) + "_-AZaz09_-AZaz09_-")[:22]
}

// under makes a key of a user's record.
func under(user, kind string, n int) string {
	return user + (kind + fmt.Sprintf("%08d", n) + "_-AZaz")[:11]
}

// rec is a session of the user, issued n seconds after a fixed moment. It is the
// same each time a check asks for it, however long the store takes.
func (e env) rec(user, n int) session.Record {
	return session.Record{
		Key: under(name("u", user), "s", n), User: name("u", user),
		Value:    fmt.Appendf(nil, "user %d, session %d", user, n),
		IssuedAt: time.Unix(1_750_000_000+int64(n), 0), ExpiresAt: e.until,
	}
}

func expiring(r session.Record, at time.Time) session.Record {
	r.ExpiresAt = at
	return r
}

func create(t tb, s session.Store, r session.Record, limit int) {
	t.Helper()
	if err := s.Create(ctx, r, limit, nil); err != nil {
		t.Fatalf("Create = %v, want nil", err)
	}
}

func get(t tb, s session.Store, key string) (session.Record, *session.Lease) {
	t.Helper()
	r, lease, err := s.Get(ctx, key)
	if err != nil {
		t.Fatalf("Get(%q) = %v, want the record", key, err)
	}
	if lease == nil {
		t.Fatalf("Get(%q) gave no lease", key)
	}
	return r, lease
}

func wantAbsent(t tb, s session.Store, key, why string) {
	t.Helper()
	if _, _, err := s.Get(ctx, key); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("%s: Get(%q) = %v, want ErrNotFound", why, key, err)
	}
}

func wantRecord(t tb, got, want session.Record) {
	t.Helper()
	if got.Key != want.Key || got.User != want.User || string(got.Value) != string(want.Value) ||
		!got.IssuedAt.Equal(want.IssuedAt) || !got.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("record = %s, want %s", brief(got), brief(want))
	}
}

func brief(r session.Record) string {
	v := string(r.Value)
	if len(v) > 40 {
		v = fmt.Sprintf("%s… (%d bytes)", v[:40], len(v))
	}
	return fmt.Sprintf("{%s of %s, %q, %d to %d}", r.Key, r.User, v, r.IssuedAt.Unix(), r.ExpiresAt.Unix())
}

// wantList demands that the user's live sessions are these, in this order.
func wantList(t tb, s session.Store, user string, want ...session.Record) {
	t.Helper()
	got, err := s.List(ctx, user)
	if err != nil {
		t.Fatalf("List = %v, want nil", err)
	}
	keys := func(recs []session.Record) (k []string) {
		for _, r := range recs {
			k = append(k, r.Key)
		}
		return k
	}
	if !slices.Equal(keys(got), keys(want)) {
		t.Errorf("List = %q, want %q", keys(got), keys(want))
		return
	}
	for i := range got {
		wantRecord(t, got[i], want[i])
	}
}

// set returns a change that sets a value whatever it was.
func set(value string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(value), nil }
}

// plusOne counts in decimal; nil is zero.
func plusOne(old []byte) ([]byte, error) {
	n := 0
	if len(old) > 0 {
		if _, err := fmt.Sscanf(string(old), "%d", &n); err != nil {
			return nil, err
		}
	}
	return fmt.Appendf(nil, "%d", n+1), nil
}

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// within polls for as long as one node may take to see what another wrote.
func within(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// spin gives others a chance until ok, or long enough. It does not sleep: in a
// bubble time does not pass while another goroutine waits for a store's mutex.
func spin(ok func() bool) {
	for range 100_000 {
		if ok() {
			return
		}
		runtime.Gosched()
	}
}
