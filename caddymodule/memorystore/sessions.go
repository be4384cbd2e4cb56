// sessions.go: the calls about sessions.

package memorystore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// errTooLarge keeps one caller's value from taking the room of many.
var errTooLarge = fmt.Errorf("a value is larger than %d bytes", maxValue)

func (e *entry) record() session.Record {
	return session.Record{
		Key: e.key, User: e.user, Value: e.value,
		IssuedAt: time.Unix(0, e.issued), ExpiresAt: e.expires.Round(0),
	}
}

// end removes a session and reports whether it was still held. The caller holds
// its user's stripe.
func (t *table) end(u *userStripe, e *entry) bool {
	if !t.sessions.remove(e) {
		return false
	}
	t.sessions.give(e)
	u.unlink(e)
	e.lease.End()
	return true
}

// Get returns the record and a lease on it. It takes no lock of ours and does
// not allocate: all readers of one version of a record share its lease.
func (t *table) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, nil, err
	}
	e := t.sessions.get(key, time.Now())
	if e == nil {
		return session.Record{}, nil, session.ErrNotFound
	}
	return e.record(), &e.lease, nil
}

// Create adds a session. When the table is full it fails with session.ErrFull,
// unless it takes the place of a session of the same user or of an expired one.
// The user's value is changed before.
func (t *table) Create(ctx context.Context, rec session.Record, limit int, change func([]byte) ([]byte, error)) error {
	if len(rec.Value) > maxValue {
		return errTooLarge
	}
	if !time.Now().Before(rec.ExpiresAt) {
		return t.Delete(ctx, rec.Key)
	}
	if change != nil {
		if err := t.UpdateValue(ctx, rec.User, rec.ExpiresAt, change); err != nil {
			return err
		}
	}
	value := bytes.Clone(rec.Value) // the caller's may be part of something large
	key, user := rec.Key, rec.User
	if strings.HasPrefix(key, user) {
		key = strings.Clone(key)
		user = key[:len(user)]
	}
	return t.retry(ctx, t.sessions, func() error {
		now := time.Now()
		e := newEntry(key, value, now, rec.ExpiresAt)
		e.user, e.issued = user, rec.IssuedAt.UnixNano()
		return t.create(e, limit, now)
	})
}

// create is one attempt; see put for its errors.
func (t *table) create(e *entry, limit int, now time.Time) error {
	old := t.sessions.peek(e.key)
	oldUser := e.user
	if old != nil {
		oldUser = old.user
	}
	u, uOld, unlock := t.users.lockBoth(e.user, oldUser)
	defer unlock()

	if !strings.HasPrefix(e.key, e.user) {
		e.user = u.name(e.user) // before put: then readers have the entry
	}
	out := u.excess(e, old, limit, now)
	entries, size := int64(1-len(out)), int64(len(e.value))
	for _, o := range out {
		size -= int64(len(o.value))
	}
	if old != nil {
		entries, size = entries-1, size-int64(len(old.value))
	}
	if err := t.sessions.put(e, old, entries, size, boundOf(t.limits.Load().Sessions)); err != nil {
		return err
	}
	if old != nil {
		uOld.unlink(old)
		old.lease.End()
	}
	u.link(e)
	for _, o := range out {
		t.sessions.remove(o) // its room went to e
		u.unlink(o)
		o.lease.End()
	}
	return nil
}

// excess returns whom e pushes out: the oldest of its user beyond the limit, not
// counting the one whose place it takes. Expired ones are no session any more
// but take room: they go along.
func (u *userStripe) excess(e, old *entry, limit int, now time.Time) (out []*entry) {
	if limit <= 0 {
		return nil
	}
	live := 1 // e
	for have := range u.of(e.user) {
		switch {
		case have == old:
		case have.live(now):
			live++
		default:
			out = append(out, have)
		}
	}
	for have := range u.of(e.user) {
		if live <= limit {
			break
		}
		if have != old && have.live(now) {
			out = append(out, have)
			live--
		}
	}
	return out
}

// Update replaces the value of a live session. change runs under no lock, and
// again when somebody else was faster.
func (t *table) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	return t.retry(ctx, t.sessions, func() error {
		old := t.sessions.get(key, time.Now())
		if old == nil {
			return session.ErrNotFound
		}
		value, err := change(old.value)
		if err != nil {
			return err
		}
		if len(value) > maxValue {
			return errTooLarge
		}
		e := &entry{
			key: old.key, user: old.user, value: bytes.Clone(value),
			issued: old.issued, expires: old.expires, place: -1,
		}
		u := t.users.lock(old.user)
		defer u.mu.Unlock()
		grown := int64(len(e.value) - len(old.value))
		if err := t.sessions.put(e, old, 0, grown, boundOf(t.limits.Load().Sessions)); err != nil {
			return err
		}
		u.replace(old, e)
		old.lease.End()
		return nil
	})
}

// Delete ends a session, if there is one.
func (t *table) Delete(ctx context.Context, key string) error {
	return t.retry(ctx, t.sessions, func() error {
		if e := t.sessions.peek(key); e != nil && !t.drop(t.sessions, e) {
			return errMoved
		}
		return nil
	})
}

// List returns the live sessions of a user, oldest first.
func (t *table) List(ctx context.Context, user string) ([]session.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u := t.users.lock(user)
	defer u.mu.Unlock()
	now := time.Now()
	var recs []session.Record
	for e := range u.of(user) {
		if e.live(now) {
			recs = append(recs, e.record())
		}
	}
	return recs, nil
}

// DeleteUser ends all sessions of a user.
func (t *table) DeleteUser(ctx context.Context, user string) (ended int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	u := t.users.lock(user)
	defer u.mu.Unlock()
	now := time.Now()
	for e := range u.of(user) {
		live := e.live(now)
		if t.end(u, e) && live {
			ended++
		}
	}
	return ended, nil
}

// retry runs an attempt to write until nobody interfered. When the shelf is
// full it makes room by what has expired, as long as something has.
func (t *table) retry(ctx context.Context, s *shelf, attempt func() error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := attempt()
		switch {
		case errors.Is(err, errMoved):
		case errors.Is(err, session.ErrFull):
			if !t.reclaim(s) {
				return err
			}
		default:
			return err
		}
	}
}
