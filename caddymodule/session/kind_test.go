// kind_test.go: sessions of every kind of app, and logins that bring no session key.

package session_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestKindLastsAsLongAsTheSession(t *testing.T) {
	for _, kind := range []session.Kind{session.Mini, session.Official, session.Website, session.Mobile} {
		m := newManager(t, newSpy(t))
		id := alice
		id.Kind = kind
		s := login(t, m, id)
		h, err := m.Get(ctx, s.ID)
		if err != nil || s.Kind != kind || h.Kind != kind {
			t.Fatalf("a login of kind %q made a session of kind %q and is read as %+v, %v", kind, s.Kind, h, err)
		}
		after, err := m.Update(ctx, s.ID, func(s *session.Session) error {
			s.Kind, s.UnionID = session.Kind("other"), "unNEW"
			return nil
		})
		if err != nil || after.Kind != kind || after.UnionID != "unNEW" {
			t.Errorf("Update of kind %q = %+v, %v: the kind must stay what it was", kind, after, err)
		}
		if list, err := m.List(ctx, id.AppID, id.OpenID); err != nil || len(list) != 1 || list[0].Kind != kind {
			t.Errorf("List of kind %q = %+v, %v", kind, list, err)
		}
	}
}

func TestLoginWithoutKeyKeepsNone(t *testing.T) {
	m := newManager(t, newSpy(t))
	id := alice
	id.Kind, id.SessionKey = session.Official, ""
	login(t, m, id)
	if keys, err := m.SessionKeys(ctx, id.AppID, id.OpenID); len(keys) != 0 || err != nil {
		t.Errorf("SessionKeys after a login without a key = %d keys, %v, want none, nil", len(keys), err)
	}
	login(t, m, alice)
	for range 2 { // must not take the user's key away
		login(t, m, id)
	}
	if keys, err := m.SessionKeys(ctx, id.AppID, id.OpenID); len(keys) != 1 || err != nil {
		t.Errorf("SessionKeys after logins with and without a key = %d keys, %v, want 1, nil", len(keys), err)
	}
	next := alice
	next.SessionKey = "bmV4dC1rZXktbmV4dC1rZQ=="
	login(t, m, next)
	if keys, err := m.SessionKeys(ctx, id.AppID, id.OpenID); len(keys) != 2 || err != nil {
		t.Errorf("SessionKeys = %d keys, %v, want the newest and the one before, nil", len(keys), err)
	}
}

func TestKindInWords(t *testing.T) {
	for kind, want := range map[session.Kind]string{
		"": "mini program", session.Mini: "mini program", session.Official: "Official Account",
		session.Website: "website", session.Mobile: "mobile app", "other": "other",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%q).String() = %q, want %q", string(kind), got, want)
		}
	}
}
