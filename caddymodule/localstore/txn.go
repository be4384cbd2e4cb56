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
	delta  table // what is other than in the index
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
	return &txn{index: &d.index, delta: newTable(), now: d.now(), bounds: d.inForce.Load().bounds}
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
func (t *txn) place(k kind, i id) (due, bool) {
	d, changed := t.delta.places[slot(k)][i]
	if !changed {
		d = t.index.places[slot(k)][i]
	}
	return d, d.number != 0
}

// user returns the sessions that a user has now.
func (t *txn) user(u id) []id {
	if list, changed := t.delta.users[u]; changed {
		return list
	}
	return t.index.users[u]
}

// record returns an entry, expired or not, or session.ErrNotFound. One that is
// damaged is taken out, and is absent.
func (t *txn) record(k kind, key string) (record, error) {
	i := idOf(key)
	d, ok := t.place(k, i)
	if !ok {
		return record{}, session.ErrNotFound
	}
	r, err := t.entryOf(k, key, d)
	if errors.Is(err, errRecord) {
		t.lose(k, i, t.ownerOf(k, i), d)
		return record{}, session.ErrNotFound
	}
	return r, err
}

// ofUser returns a user's sessions, oldest first, expired ones too. Those that are
// damaged are taken out.
func (t *txn) ofUser(user string) ([]record, error) {
	u := idOf(user)
	list := make([]record, 0, len(t.user(u)))
	for _, i := range t.user(u) {
		d, _ := t.place(kindSession, i)
		r, err := t.sessionOf(user, d)
		switch {
		case err == nil:
			list = append(list, r)
		case errors.Is(err, errRecord):
			t.lose(kindSession, i, u, d)
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
	i := idOf(r.key)
	t.delta.places[slot(r.kind)][i] = r.due
	t.delta.count(r.kind, 1, len(r.value))
	if r.kind == kindSession {
		u := idOf(r.user)
		t.delta.users[u] = append(slices.Clip(t.user(u)), i)
		t.delta.apps[session.AppTagOf(r.user)]++
		t.after = append(t.after, change{r.key, newEntry(r)})
	}
}

// drop removes an entry that is there.
func (t *txn) drop(r record) {
	i := idOf(r.key)
	t.forget(r.kind, i, idOf(r.user), len(r.value))
	if r.kind == kindSession {
		t.delta.apps[session.AppTagOf(r.user)]--
		t.after = append(t.after, change{r.key, nil})
	}
	t.remove(r.due.append(nil)) // with that r.value is over
}

// forget takes an entry out of the index.
func (t *txn) forget(k kind, i, user id, size int) {
	t.delta.places[slot(k)][i] = due{}
	t.delta.count(k, -1, -size)
	if k == kindSession {
		t.delta.users[user] = slices.DeleteFunc(slices.Clone(t.user(user)), func(have id) bool { return have == i })
	}
}
