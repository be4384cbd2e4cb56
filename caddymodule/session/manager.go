// manager.go: logging in, looking up and ending sessions on top of any store.

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// markLife is how long a redeemed code is remembered. WeChat's codes live
	// five minutes; twice that covers clocks that disagree.
	markLife = 10 * time.Minute

	// writeTimeout bounds a write that must not be given up halfway because
	// the client went away.
	writeTimeout = 2 * time.Second
)

// Options say how long and how many sessions live.
type Options struct {
	Lifetime time.Duration    // of a session; at least one second
	PerUser  int              // live sessions of one (app, openid); the oldest goes first; <= 0 is no limit
	Sealer   Sealer           // nil stores values as they are: only for a store that is Volatile
	Now      func() time.Time // nil is time.Now
}

// Manager turns logins into sessions and back. It is safe for concurrent use
// and holds no state but its options: everything that lasts is in the store.
type Manager struct {
	store Store
	opts  Options
}

// NewManager returns a manager that keeps its sessions in store.
func NewManager(store Store, opts Options) *Manager {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Manager{store: store, opts: opts}
}

// Identity is what WeChat said at the exchange of a code.
type Identity struct {
	AppID, OpenID, UnionID string
	Kind                   Kind            // of the app; empty is Mini
	SessionKey             string          // empty unless the app is a mini program; stays inside this package and the check of open data
	UserInfo               json.RawMessage // verified together with the login; nil when there was none

	// Replaces is the session that the client had until now, or nil. The caller ends
	// it after the login: it does not count for the limit of the user's sessions,
	// and in a full store its room is for the new one.
	Replaces *Session
}

// RedeemCode reports whether this is the first attempt to redeem the code, on
// all nodes that share the store. Call it before the code is sent to WeChat:
// a code whose exchange failed is spent all the same.
func (m *Manager) RedeemCode(ctx context.Context, appid, code string) (first bool, err error) {
	return m.store.Mark(ctx, storeKey("code", appid, code), m.opts.Now().Add(markLife))
}

// Login starts a session. Once it returned without error, the session is as
// durable as the store is.
//
// ctx carries values and tracing only: the client that goes away now must not
// leave a half-made session, so the writes have their own time limit.
func (m *Manager) Login(ctx context.Context, id Identity) (*Session, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()

	now := m.opts.Now().Truncate(time.Millisecond)
	s := &Session{
		ID: newID(), AppID: id.AppID, OpenID: id.OpenID, Kind: id.Kind.orMini(), UnionID: id.UnionID,
		IssuedAt: now, ExpiresAt: now.Add(m.opts.Lifetime), UserInfo: id.UserInfo,
	}
	key := storeKey("session", s.ID)
	value, err := m.sealSession(ctx, s)
	if err != nil {
		return nil, err
	}
	// the key first: a session whose open data can never verify is half-made,
	// a key without a session is only unused
	if id.SessionKey != "" {
		if err := m.pushKey(ctx, id, s.ExpiresAt); err != nil {
			return nil, fmt.Errorf("keeping the session key: %w", err)
		}
	}
	rec := Record{
		Key: key, User: userKey(s.AppID, s.OpenID), Value: value,
		IssuedAt: s.IssuedAt, ExpiresAt: s.ExpiresAt,
	}
	limit := m.opts.PerUser
	old := id.Replaces
	if limit > 0 && old != nil && old.AppID == s.AppID && old.OpenID == s.OpenID {
		limit++
	}
	err = m.store.Create(ctx, rec, limit)
	if errors.Is(err, ErrFull) && old != nil {
		if err = m.End(ctx, old.ID); err == nil {
			err = m.store.Create(ctx, rec, limit)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating the session: %w", err)
	}
	return s, nil
}

// Get returns the live session with the id, or ErrNotFound. Any other error
// means that the store could not answer.
func (m *Manager) Get(ctx context.Context, id string) (*Handle, error) {
	rec, lease, err := m.store.Get(ctx, storeKey("session", id))
	if err != nil {
		return nil, err
	}
	s, err := m.openSession(ctx, rec, id)
	if err != nil {
		return nil, err
	}
	return &Handle{Session: s, lease: lease}, nil
}

// openSession unseals and decodes a record, and refuses one that is not the
// session that was asked for: a store (or its client library) that mixes up
// answers must not log somebody in as another (CVE-2025-29923).
func (m *Manager) openSession(ctx context.Context, rec Record, id string) (*Session, error) {
	s, err := m.unsealSession(ctx, rec.Value, id)
	if err != nil {
		return nil, err
	}
	if rec.User != userKey(s.AppID, s.OpenID) {
		return nil, ErrForged
	}
	if !m.opts.Now().Before(s.ExpiresAt) {
		return nil, ErrNotFound
	}
	return s, nil
}

// Update changes what is kept on a session: change gets a copy to modify. ID,
// owner, kind and times stay what they were. ErrNotFound when the session ended.
func (m *Manager) Update(ctx context.Context, id string, change func(*Session) error) (*Session, error) {
	var after *Session
	err := m.store.Update(ctx, storeKey("session", id), func(value []byte) ([]byte, error) {
		before, err := m.unsealSession(ctx, value, id)
		if err != nil {
			return nil, err
		}
		s := *before
		if err := change(&s); err != nil {
			return nil, err
		}
		s.ID, s.AppID, s.OpenID, s.Kind = before.ID, before.AppID, before.OpenID, before.Kind
		s.IssuedAt, s.ExpiresAt = before.IssuedAt, before.ExpiresAt
		after = &s
		return m.sealSession(ctx, after)
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// End ends a session, on every node. Ending one that is gone succeeds.
func (m *Manager) End(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return m.store.Delete(ctx, storeKey("session", id))
}

// EndUser ends all sessions of a user and tells how many were live.
func (m *Manager) EndUser(ctx context.Context, appid, openid string) (int, error) {
	return m.store.DeleteUser(ctx, userKey(appid, openid))
}

// List returns the live sessions of a user, oldest first.
func (m *Manager) List(ctx context.Context, appid, openid string) ([]*Session, error) {
	recs, err := m.store.List(ctx, userKey(appid, openid))
	if err != nil {
		return nil, err
	}
	list := make([]*Session, 0, len(recs))
	for _, rec := range recs {
		s, err := m.unsealRecord(ctx, rec)
		switch {
		case errors.Is(err, ErrForged):
			continue // it logs nobody in, so it is no session
		case err != nil:
			return nil, err
		}
		if s.AppID == appid && s.OpenID == openid && m.opts.Now().Before(s.ExpiresAt) {
			list = append(list, s)
		}
	}
	return list, nil
}

// AppTag is the first part of Record.User for all users of an app: enough to
// count by, and too little to name the app to whoever does not know it.
func AppTag(appid string) string { return storeKey("app", appid)[:appTagLen] }

// AppTagOf returns the tag of a Record.User.
func AppTagOf(user string) string { return user[:min(appTagLen, len(user))] }

const appTagLen = 4

func userKey(appid, openid string) string {
	return AppTag(appid) + storeKey("user", appid, openid)[appTagLen:]
}
