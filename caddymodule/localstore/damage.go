// damage.go: a record that the disk has damaged while the file is open is taken out:
// it is absent, and its user can log in again at once.

package localstore

import (
	"context"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// lose takes out a damaged entry of an owner, if it is a session. It is gone for
// good: read well another time, it could bring back a session that was ended.
func (t *txn) lose(k kind, i, owner id, d due) {
	place := d.append(nil)
	size := weightOf(t.bucket(kindEntry).Get(place))
	t.forget(k, i, owner, size)
	if tag := session.AppTagOf(owner.name()); k == kindSession && t.index.apps[tag]+t.delta.apps[tag] > 0 {
		t.delta.apps[tag]--
	}
	t.remove(place)
	t.lost = append(t.lost, i)
}

// loseAt takes out a damaged entry of which only the place is known: the index is
// searched for whose it was, which takes some milliseconds.
func (t *txn) loseAt(d due) {
	for i := range t.index.marks {
		if t.mark(i) == d {
			t.lose(kindMark, i, id{}, d)
			return
		}
	}
	for u, have := range t.index.users {
		if have.value != d && have.first.due != d && t.index.more[u] == nil {
			continue
		}
		a := t.account(u)
		if a.value == d {
			t.lose(kindValue, u, id{}, d)
			return
		}
		for _, s := range a.sessions {
			if s.due == d {
				t.lose(kindSession, s.id, u, d)
				return
			}
		}
	}
	t.remove(d.append(nil)) // nobody has it
}

// takeOut takes out an entry that was read and found damaged, if the writer finds
// the same. It need not succeed: the next one to read the entry tries again.
func (d *DB) takeOut(ctx context.Context, k kind, key string) {
	d.write(ctx, func(t *txn) error {
		t.record(k, key)
		return nil
	})
}

// tell says what a salvage and how many records were lost, if there are any, to the
// newest configuration. It runs in one goroutine.
func (d *DB) tell() {
	if s := d.salvaged; s != nil {
		d.salvaged = nil
		if f := d.inForce.Load().salvaged; f != nil {
			f(*s)
		}
	}
	if n := d.lost.Swap(0); n > 0 {
		if f := d.inForce.Load().damaged; f != nil {
			f(int(n))
		}
	}
}
