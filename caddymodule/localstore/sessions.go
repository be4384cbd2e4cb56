// sessions.go: the calls about single sessions.

package localstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Get returns the record and a lease on it. A cached one is read without a lock
// of ours and without the file.
func (d *DB) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, nil, err
	}
	e := d.cache.get(key)
	if e == nil {
		var err error
		if e, err = d.load(ctx, key); err != nil {
			return session.Record{}, nil, err
		}
	}
	if e.expires <= d.now() {
		return session.Record{}, nil, session.ErrNotFound
	}
	return e.record(), &e.lease, nil
}

// load reads a session into the cache. A write that meets it makes it read again.
func (d *DB) load(ctx context.Context, key string) (*entry, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		turn := d.cache.turn(key)
		r, err := d.find(ctx, kindSession, key)
		if err != nil {
			return nil, err
		}
		e := newEntry(r)
		if e.expires <= d.now() {
			return e, nil // of no use to anybody: not cached
		}
		if e = d.cache.fill(e, turn); e != nil {
			return e, nil
		}
	}
}

// Create adds a session. When the database is full it fails with
// session.ErrFull, unless it takes the place of a session of the same user or of
// an expired one. The user's value is changed before.
func (d *DB) Create(ctx context.Context, rec session.Record, limit int, change func([]byte) ([]byte, error)) error {
	if err := checkRecord(rec); err != nil {
		return err
	}
	if change != nil {
		if err := d.UpdateValue(ctx, rec.User, rec.ExpiresAt, change); err != nil {
			return err
		}
	}
	r := record{
		kind: kindSession, due: due{at: stamp(rec.ExpiresAt)}, issued: stamp(rec.IssuedAt),
		key: rec.Key, user: rec.User, value: rec.Value,
	}
	return d.write(ctx, func(t *txn) error { return t.create(r, limit) })
}

func (t *txn) create(r record, limit int) error {
	if r.due.at <= t.now {
		return t.end(r.key)
	}
	t.reclaim(kindSession, 1, len(r.value)) // before anything is looked up that it may take

	var out []record
	old, err := t.record(kindSession, r.key)
	switch {
	case err == nil:
		out = append(out, old)
	case !errors.Is(err, session.ErrNotFound):
		return err
	}
	if limit > 0 {
		have, err := t.ofUser(r.user)
		if err != nil {
			return err
		}
		out = append(out, excess(have, r.key, limit, t.now)...)
	}
	size := len(r.value)
	for _, o := range out {
		size -= len(o.value)
	}
	if !t.room(kindSession, 1-len(out), size) {
		return session.ErrFull
	}
	for _, o := range out {
		t.drop(o)
	}
	t.add(r)
	return nil
}

// excess returns whom a new session under key pushes out: the oldest beyond the
// limit, not counting the one whose place it takes. Expired ones are no session
// any more but take room: they go along.
func excess(have []record, key string, limit int, now int64) (out []record) {
	live := 1 // the new one
	for _, h := range have {
		switch {
		case h.key == key:
		case h.due.at > now:
			live++
		default:
			out = append(out, h)
		}
	}
	for _, h := range have {
		if live <= limit {
			break
		}
		if h.key != key && h.due.at > now {
			out = append(out, h)
			live--
		}
	}
	return out
}

// Update replaces the value of a live session. change runs in the caller's
// goroutine, on what was read; the result is written only if nothing has changed it,
// else change runs again.
func (d *DB) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := d.find(ctx, kindSession, key)
		if err != nil {
			return err
		}
		before := r.payload()
		if r.due.at <= d.now() {
			return session.ErrNotFound
		}
		value, err := change(r.value)
		if err != nil {
			return err
		}
		if len(value) > maxValue {
			return errTooLarge
		}
		r.value = bytes.Clone(value)
		err = d.write(ctx, func(t *txn) error { return t.update(r, before) })
		if !errors.Is(err, errMoved) {
			return err
		}
	}
}

func (t *txn) update(r record, before []byte) error {
	now, err := t.record(kindSession, r.key)
	if err != nil {
		return err
	}
	if now.due.at <= t.now {
		return session.ErrNotFound
	}
	if now.due != r.due || !bytes.Equal(now.payload(), before) {
		return errMoved
	}
	grown := len(r.value) - len(now.value)
	if !t.room(kindSession, 0, grown) {
		return session.ErrFull
	}
	t.put(kindEntry, r.due.append(nil), r.payload())
	t.delta.count(kindSession, 0, grown)
	t.after = append(t.after, change{r.key, newEntry(r)})
	return nil
}

// Delete ends a session, if there is one.
func (d *DB) Delete(ctx context.Context, key string) error {
	return d.write(ctx, func(t *txn) error { return t.end(key) })
}

func (t *txn) end(key string) error {
	r, err := t.record(kindSession, key)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	t.drop(r)
	return nil
}
