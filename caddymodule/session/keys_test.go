// keys_test.go: the WeChat session keys of a user: the newest and the one before.

package session_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestSessionKeysNewestAndPrevious(t *testing.T) {
	m := newManager(t, newSpy(t))
	for _, step := range []struct {
		key  string
		want []string
	}{
		{"", nil}, // before any login
		{"one", []string{"one"}},
		{"one", []string{"one"}}, // WeChat hands the same key out twice
		{"two", []string{"two", "one"}},
		{"two", []string{"two", "one"}}, // it must not push the previous one out
		{"three", []string{"three", "two"}},
		{"two", []string{"two", "three"}},
	} {
		id := alice
		if id.SessionKey = step.key; step.key != "" {
			login(t, m, id)
		}
		keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID)
		if err != nil || !slices.Equal(keys, step.want) {
			t.Errorf("after key %q: SessionKeys = %q, %v, want %q, nil", step.key, keys, err, step.want)
		}
	}
	login(t, m, bob)
	if keys, _ := m.SessionKeys(ctx, alice.AppID, alice.OpenID); len(keys) != 2 || keys[0] != "two" {
		t.Errorf("another user's login changed the keys to %q", keys)
	}
	if keys, err := m.SessionKeys(ctx, "wxffffffffffffffff", alice.OpenID); keys != nil || err != nil {
		t.Errorf("the same openid of another app has keys %q, %v", keys, err)
	}
}

func TestSessionKeysLiveAsLongAsTheNewestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newSpy(t))
		login(t, m, alice)
		time.Sleep(40 * time.Minute)
		second := login(t, m, alice)
		time.Sleep(time.Until(second.ExpiresAt) - time.Second)
		if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); len(keys) != 1 || err != nil {
			t.Errorf("SessionKeys = %d, %v, want 1, nil", len(keys), err)
		}
		time.Sleep(time.Second)
		if keys, err := m.SessionKeys(ctx, alice.AppID, alice.OpenID); keys != nil || err != nil {
			t.Errorf("SessionKeys = %q, %v, want none, nil", keys, err)
		}
	})
}

func TestValidID(t *testing.T) {
	const good = "AAAAAAAAAAAAAAAAAAAAAA"
	for id, want := range map[string]bool{
		good:                       true,
		"_-09azAZ_-09azAZ_-09aQ":   true,
		"":                         false,
		good[1:]:                   false,
		good + "A":                 false,
		good + "==":                false,
		"AAAAAAAAAAAAAAAAAAAAAB":   false, // unused bits set: a second spelling of the first
		"AAAAAAAAAA AAAAAAAAAAA":   false,
		"AAAAAAAAAA\nAAAAAAAAAAA":  false,
		"AAAAAAAAAAAAAAAAAAAA\r\n": false,
		"AAAAAAAAAA+AAAAAAAAAAA":   false,
		"AAAAAAAAAA/AAAAAAAAAAA":   false,
		"AAAAAAAAAAAAAAAAAAAA==":   false,
		"ÄAAAAAAAAAAAAAAAAAAAA":    false,
	} {
		if got := session.ValidID(id); got != want {
			t.Errorf("ValidID(%q) = %v, want %v", id, got, want)
		}
	}
}
