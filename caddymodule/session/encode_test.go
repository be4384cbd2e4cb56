// encode_test.go: what stores keep of a session: short, and readable for as long as it lives.

package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A hundred million sessions are kept in memory: what one takes is a promise.
func TestStoredSessionIsShort(t *testing.T) {
	store := newSpy(t)
	m := session.NewManager(store, session.Options{Lifetime: 24 * time.Hour})
	var size int
	store.onCreate = func(_ context.Context, r session.Record) error { size = len(r.Value); return nil }
	login(t, m, session.Identity{AppID: "wx0123456789abcdef", OpenID: "oABCDEFGHIJKLMNOPQRSTUVWXYZ_", UnionID: "oabcdefghijklmnopqrstuvwxyz-"})
	if size > 66 {
		t.Errorf("a session with a unionid is kept in %d bytes, want at most 66", size)
	}
}

// Whatever WeChat calls its users comes back as it was.
func TestNamesComeBackAsTheyWere(t *testing.T) {
	m := newManager(t, newSpy(t))
	for _, app := range []string{"wx0123456789abcdef", "wx0123456789ABCDEF", "wx0123456789abcdeg", "tt12", "a"} {
		for _, name := range []string{"o", "oABC", "oAB=", "oAA==", "o+/A", "oABCDEFGHIJKLMNOPQRSTUVWXYZ_", "oABCD", "öpenid", "\x00\xff", strings.Repeat("o", 300), "QQ==", "QR=="} {
			s := login(t, m, session.Identity{AppID: app, OpenID: name, UnionID: name, SessionKey: name})
			h, err := m.Get(ctx, s.ID)
			if err != nil || h.AppID != app || h.OpenID != name || h.UnionID != name {
				t.Errorf("%q of %q came back as %+v, %v", name, app, h, err)
			}
			if keys, err := m.SessionKeys(ctx, app, name); err != nil || len(keys) != 1 || keys[0] != name {
				t.Errorf("the session key %q came back as %q, %v", name, keys, err)
			}
		}
	}
}

// A gateway is updated: who was logged in stays so. The record is one that the
// version before wrote.
func TestSessionsOfTheVersionBeforeLiveOn(t *testing.T) {
	now := time.Now()
	store := newSpy(t)
	db, err := localstore.Open(filepath.Join(t.TempDir(), "sessions.db"), localstore.Options{}) // memory lasts no longer than a version
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store.Store = db
	m := newManager(t, store)
	const id = "AAAAAAAAAAAAAAAAAAAAAA"
	for kind, want := range map[string]session.Kind{"": session.Mini, `,"k":"o"`: session.Official, `,"k":"w"`: session.Website, `,"k":"m"`: session.Mobile} {
		value := fmt.Sprintf(`{"s":%q,"a":%q,"o":%q%s,"u":"unALICE","i":%d,"e":%d,"n":{"nickName":"A"},"f":3}`,
			id, alice.AppID, alice.OpenID, kind, now.UnixMilli(), now.Add(time.Hour).UnixMilli())
		old := session.Record{Key: session.OldKey("session", id), User: session.UserKey(alice.AppID, alice.OpenID), Value: []byte(value), IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
		if err := store.Store.Create(ctx, old, 0, nil); err != nil {
			t.Fatal(err)
		}
		h, err := m.Get(ctx, id)
		if err != nil || h.ID != id || h.Kind != want || h.OpenID != alice.OpenID || h.UnionID != "unALICE" || h.DataFailures != 3 || string(h.UserInfo) != `{"nickName":"A"}` {
			t.Fatalf("a session of before is read as %+v, %v", h, err)
		}
		if _, err := m.Update(ctx, id, func(s *session.Session) error { s.DataFailures = 4; return nil }); err != nil {
			t.Errorf("Update = %v", err)
		}
		moved := old
		moved.Key = session.OldKey("session", "BBBBBBBBBBBBBBBBBBBBBA")
		if err := store.Store.Create(ctx, moved, 0, nil); err != nil {
			t.Fatal(err)
		}
		if h, err := m.Get(ctx, "BBBBBBBBBBBBBBBBBBBBBA"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("a session that was moved to another key is read as %+v, %v", h, err)
		}
		if list, err := m.List(ctx, alice.AppID, alice.OpenID); err != nil || len(list) != 1 || list[0].ID != id || list[0].DataFailures != 4 {
			t.Errorf("List = %+v, %v", list, err)
		}
		if err := m.End(ctx, id); err != nil {
			t.Errorf("End = %v", err)
		}
		if _, err := m.Get(ctx, id); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Get after End = %v", err)
		}
	}
	// its keys, too
	if err := store.UpdateValue(ctx, session.OldKey("keys", alice.AppID, alice.OpenID), now.Add(time.Hour), func([]byte) ([]byte, error) {
		return json.Marshal(map[string]string{"n": "new", "p": "old"})
	}); err != nil {
		t.Fatal(err)
	}
	if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); err != nil || len(keys) != 2 || keys[0] != "new" || keys[1] != "old" {
		t.Errorf("SessionKeys = %q, %v", keys, err)
	}
	if err := m.ReplaceSessionKey(ctx, alice.AppID, alice.OpenID, "", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); err != nil || len(keys) != 0 {
		t.Errorf("SessionKeys after the keys were taken away = %q, %v: one of before is back", keys, err)
	}
}

func TestIDsThatAreNone(t *testing.T) {
	m := newManager(t, newSpy(t))
	good := login(t, m, alice).ID
	for _, id := range []string{"", "x", good[:32], good + "A", good[:11], good[11:], "!" + good[1:], good[:20] + "/" + good[21:], good[:32] + "\n", strings.Repeat("A", 10) + "B" + good[11:]} {
		if session.ValidID(id) && id != good[11:] {
			t.Errorf("ValidID(%q) = true", id)
		}
		if _, err := m.Get(ctx, id); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want ErrNotFound", id, err)
		}
		if _, err := m.Update(ctx, id, func(*session.Session) error { return nil }); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Update(%q) = %v, want ErrNotFound", id, err)
		}
		if err := m.End(ctx, id); err != nil {
			t.Errorf("End(%q) = %v, want nil", id, err)
		}
	}
	if _, err := m.Get(ctx, good); err != nil {
		t.Errorf("Get = %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"s":"AAAAAAAAAAAAAAAAAAAAAA","a":"a","o":"o","i":1,"e":2}`))
	f.Add([]byte("\x01\x04\x00\x00\x00\x02\x02{}"))
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, value []byte) { session.Decode(value) })
}

// The operator is told of what nobody can read: once for each, and not of a million.
func TestDamageIsToldOnce(t *testing.T) {
	now := time.Now()
	store := newSpy(t)
	var told []string
	m := session.NewManager(store, session.Options{Lifetime: 10 * time.Hour, Now: func() time.Time { return now },
		Damaged: func(what string) { told = append(told, what) }})
	s := login(t, m, alice)
	store.onGet = func(r session.Record) session.Record { r.Value = []byte("oALICE"); return r }
	for range 3 {
		if _, err := m.Get(ctx, s.ID); !errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrForged) {
			t.Fatalf("Get = %v, want ErrNotFound and nothing else", err)
		}
	}
	if len(told) != 1 || strings.Contains(told[0], "ALICE") || !strings.Contains(told[0], s.ID[:11]) {
		t.Fatalf("told %q, want the record, once", told)
	}
	for range 300 {
		_, _ = m.Get(ctx, login(t, m, alice).ID)
	}
	if len(told) != 101 {
		t.Errorf("told %d times, want a hundred and one", len(told))
	}
	now = now.Add(time.Hour)
	for range 2 {
		_, _ = m.Get(ctx, s.ID)
	}
	if len(told) != 102 {
		t.Errorf("told %d times after an hour, want once more", len(told))
	}
}

// A damaged record is in nobody's way: its user can log in again at once.
func TestDamagedRecordsAreAbsent(t *testing.T) {
	store := newSpy(t)
	m := newManager(t, store)
	login(t, m, alice)
	store.onList = func(recs []session.Record) { recs[0].Value = []byte{1, 2} }
	if list, err := m.List(ctx, alice.AppID, alice.OpenID); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v, want none, nil", list, err)
	}
	err := store.UpdateValue(ctx, session.UserKey(alice.AppID, alice.OpenID), time.Now().Add(time.Hour), func([]byte) ([]byte, error) { return []byte{0xff}, nil })
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); err != nil || len(keys) != 0 {
		t.Errorf("SessionKeys of a damaged value = %q, %v, want none, nil", keys, err)
	}
	login(t, m, alice)
	if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); err != nil || len(keys) != 1 {
		t.Errorf("SessionKeys after a login = %q, %v, want one", keys, err)
	}
}
