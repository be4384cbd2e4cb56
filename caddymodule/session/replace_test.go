package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func inPlaceOf(id session.Identity, s *session.Session) session.Identity {
	id.Replaces = s
	return id
}

// A session that a login replaces does not count for the user's limit.
func TestReplacedSessionCountsForNoLimit(t *testing.T) {
	m := newManager(t, newSpy(t)) // three for a user
	oldest, second, mine := login(t, m, alice), login(t, m, alice), login(t, m, alice)
	login(t, m, inPlaceOf(alice, mine))
	if err := m.End(ctx, mine.ID); err != nil { // as the caller of Login does
		t.Fatal(err)
	}
	for _, s := range []*session.Session{oldest, second} {
		if _, err := m.Get(ctx, s.ID); err != nil {
			t.Errorf("another device was logged out: %v", err)
		}
	}

	// bob's session buys alice no fourth place
	login(t, m, inPlaceOf(alice, login(t, m, bob)))
	if list, err := m.List(ctx, alice.AppID, alice.OpenID); err != nil || len(list) != 3 {
		t.Errorf("%d sessions (%v) with a limit of 3", len(list), err)
	}
}

// In a full store a login takes the room of the session that it replaces.
func TestLoginInFullStore(t *testing.T) {
	table := memorystore.New(memorystore.Limits{Sessions: 2})
	t.Cleanup(func() { table.Close() })
	m := session.NewManager(table, session.Options{Lifetime: time.Hour, PerUser: 10})
	other, mine := login(t, m, alice), login(t, m, bob)
	if _, err := m.Login(ctx, bob); !errors.Is(err, session.ErrFull) {
		t.Fatalf("Login in a full store = %v, want ErrFull", err)
	}
	if _, err := m.Get(ctx, mine.ID); err != nil {
		t.Errorf("a login that failed ended a session: %v", err)
	}
	fresh := login(t, m, inPlaceOf(bob, mine))
	if _, err := m.Get(ctx, mine.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the replaced session: %v, want ErrNotFound", err)
	}
	for _, s := range []*session.Session{other, fresh} {
		if _, err := m.Get(ctx, s.ID); err != nil {
			t.Errorf("a session is gone: %v", err)
		}
	}
	// one that is gone has no room to give
	if _, err := m.Login(ctx, inPlaceOf(bob, mine)); !errors.Is(err, session.ErrFull) {
		t.Errorf("Login in place of an ended session = %v, want ErrFull", err)
	}
}
