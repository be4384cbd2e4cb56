// manager_test.go: logins, sessions and their ends, over the memory store.

package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var (
	ctx   = context.Background()
	alice = session.Identity{AppID: "wx0123456789abcdef", OpenID: "oALICE", UnionID: "unALICE", SessionKey: "a2V5LW9uZS1rZXktb25lLQ=="}
	bob   = session.Identity{AppID: "wx0123456789abcdef", OpenID: "oBOB", SessionKey: "a2V5LWJvYi1rZXktYm9iLQ=="}
)

func newManager(t *testing.T, s session.Store) *session.Manager {
	t.Helper()
	return session.NewManager(s, session.Options{Lifetime: time.Hour, PerUser: 3})
}

func login(t *testing.T, m *session.Manager, id session.Identity) *session.Session {
	t.Helper()
	s, err := m.Login(ctx, id)
	if err != nil {
		t.Fatalf("Login = %v, want a session", err)
	}
	return s
}

func TestLoginGetEnd(t *testing.T) {
	m := newManager(t, newSpy(t))
	s := login(t, m, alice)
	if !session.ValidID(s.ID) || s.AppID != alice.AppID || s.OpenID != alice.OpenID || s.UnionID != alice.UnionID ||
		s.ExpiresAt.Sub(s.IssuedAt) != time.Hour || s.IssuedAt.Nanosecond()%1e6 != 0 {
		t.Fatalf("Login = %+v", s)
	}
	h, err := m.Get(ctx, s.ID)
	if err != nil || h.ID != s.ID || h.OpenID != s.OpenID || h.UnionID != s.UnionID ||
		!h.IssuedAt.Equal(s.IssuedAt) || !h.ExpiresAt.Equal(s.ExpiresAt) {
		t.Fatalf("Get = %+v, %v, want what Login gave", h, err)
	}
	for range 2 { // ending one that is gone succeeds
		if err := m.End(ctx, s.ID); err != nil {
			t.Errorf("End = %v, want nil", err)
		}
		if _, err := m.Get(ctx, s.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Get after End = %v, want ErrNotFound", err)
		}
	}
}

func TestListEndUserAndPerUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newSpy(t))
		var want []string
		for range 5 {
			want = append(want, login(t, m, alice).ID)
			time.Sleep(time.Second)
		}
		other := login(t, m, bob)
		list, err := m.List(ctx, alice.AppID, alice.OpenID)
		var got []string
		for _, s := range list {
			got = append(got, s.ID)
		}
		if err != nil || !slices.Equal(got, want[2:]) {
			t.Errorf("List = %q, %v, want the newest three %q", got, err, want[2:])
		}
		if n, err := m.EndUser(ctx, alice.AppID, alice.OpenID); n != 3 || err != nil {
			t.Errorf("EndUser = %d, %v, want 3, nil", n, err)
		}
		if n, err := m.EndUser(ctx, alice.AppID, alice.OpenID); n != 0 || err != nil {
			t.Errorf("EndUser again = %d, %v, want 0, nil", n, err)
		}
		if _, err := m.Get(ctx, other.ID); err != nil {
			t.Errorf("another user's session: %v", err)
		}
		// a user of another app has the same openid only by chance
		if n, err := m.EndUser(ctx, "wxffffffffffffffff", bob.OpenID); n != 0 || err != nil {
			t.Errorf("EndUser of another app = %d, %v, want 0, nil", n, err)
		}
	})
}

func TestUpdateKeepsIdentityAndTimes(t *testing.T) {
	m := newManager(t, newSpy(t))
	s := login(t, m, alice)
	after, err := m.Update(ctx, s.ID, func(c *session.Session) error {
		c.ID, c.AppID, c.OpenID = "x", "y", bob.OpenID
		c.ExpiresAt, c.IssuedAt = c.ExpiresAt.Add(time.Hour), c.IssuedAt.Add(time.Hour)
		c.Phone = &session.Phone{PhoneNumber: "+85212345678", PurePhoneNumber: "12345678", CountryCode: "852"}
		c.UserInfo = []byte(`{"nickName":"A"}`)
		c.DataFailures++
		return nil
	})
	if err != nil || after.DataFailures != 1 {
		t.Fatalf("Update = %+v, %v", after, err)
	}
	h, err := m.Get(ctx, s.ID)
	if err != nil || h.ID != s.ID || h.OpenID != alice.OpenID || h.AppID != alice.AppID || !h.ExpiresAt.Equal(s.ExpiresAt) ||
		!h.IssuedAt.Equal(s.IssuedAt) || h.Phone == nil || h.Phone.CountryCode != "852" || string(h.UserInfo) != `{"nickName":"A"}` || h.DataFailures != 1 {
		t.Errorf("Get = %+v, %v, want the change, but the same identity and times", h, err)
	}
	refused := errors.New("refused")
	if _, err := m.Update(ctx, s.ID, func(c *session.Session) error { c.DataFailures = 9; return refused }); err != refused {
		t.Errorf("Update = %v, want change's own error", err)
	}
	if h, _ := m.Get(ctx, s.ID); h.DataFailures != 1 {
		t.Errorf("a refused change was written")
	}
	if err := m.End(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Update(ctx, s.ID, func(*session.Session) error { return nil }); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Update after End = %v, want ErrNotFound", err)
	}
}

// A store (or its client library) mixes up two answers: alice asks and gets
// bob's record. She must not become bob; what she holds names no session then.
func TestRecordOfAnotherIsRefused(t *testing.T) {
	store := newSpy(t)
	m := newManager(t, store)
	a, b := login(t, m, alice), login(t, m, bob)
	var other session.Record
	store.onGet = func(r session.Record) session.Record { other = r; return r }
	if _, err := m.Get(ctx, b.ID); err != nil {
		t.Fatal(err)
	}
	for what, swap := range map[string]func(session.Record) session.Record{
		"another's record":              func(session.Record) session.Record { return other },
		"another's value":               func(r session.Record) session.Record { r.Value = other.Value; return r },
		"another's user":                func(r session.Record) session.Record { r.User = other.User; return r },
		"no form of ours":               func(r session.Record) session.Record { r.Value = []byte("oALICE {"); return r },
		"nothing":                       func(r session.Record) session.Record { r.Value = nil; return r },
		"an object of another kind":     func(r session.Record) session.Record { r.Value = []byte(`{"n":"key"}`); return r },
		"half of it":                    func(r session.Record) session.Record { r.Value = r.Value[:len(r.Value)/2]; return r },
		"more than all":                 func(r session.Record) session.Record { r.Value = append(slices.Clone(r.Value), 0); return r },
		"a name longer than the record": func(r session.Record) session.Record { r.Value = []byte{1, 0, 0xff, 0x7f, 'o'}; return r },
	} {
		store.onGet = swap
		h, err := m.Get(ctx, a.ID)
		if !errors.Is(err, session.ErrNotFound) || h != nil {
			t.Errorf("%s: Get = %v, %v, want ErrNotFound", what, h, err)
		}
		if err != nil && strings.Contains(err.Error(), "oALICE") {
			t.Errorf("%s: the error %q names the user", what, err)
		}
	}
	store.onList = func(recs []session.Record) { recs[0] = other }
	if list, err := m.List(ctx, alice.AppID, alice.OpenID); err != nil || len(list) != 0 {
		t.Errorf("List of another's record = %v, %v, want none", list, err)
	}
}

// The handle is what saves the gateway a question per request: it must know at
// once when the answer changed.
func TestHandleLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newSpy(t))
		get := func(id string) *session.Handle {
			t.Helper()
			h, err := m.Get(ctx, id)
			if err != nil || !h.Live(time.Now()) {
				t.Fatalf("Get = %v, %v, want a live handle", h, err)
			}
			return h
		}
		s := login(t, m, alice)
		h := get(s.ID)
		if _, err := m.Update(ctx, s.ID, func(c *session.Session) error { c.DataFailures++; return nil }); err != nil {
			t.Fatal(err)
		}
		if h.Live(time.Now()) || h.DataFailures != 0 {
			t.Errorf("after Update: live %v, failures %d, want an old handle that is over and unchanged", h.Live(time.Now()), h.DataFailures)
		}
		h = get(s.ID)
		if h.DataFailures != 1 {
			t.Errorf("a new handle has %d failures, want 1", h.DataFailures)
		}
		if err := m.End(ctx, s.ID); err != nil || h.Live(time.Now()) {
			t.Errorf("after End = %v: the handle lives: %v", err, h.Live(time.Now()))
		}

		s = login(t, m, alice)
		h = get(s.ID)
		time.Sleep(time.Until(s.ExpiresAt) - 1)
		get(s.ID)
		if !h.Live(time.Now()) {
			t.Error("over a nanosecond before its expiry")
		}
		time.Sleep(1)
		if h.Live(time.Now()) {
			t.Error("lives at its expiry")
		}
		if _, err := m.Get(ctx, s.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Get at the expiry = %v, want ErrNotFound", err)
		}
	})
}

// A store whose clock is behind still has the record; the manager's clock rules.
func TestExpiryByTheManagersClock(t *testing.T) {
	now := time.Now()
	m := session.NewManager(newSpy(t), session.Options{Lifetime: time.Minute, Now: func() time.Time { return now }})
	s := login(t, m, alice)
	now = s.ExpiresAt
	if _, err := m.Get(ctx, s.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	if list, err := m.List(ctx, alice.AppID, alice.OpenID); len(list) != 0 || err != nil {
		t.Errorf("List = %d, %v, want 0, nil", len(list), err)
	}
}

func TestRedeemCodeOnce(t *testing.T) {
	store := newSpy(t)
	m := newManager(t, store)
	var firsts atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			first, err := m.RedeemCode(ctx, alice.AppID, "code-1")
			if err != nil {
				t.Errorf("RedeemCode = %v, want nil", err)
			}
			if first {
				firsts.Add(1)
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d attempts were the first, want 1", firsts.Load())
	}
	store.onMark = func(key string, until time.Time) {
		if strings.Contains(key, "code") || time.Until(until) < 5*time.Minute {
			t.Errorf("Mark(%q, in %v), want a hash, kept for longer than a code lives", key, time.Until(until))
		}
	}
	for _, other := range [][2]string{{alice.AppID, "code-2"}, {"wxffffffffffffffff", "code-1"}} {
		if first, err := m.RedeemCode(ctx, other[0], other[1]); !first || err != nil {
			t.Errorf("RedeemCode(%q) = %v, %v, want true, nil", other, first, err)
		}
	}
}

// The client goes away while its login is being written. It is made whole, or
// it is not made: never a session whose key is missing.
func TestClientThatGoesAwayLeavesNoHalfLogin(t *testing.T) {
	store := newSpy(t)
	m := newManager(t, store)
	canceled, cancel := context.WithCancel(ctx)
	store.onCreate = func(ctx context.Context, _ session.Record) error {
		cancel()
		return ctx.Err()
	}
	s, err := m.Login(canceled, alice)
	if err != nil {
		t.Fatalf("Login = %v, want a session: its writes must not be given up halfway", err)
	}
	if _, err := m.Get(ctx, s.ID); err != nil {
		t.Errorf("Get = %v, want the session", err)
	}
	if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); len(keys) != 1 || err != nil {
		t.Errorf("%d session keys, %v, want 1, nil", len(keys), err)
	}
	if err := m.End(canceled, s.ID); err != nil {
		t.Errorf("End by a client that is gone = %v, want nil: it was logged out", err)
	}
	if _, err := m.Get(ctx, s.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}

	outage := errors.New("disk on fire")
	store.onCreate = func(context.Context, session.Record) error { return outage }
	if s, err := m.Login(ctx, bob); s != nil || !errors.Is(err, outage) || strings.Contains(fmt.Sprint(err), bob.OpenID) {
		t.Errorf("Login = %v, %v, want the store's error and no session", s, err)
	}
	if list, err := m.List(ctx, bob.AppID, bob.OpenID); len(list) != 0 || err != nil {
		t.Errorf("List = %d, %v, want 0, nil", len(list), err)
	}
}
