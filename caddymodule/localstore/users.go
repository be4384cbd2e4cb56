// users.go: the calls about all sessions of a user.

package localstore

import (
	"context"
	"slices"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// List returns the live sessions of a user, oldest first.
func (d *DB) List(ctx context.Context, user string) ([]session.Record, error) {
	var recs []session.Record
	var spoilt bool
	err := d.look(ctx, func(v view) error {
		spots := d.index.sessionsOf(user)
		have, now := make([]record, 0, len(spots)), d.now()
		recs, spoilt = nil, false
		for _, s := range spots {
			r, err := v.sessionOf(user, s.due)
			switch {
			case err == errRecord:
				spoilt = true
			case err != nil:
				return err
			case r.due.at > now:
				have = append(have, r)
			}
		}
		slices.SortFunc(have, oldestFirst)
		for _, r := range have {
			recs = append(recs, newEntry(r).record())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if spoilt {
		d.write(ctx, func(t *txn) error { // need not succeed: see takeOut
			_, err := t.ofUser(user)
			return err
		})
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
