// users.go: the calls about all sessions of a user.

package localstore

import (
	"context"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// List returns the live sessions of a user, oldest first.
func (d *DB) List(ctx context.Context, user string) ([]session.Record, error) {
	var recs []session.Record
	err := d.look(ctx, func(v view) error {
		recs = nil
		have, err := v.sessions(user, d.index.placesOf(user))
		now := d.now()
		for _, r := range have {
			if r.due.at > now {
				recs = append(recs, newEntry(r).record())
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
			t.drop(h)
		}
		return nil
	})
	if err != nil {
		return 0, err // the writer may still be at it
	}
	return *ended, nil
}
