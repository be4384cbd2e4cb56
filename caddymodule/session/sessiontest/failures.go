// failures.go: a call that was given up, and a store that cannot answer.

package sessiontest

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// calls are all methods with arguments that would succeed.
var calls = []struct {
	method string
	run    func(ctx context.Context, e env) error
}{
	{"Mark", func(ctx context.Context, e env) error {
		first, err := e.store.Mark(ctx, name("m", 1), later())
		if first && err != nil {
			return errors.New("first is true beside an error")
		}
		return err
	}},
	{"Create", func(ctx context.Context, e env) error { return e.store.Create(ctx, e.rec(1, 9), 2, nil) }},
	{"Get", func(ctx context.Context, e env) error {
		_, _, err := e.store.Get(ctx, e.rec(1, 1).Key)
		return err
	}},
	{"Update", func(ctx context.Context, e env) error {
		return e.store.Update(ctx, e.rec(1, 1).Key, set("changed"))
	}},
	{"Delete", func(ctx context.Context, e env) error { return e.store.Delete(ctx, e.rec(1, 1).Key) }},
	{"List", func(ctx context.Context, e env) error {
		_, err := e.store.List(ctx, e.rec(1, 1).User)
		return err
	}},
	{"DeleteUser", func(ctx context.Context, e env) error {
		_, err := e.store.DeleteUser(ctx, e.rec(1, 1).User)
		return err
	}},
	{"Value", func(ctx context.Context, e env) error {
		_, err := e.store.Value(ctx, name("v", 1))
		return err
	}},
	{"UpdateValue", func(ctx context.Context, e env) error {
		return e.store.UpdateValue(ctx, name("v", 1), later(), set("changed"))
	}},
}

// cancelChecks: the client goes away. That is no absence, and nothing may be
// left half done, though the call as a whole may have happened.
func cancelChecks() (list []check) {
	for _, call := range calls {
		list = append(list, check{call.method + " with a context that is done is its error, and no half of it", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 0)
			create(t, e.store, e.rec(1, 2), 0)
			update(t, e, name("v", 1), later(), set("value"))
			canceled, cancel := context.WithCancel(ctx)
			cancel()
			if err := call.run(canceled, e); !errors.Is(err, context.Canceled) || errors.Is(err, session.ErrNotFound) {
				t.Errorf("canceled %s = %v, want context.Canceled", call.method, err)
			}
			late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
			defer cancel()
			if err := call.run(late, e); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, session.ErrNotFound) {
				t.Errorf("late %s = %v, want context.DeadlineExceeded", call.method, err)
			}
			wantConsistent(t, e.store, e.rec(1, 1).User, e.rec(1, 1), e.rec(1, 2), e.rec(1, 9))
		}})
	}
	return list
}

// wantConsistent demands that Get and List tell the same of the user's sessions,
// and that DeleteUser finds them all.
func wantConsistent(t tb, s session.Store, user string, recs ...session.Record) {
	t.Helper()
	listed, err := s.List(ctx, user)
	if err != nil {
		t.Fatalf("List = %v, want nil", err)
	}
	values := map[string]string{}
	for _, r := range listed {
		values[r.Key] = string(r.Value)
	}
	for _, want := range recs {
		got, _, err := s.Get(ctx, want.Key)
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			t.Fatalf("Get = %v, want nil or ErrNotFound", err)
		}
		if value, in := values[want.Key]; in != (err == nil) || value != string(got.Value) {
			t.Errorf("%s: Get = %q, %v, but List has %q, %v", want.Key, got.Value, err, value, in)
		}
	}
	if n, err := s.DeleteUser(ctx, user); n != len(listed) || err != nil {
		t.Errorf("DeleteUser = %d, %v, want %d, nil", n, err, len(listed))
	}
	for _, want := range recs {
		wantAbsent(t, s, want.Key, "its user was deleted")
	}
}

// unreachableChecks: an outage that looks like absence logs everybody out.
func unreachableChecks() (list []check) {
	for _, call := range calls {
		list = append(list, check{call.method + " of a store that cannot answer is an error, and not ErrNotFound", func(t tb, e env) {
			limited, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if err := call.run(limited, e); err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrFull) {
				t.Errorf("%s = %v, want an error that means: could not answer", call.method, err)
			}
		}})
	}
	return list
}
