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

// userLen is how many characters of a session's key are its user.
const userLen = 22

// errKey keeps out what would not be found again.
var errKey = fmt.Errorf("a session's key must begin with its user, of %d characters", userLen)

func (e *entry) record() session.Record {
	return session.Record{
		Key: e.key, User: e.key[:userLen], Value: e.value,
		IssuedAt: time.UnixMilli(e.issued), ExpiresAt: time.UnixMilli(e.expires),
	}
}

// Get returns the record and a lease on it. It takes no lock of ours and does
// not allocate: all readers of one version of a record share its lease.
func (t *table) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, nil, err
	}
	e := t.sessions.get(key)
	if e == nil {
		return session.Record{}, nil, session.ErrNotFound
	}
	return e.record(), &e.lease, nil
}

// Create adds a session. When the table is full it fails with session.ErrFull,
// unless it takes the place of a session of the same user or of an expired one.
// The user's value is changed before.
func (t *table) Create(ctx context.Context, rec session.Record, limit int, change func([]byte) ([]byte, error)) error {
	switch {
	case len(rec.User) != userLen || !strings.HasPrefix(rec.Key, rec.User):
		return errKey
	case len(rec.Value) > maxValue:
		return errTooLarge
	case !time.Now().Before(rec.ExpiresAt):
		return t.Delete(ctx, rec.Key)
	}
	if change != nil {
		if err := t.UpdateValue(ctx, rec.User, rec.ExpiresAt, change); err != nil {
			return err
		}
	}
	// the caller's may be part of something large
	key, value := strings.Clone(rec.Key), bytes.Clone(rec.Value)
	return t.retry(ctx, t.sessions, func() error {
		now := t.sessions.now()
		e := newEntry(key, value, now, rec.ExpiresAt)
		e.issued = rec.IssuedAt.UnixMilli()
		return t.create(e, limit, now)
	})
}

// create is one attempt. On session.ErrFull nothing was done.
func (t *table) create(e *entry, limit int, now reading) error {
	s := t.sessions
	sh := s.lock(e.key)
	defer sh.mu.Unlock()

	out := s.excess(sh, e, limit, now)
	entries, size := int64(1-len(out)), int64(len(e.value))
	for _, o := range out {
		size -= int64(len(o.value))
	}
	if !s.take(entries, size, boundOf(t.limits.Load().Sessions)) {
		return session.ErrFull
	}
	s.insert(sh, e) // first: a reader of one that it replaces finds one of the two
	for _, o := range out {
		s.remove(sh, o) // its room went to e
	}
	return nil
}

// excess returns whom e pushes out: the one whose place it takes, and the oldest of
// its user beyond the limit. Expired ones are no session any more but take room: they
// go along.
func (s *shelf) excess(sh *shard, e *entry, limit int, now reading) (out []*entry) {
	name, live := s.name(e.key), 1 // e
	for have := sh.first(name); have != nil; have = have.next.Load() {
		switch {
		case have.key == e.key, limit > 0 && !have.live(now):
			out = append(out, have)
		default:
			live++
		}
	}
	if limit <= 0 {
		return out
	}
	for have := sh.first(name); have != nil && live > limit; have = have.next.Load() {
		if have.key != e.key && have.live(now) {
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
		old := t.sessions.get(key)
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
			key: old.key, value: bytes.Clone(value),
			issued: old.issued, expires: old.expires, ahead: old.ahead, place: -1,
		}
		sh := t.sessions.lock(key)
		defer sh.mu.Unlock()
		grown := int64(len(e.value) - len(old.value))
		switch {
		case old.place < 0:
			return errMoved
		case !t.sessions.take(0, grown, boundOf(t.limits.Load().Sessions)):
			return session.ErrFull
		}
		t.sessions.replace(sh, old, e)
		return nil
	})
}

// errMoved says that somebody else wrote first: look again.
var errMoved = errors.New("the entry was changed meanwhile")

// Delete ends a session, if there is one.
func (t *table) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := t.sessions.lock(key)
	defer sh.mu.Unlock()
	if e := sh.find(t.sessions.name(key), key); e != nil {
		t.sessions.end(sh, e)
	}
	return nil
}

// List returns the live sessions of a user, oldest first.
func (t *table) List(ctx context.Context, user string) (recs []session.Record, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := t.sessions.lock(user)
	defer sh.mu.Unlock()
	now := t.sessions.now()
	for e := sh.first(user); e != nil; e = e.next.Load() {
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
	sh := t.sessions.lock(user)
	defer sh.mu.Unlock()
	now := t.sessions.now()
	for e := sh.first(user); e != nil; e = sh.first(user) {
		if e.live(now) {
			ended++
		}
		t.sessions.end(sh, e)
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
