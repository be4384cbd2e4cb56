// keys.go: WeChat's session keys of a user, the newest and the one before it.

package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

func keysKey(appid, openid string) string { return storeKey("keys", appid, openid) }

// keyPair is the stored form of a user's session keys.
type keyPair struct {
	Newest   string `json:"n"`
	Previous string `json:"p,omitempty"`
}

// pushKey makes id.SessionKey the newest key of the user. WeChat may hand out
// the same key at two logins in a row; that does not push the previous one out.
func (m *Manager) pushKey(ctx context.Context, id Identity, until time.Time) error {
	return m.updateValue(ctx, keysKey(id.AppID, id.OpenID), until, func(old []byte) ([]byte, error) {
		var pair keyPair
		if json.Unmarshal(old, &pair) != nil {
			pair = keyPair{} // none yet, or damaged: a new login starts afresh
		}
		if pair.Newest != id.SessionKey {
			pair = keyPair{Newest: id.SessionKey, Previous: pair.Newest}
		}
		return json.Marshal(pair)
	})
}

// SessionKeys returns the user's WeChat session keys, the newest first and at
// most two: a second wx.login on another device replaces the key while data
// made with the old one is still on its way. None (only logins to mini programs
// bring one) is no error.
func (m *Manager) SessionKeys(ctx context.Context, appid, openid string) ([]string, error) {
	value, err := m.value(ctx, keysKey(appid, openid))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pair keyPair
	if json.Unmarshal(value, &pair) != nil {
		return nil, ErrForged
	}
	var keys []string
	for _, key := range []string{pair.Newest, pair.Previous} {
		if key != "" {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// ReplaceSessionKey makes key the only session key of a user: what was made
// with an earlier one, which may be in wrong hands, verifies no more. An empty
// key leaves none. It lasts until the given time.
func (m *Manager) ReplaceSessionKey(ctx context.Context, appid, openid, key string, until time.Time) error {
	return m.updateValue(ctx, keysKey(appid, openid), until, func([]byte) ([]byte, error) {
		if key == "" {
			return nil, nil
		}
		return json.Marshal(keyPair{Newest: key})
	})
}
