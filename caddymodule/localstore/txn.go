// txn.go: one transaction on the file, and what it changes in the index.

package localstore

import (
	"cmp"
	"errors"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// missing says that there is nothing where the index has an entry: see look.
type missing struct{ due }

// Error implements error.
func (missing) Error() string { return errRecord.Error() }

// Unwrap returns errRecord.
func (missing) Unwrap() error { return errRecord }

// view reads the file as it was at one moment. Slices that it returns end with
// its transaction. It is used under guard.
type view struct {
	tx   *bbolt.Tx
	lost map[due]bool // what is missing for good
}

func (v view) bucket(k kind) *bbolt.Bucket {
	b := v.tx.Bucket(buckets[k])
	if b == nil {
		panic(errDamaged)
	}
	return b
}

// entry reads what is at a place.
func (v view) entry(d due) (record, error) {
	place := d.append(nil)
	value := v.bucket(kindEntry).Get(place)
	switch {
	case value == nil && v.lost[d]:
		return record{}, errRecord
	case value == nil:
		return record{}, missing{d}
	}
	return recordOf(place, value)
}

// entryOf reads an entry by its place, and makes sure that it is the one.
func (v view) entryOf(k kind, key string, d due) (record, error) {
	r, err := v.entry(d)
	if err == nil && (r.kind != k || r.key != key) {
		return record{}, errRecord
	}
	return r, err
}

// sessionOf reads a session of a user.
func (v view) sessionOf(user string, d due) (record, error) {
	r, err := v.entry(d)
	if err == nil && (r.kind != kindSession || r.user != user) {
		return record{}, errRecord
	}
	return r, err
}

// oldestFirst orders the sessions of a user.
func oldestFirst(a, b record) int {
	return cmp.Or(cmp.Compare(a.issued, b.issued), cmp.Compare(a.due.number, b.due.number))
}

// txn is a view that can be written. A failure of a write sticks in err: then
// nothing of the transaction may be kept.
type txn struct {
	view
	index  *index
	delta  changes // of the index
	now    int64
	bounds bounds
	wrote  bool
	err    error
	after  []change
	lost   []id // what was taken out for being damaged
}

// change is what the cache must learn once the transaction is on disk.
type change struct {
	key string
	e   *entry // nil: there is nothing under the key any more
}

func (d *DB) newTxn() *txn {
	return &txn{index: &d.index, delta: newChanges(), now: d.now(), bounds: d.inForce.Load().bounds}
}

func (t *txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// fill is how full pages are when one is split: what is written moves on with
// time, and seldom comes back.
const fill = 0.9

func (t *txn) put(k kind, key, payload []byte) {
	t.wrote = true
	b := t.bucket(k)
	b.FillPercent = fill
	if err := b.Put(key, sealed(k, key, payload)); err != nil {
		t.fail(err)
	}
}

func (t *txn) remove(place []byte) {
	t.wrote = true
	if err := t.bucket(kindEntry).Delete(place); err != nil {
		t.fail(err)
	}
}

// place returns where an entry is now.
func (t *txn) place(k kind, key string) (due, bool) {
	var d due
	switch k {
	case kindMark:
		d = t.mark(idOf(key))
	case kindValue:
		d = t.account(idOf(key)).value
	case kindSession:
		i := idOf(key)
		for _, s := range t.account(t.owner(key)).sessions {
			if s.id == i {
				d = s.due
			}
		}
	}
	return d, d.number != 0
}

// account returns what a user has now.
func (t *txn) account(u id) account {
	if a, changed := t.delta.users[u]; changed {
		return a
	}
	return t.index.account(u)
}

// mark returns where a mark is now.
func (t *txn) mark(i id) due {
	if d, changed := t.delta.marks[i]; changed {
		return d
	}
	return t.index.marks[i]
}

// owner returns the user of a session, if there is one of that key now.
func (t *txn) owner(key string) id {
	if u, changed := t.delta.owners[idOf(key)]; changed && u != (id{}) {
		return u
	}
	return t.index.owner(key)
}

// record returns an entry, expired or not, or session.ErrNotFound. One that is
// damaged is taken out, and is absent.
func (t *txn) record(k kind, key string) (record, error) {
	d, ok := t.place(k, key)
	if !ok {
		return record{}, session.ErrNotFound
	}
	r, err := t.entryOf(k, key, d)
	if errors.Is(err, errRecord) {
		t.lose(k, idOf(key), t.owner(key), d)
		return record{}, session.ErrNotFound
	}
	return r, err
}

// ofUser returns a user's sessions, oldest first, expired ones too. Those that are
// damaged are taken out.
func (t *txn) ofUser(user string) ([]record, error) {
	u := idOf(user)
	have := t.account(u).sessions
	list := make([]record, 0, len(have))
	for _, s := range have {
		r, err := t.sessionOf(user, s.due)
		switch {
		case err == nil:
			list = append(list, r)
		case errors.Is(err, errRecord):
			t.lose(kindSession, s.id, u, s.due)
		default:
			return nil, err
		}
	}
	slices.SortFunc(list, oldestFirst)
	return list, nil
}

// room reports whether so much more of a kind is within its bound. What makes
// something smaller always is, even when a reload has lowered the bound.
func (t *txn) room(k kind, entries, size int) bool {
	have, more, b := t.index.counts[slot(k)], t.delta.counts[slot(k)], t.bounds[k]
	return (entries <= 0 || have.entries+more.entries+int64(entries) <= b.entries) &&
		(size <= 0 || have.bytes+more.bytes+int64(size) <= b.bytes)
}

// reclaim makes room by what has expired, as long as something has.
func (t *txn) reclaim(k kind, entries, size int) {
	for !t.room(k, entries, size) && t.sweep(16) > 0 {
	}
}

// add writes an entry where none is.
func (t *txn) add(r record) {
	number, err := t.bucket(kindEntry).NextSequence()
	if err != nil {
		t.fail(err)
	}
	r.due.number = number
	t.put(kindEntry, r.due.append(nil), r.payload())
	t.note(r)
	if r.kind == kindSession {
		t.after = append(t.after, change{r.key, newEntry(r)})
	}
}

// note takes an entry that is in the file into the index.
func (t *txn) note(r record) {
	i := idOf(r.key)
	t.delta.count(r.kind, 1, len(r.value))
	switch r.kind {
	case kindMark:
		t.delta.marks[i] = r.due
	case kindValue:
		a := t.account(i)
		a.value = r.due
		t.delta.users[i] = a
	case kindSession:
		u := idOf(r.user)
		t.delta.users[u] = t.account(u).with(spot{i, r.due})
		if !namesUser(r.key, r.user) {
			t.delta.owners[i] = u
		}
		t.delta.apps[session.AppTagOf(r.user)]++
	}
}

// drop removes an entry that is there.
func (t *txn) drop(r record) {
	t.unnote(r)
	if r.kind == kindSession {
		t.after = append(t.after, change{r.key, nil})
	}
	t.remove(r.due.append(nil)) // with that r.value is over
}

// unnote takes an entry out of the index.
func (t *txn) unnote(r record) {
	t.forget(r.kind, idOf(r.key), idOf(r.user), len(r.value))
	if r.kind == kindSession {
		t.delta.apps[session.AppTagOf(r.user)]--
	}
}

// forget is unnote for an entry of which no more is known; its app is the caller's
// to count.
func (t *txn) forget(k kind, i, owner id, size int) {
	t.delta.count(k, -1, -size)
	switch k {
	case kindMark:
		t.delta.marks[i] = due{}
	case kindValue:
		a := t.account(i)
		a.value = due{}
		t.delta.users[i] = a
	case kindSession:
		t.delta.users[owner] = t.account(owner).without(i)
		t.delta.owners[i] = id{}
	}
}
