// shared.go: what the gateway's nodes share beside sessions: accepted pieces of
// open data, and the apps' access tokens.

package session

import (
	"context"
	"errors"
	"time"
)

// AcceptData reports whether a piece of open data, named by its fingerprint, is
// presented in this session for the first time. It is remembered until the given time.
func (m *Manager) AcceptData(ctx context.Context, id, fingerprint string, until time.Time) (first bool, err error) {
	return m.store.Mark(ctx, storeKey("data", id, fingerprint), until)
}

// LoadToken returns the kept access token of an app, or nil when there is none.
// The value is a secret; its form is the WeChat client's matter.
func (m *Manager) LoadToken(ctx context.Context, appid string) ([]byte, error) {
	value, err := m.value(ctx, tokenKey(appid))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// SaveToken keeps the access token of an app until the given time.
func (m *Manager) SaveToken(ctx context.Context, appid string, value []byte, until time.Time) error {
	return m.updateValue(ctx, tokenKey(appid), until, func([]byte) ([]byte, error) { return value, nil })
}

func tokenKey(appid string) string { return storeKey("access_token", appid) }

// ClaimToken reports whether this is the first claim, on all nodes that share the
// store, to replace the access token of an app before the given time.
func (m *Manager) ClaimToken(ctx context.Context, appid string, until time.Time) (first bool, err error) {
	return m.store.Mark(ctx, storeKey("token claim", appid), until)
}
