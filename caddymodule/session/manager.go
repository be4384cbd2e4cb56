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

	// Damaged, unless nil, is told of what the store holds and nobody can read: what
	// it is, and the store's key for it, in words for the operator that name no user.
	// It is told once for each, and of at most a hundred an hour.
	Damaged func(what string)
}

// Manager turns logins into sessions and back. It is safe for concurrent use
// and holds no state but its options: everything that lasts is in the store.
type Manager struct {
	store Store
	opts  Options
	told  told
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
	user := userKey(id.AppID, id.OpenID)
	s := &Session{
		ID: newID(user), AppID: id.AppID, OpenID: id.OpenID, Kind: id.Kind.orMini(), UnionID: id.UnionID,
		IssuedAt: now, ExpiresAt: now.Add(m.opts.Lifetime), UserInfo: id.UserInfo,
	}
	value, err := m.sealSession(ctx, s)
	if err != nil {
		return nil, err
	}
	// with the session: one whose open data can never verify is half-made
	var keep func([]byte) ([]byte, error)
	if id.SessionKey != "" {
		keep = m.sealing(ctx, user, pushKey(id.SessionKey))
	}
	rec := Record{Key: recordKey(s.ID), User: user, Value: value, IssuedAt: s.IssuedAt, ExpiresAt: s.ExpiresAt}
	limit := m.opts.PerUser
	old := id.Replaces
	if limit > 0 && old != nil && old.AppID == s.AppID && old.OpenID == s.OpenID {
		limit++
	}
	err = m.store.Create(ctx, rec, limit, keep)
	if errors.Is(err, ErrFull) && old != nil {
		if err = m.End(ctx, old.ID); err == nil {
			err = m.store.Create(ctx, rec, limit, keep)
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
	if !ValidID(id) {
		return nil, ErrNotFound
	}
	key := recordKey(id)
	rec, lease, err := m.store.Get(ctx, key)
	if err != nil {
		return nil, m.absent("session", key, err)
	}
	rec.Key = key // a store that mixes up its answers must not log in somebody else
	s, err := m.openSession(ctx, rec)
	if err != nil {
		return nil, m.absent("session", key, err)
	}
	if !m.opts.Now().Before(s.ExpiresAt) {
		return nil, ErrNotFound
	}
	return &Handle{Session: s, lease: lease}, nil
}

// Update changes what is kept on a session: change gets a copy to modify. ID,
// owner, kind and times stay what they were. ErrNotFound when the session ended.
func (m *Manager) Update(ctx context.Context, id string, change func(*Session) error) (*Session, error) {
	if !ValidID(id) {
		return nil, ErrNotFound
	}
	var after *Session
	key := recordKey(id)
	err := m.store.Update(ctx, key, func(value []byte) ([]byte, error) {
		before, err := m.openSession(ctx, Record{Key: key, Value: value})
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
		return nil, m.absent("session", key, err)
	}
	return after, nil
}

// End ends a session, on every node. Ending one that is gone succeeds.
func (m *Manager) End(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if !ValidID(id) {
		return nil
	}
	return m.store.Delete(ctx, recordKey(id))
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
		s, err := m.openSession(ctx, rec)
		if err = m.absent("session", rec.Key, err); errors.Is(err, ErrNotFound) {
			continue // it logs nobody in, so it is no session
		} else if err != nil {
			return nil, err
		}
		if s.AppID == appid && s.OpenID == openid && m.opts.Now().Before(s.ExpiresAt) {
			list = append(list, s)
		}
	}
	return list, nil
}

// AppTag is the first part of Record.User for all users of an app: enough to
// count by, and too little to name the app to anyone who does not know it.
func AppTag(appid string) string { return storeKey("app", appid)[:appTagLen] }

// AppTagOf returns the tag of a Record.User.
func AppTagOf(user string) string { return user[:min(appTagLen, len(user))] }

const appTagLen = 4

func userKey(appid, openid string) string {
	return AppTag(appid) + storeKey("user", appid, openid)[appTagLen:]
}
