package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func loggedIn(t *testing.T, m *session.Manager) *session.Handle {
	t.Helper()
	s, err := m.Login(t.Context(), session.Identity{AppID: "wx0123456789abcdef", OpenID: "o", SessionKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := m.Get(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestKeptEndsWithItsLease(t *testing.T) {
	m := newManager(t, newSpy(t))
	ends := map[string]func(ctx context.Context, id string) error{
		"ended": m.End,
		"changed": func(ctx context.Context, id string) error {
			_, err := m.Update(ctx, id, func(*session.Session) error { return nil })
			return err
		},
	}
	for name, end := range ends {
		h := loggedIn(t, m)
		var before, kept, late session.Kept
		if kept.Live(time.Now()) {
			t.Error("what keeps no session is alive")
		}
		h.Keep(&before)
		h.Keep(&kept)
		if before.Live(time.Now()) {
			t.Errorf("%s: two are told of one lease's end; nobody will tell the first", name)
		}
		if !kept.Live(time.Now()) || kept.ID != h.ID {
			t.Errorf("%s: a live session is not kept", name)
		}
		if kept.Live(h.ExpiresAt) || !kept.Live(h.ExpiresAt.Add(-time.Second)) {
			t.Errorf("%s: a kept session does not end when it expires", name)
		}
		if err := end(t.Context(), h.ID); err != nil {
			t.Fatal(err)
		}
		h.Keep(&late)
		for _, k := range []*session.Kept{&kept, &late} {
			if k.Live(time.Now()) {
				t.Errorf("%s: a kept session lives on", name)
			}
		}
	}
}

// An end at the very moment of the keeping must reach it.
func TestKeptInTheMomentOfTheEnd(t *testing.T) {
	m := newManager(t, newSpy(t))
	for range 2000 {
		h := loggedIn(t, m)
		var kept [2]session.Kept
		var wg sync.WaitGroup
		for i := range kept {
			wg.Go(func() { h.Keep(&kept[i]) })
		}
		if err := m.End(t.Context(), h.ID); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		for i := range kept {
			if kept[i].Live(time.Now()) {
				t.Fatal("a session that ended while it was kept lives on")
			}
		}
	}
}
