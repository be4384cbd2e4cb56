// users.go: the calls about all sessions of a user.

package localstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// named is a session and its key.
type named struct {
	key string
	record
}

// ofUser returns a user's sessions, oldest first, expired ones too. The index
// and the sessions must agree: one that a damaged index hides could not be ended.
func (v view) ofUser(user string) (have []named, err error) {
	prefix := userPrefix(user)
	c := v.bucket(kindUser).Cursor()
	k, value := c.Seek(prefix)
	for ; bytes.HasPrefix(k, prefix); k, value = c.Next() {
		if _, err := unseal(kindUser, k, value); err != nil || len(k) < len(prefix)+8 {
			return nil, errDamaged
		}
		key := string(k[len(prefix)+8:])
		r, err := v.record(key)
		if errors.Is(err, session.ErrNotFound) || err == nil && (r.user != user || r.issued != stampOf(k[len(prefix):])) {
			err = errDamaged
		}
		if err != nil {
			return nil, err
		}
		have = append(have, named{key, r})
	}
	// neighbours on both sides: see find
	if k != nil {
		if _, err := unseal(kindUser, k, value); err != nil || bytes.Compare(k, prefix) < 0 {
			return nil, errDamaged
		}
	}
	first, value := c.Seek(prefix)
	if bytes.HasPrefix(first, prefix) {
		// the first is intact: whatever stands before it must be, too
		return have, v.gap(kindUser, c, first, first, value)
	}
	return have, v.gap(kindUser, c, prefix, first, value)
}

// List returns the live sessions of a user, oldest first.
func (d *DB) List(ctx context.Context, user string) ([]session.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var recs []session.Record
	err := d.read(func(v view) error {
		have, err := v.ofUser(user)
		now := d.now()
		for _, h := range have {
			if h.due.at > now {
				recs = append(recs, newEntry(h.key, h.record).record())
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return recs, nil
}

// DeleteUser ends all sessions of a user.
func (d *DB) DeleteUser(ctx context.Context, user string) (int, error) {
	ended := new(int)
	err := d.write(ctx, func(t *txn) error {
		*ended = 0
		have, err := t.ofUser(user)
		if err != nil {
			return err
		}
		for _, h := range have {
			if h.due.at > t.now {
				*ended++
			}
		}
		for _, h := range have {
			t.dropRecord(h.key, h.record)
		}
		return nil
	})
	if err != nil {
		return 0, err // the writer may still be at it
	}
	return *ended, nil
}
