// keys.go: WeChat's session keys of a user, the newest and the one before it.

package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// They are kept as the value that is named as the user's records are. oldKeysKey
// is where versions before kept them.
func oldKeysKey(appid, openid string) string { return storeKey("keys", appid, openid) }

// keyPair is the stored form of a user's session keys.
type keyPair struct{ Newest, Previous string }

// A pair is the length of the newest key, that key, and the one before it. Keys
// are 16 bytes in base64: they are kept as such where they are.
func (p keyPair) encode() []byte {
	newest := appendName(nil, p.Newest)
	if p.Previous == "" {
		return newest
	}
	return appendName(newest, p.Previous)
}

func decodePair(value []byte) (p keyPair, ok bool) {
	if len(value) > 0 && value[0] == '{' && json.Valid(value) { // of a version before
		var old struct {
			Newest   string `json:"n"`
			Previous string `json:"p"`
		}
		err := json.Unmarshal(value, &old)
		return keyPair(old), err == nil
	}
	r := reader{rest: value}
	p.Newest = r.name()
	if len(r.rest) > 0 {
		p.Previous = r.name()
	}
	return p, !r.bad && len(r.rest) == 0
}

// pushKey makes key the newest key of a user. WeChat may hand out the same key at
// two logins in a row; that does not push the previous one out.
func pushKey(key string) func(old []byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		pair, ok := decodePair(old)
		if !ok {
			pair = keyPair{} // none yet, or damaged: a new login starts afresh
		}
		if pair.Newest != key {
			pair = keyPair{Newest: key, Previous: pair.Newest}
		}
		return pair.encode(), nil
	}
}

// SessionKeys returns the user's WeChat session keys, the newest first and at
// most two: a second wx.login on another device replaces the key while data
// made with the old one is still on its way. None (only logins to mini programs
// bring one) is no error.
func (m *Manager) SessionKeys(ctx context.Context, appid, openid string) ([]string, error) {
	value, err := m.value(ctx, userKey(appid, openid))
	if errors.Is(err, ErrNotFound) {
		value, err = m.value(ctx, oldKeysKey(appid, openid))
	}
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	pair, ok := decodePair(value)
	if !ok {
		_ = m.absent("value", userKey(appid, openid), ErrForged) // tells of it
		return nil, nil
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
	return m.updateValue(ctx, userKey(appid, openid), until, func([]byte) ([]byte, error) {
		return keyPair{Newest: key}.encode(), nil
	})
}
