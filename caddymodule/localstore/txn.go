// txn.go: one transaction on the file: entries, indexes and counts together.

package localstore

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// view reads the file as it was at one moment. Slices that it returns end with
// its transaction. It is used under guard.
type view struct{ tx *bbolt.Tx }

func (v view) bucket(k kind) *bbolt.Bucket {
	b := v.tx.Bucket(buckets[k])
	if b == nil {
		panic(errDamaged)
	}
	return b
}

// find returns the payload under a key, or session.ErrNotFound. Damage is not
// absence: what stands left and right of the gap must be intact, in order, and
// not the key itself, or a flipped bit in a key would end a session.
func (v view) find(k kind, key []byte) ([]byte, error) {
	c := v.bucket(k).Cursor()
	next, value := c.Seek(key)
	if next != nil && bytes.Equal(next, key) {
		return unseal(k, next, value)
	}
	if err := v.gap(k, c, key, next, value); err != nil {
		return nil, err
	}
	return nil, session.ErrNotFound
}

// gap checks that there is nothing between key and the place where the cursor
// found next.
func (v view) gap(k kind, c *bbolt.Cursor, key, next, value []byte) error {
	var before, beforeValue []byte
	if next != nil {
		if bytes.Compare(next, key) < 0 {
			return errDamaged
		}
		if _, err := unseal(k, next, value); err != nil {
			return err
		}
		before, beforeValue = c.Prev()
	} else {
		before, beforeValue = c.Last()
	}
	if before == nil {
		return nil
	}
	if bytes.Compare(before, key) >= 0 {
		return errDamaged
	}
	_, err := unseal(k, before, beforeValue)
	return err
}

// record returns a session, expired or not.
func (v view) record(key string) (record, error) {
	payload, err := v.find(kindSession, []byte(key))
	if err != nil {
		return record{}, err
	}
	return recordOf(payload)
}

// small returns a mark or a shared value, expired or not.
func (v view) small(k kind, key string) (small, error) {
	payload, err := v.find(k, []byte(key))
	if err != nil {
		return small{}, err
	}
	return smallOf(payload)
}

// counts are what is held of each kind, expired or not.
type counts [3]amount

func (c *counts) of(k kind) *amount {
	switch k {
	case kindSession:
		return &c[0]
	case kindMark:
		return &c[1]
	default:
		return &c[2]
	}
}

func (v view) counts() (c counts, err error) {
	payload, err := v.find(kindMeta, metaCount)
	if err != nil || len(payload) != 16*len(c) {
		return c, errDamaged
	}
	for i := range c {
		c[i].entries = int64(binary.BigEndian.Uint64(payload[16*i:]))
		c[i].bytes = int64(binary.BigEndian.Uint64(payload[16*i+8:]))
	}
	return c, nil
}

// txn is a view that can be written. A failure of a write sticks in err: then
// nothing of the transaction may be kept.
type txn struct {
	view
	now    int64
	bounds bounds
	counts counts
	apps   map[string]int64 // how many sessions more each app has
	wrote  bool
	err    error
	after  []change
}

// change is what the cache must learn once the transaction is on disk.
type change struct {
	key string
	e   *entry // nil: there is nothing under the key any more
}

func (t *txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *txn) put(k kind, key, payload []byte) {
	t.wrote = true
	if err := t.bucket(k).Put(key, sealed(k, key, payload)); err != nil {
		t.fail(err)
	}
}

func (t *txn) drop(k kind, key []byte) {
	t.wrote = true
	if err := t.bucket(k).Delete(key); err != nil {
		t.fail(err)
	}
}

// putCounts is the last write of a transaction.
func (t *txn) putCounts() {
	var b []byte
	for _, c := range t.counts {
		b = binary.BigEndian.AppendUint64(b, uint64(c.entries))
		b = binary.BigEndian.AppendUint64(b, uint64(c.bytes))
	}
	t.put(kindMeta, metaCount, b)
	t.putApps()
}

func (t *txn) count(k kind, entries, size int) {
	c := t.counts.of(k)
	c.entries += int64(entries)
	c.bytes += int64(size)
}

// room reports whether so much more of a kind is within its bound. What makes
// something smaller always is, even when a reload has lowered the bound.
func (t *txn) room(k kind, entries, size int) bool {
	c, b := t.counts.of(k), t.bounds[k]
	return (entries <= 0 || c.entries+int64(entries) <= b.entries) &&
		(size <= 0 || c.bytes+int64(size) <= b.bytes)
}

// reclaim makes room by what has expired, as long as something has.
func (t *txn) reclaim(k kind, entries, size int) {
	for !t.room(k, entries, size) && t.sweep(16) > 0 {
	}
}

// schedule gives an entry its place among those that expire.
func (t *txn) schedule(k kind, key string, at int64) due {
	number, err := t.bucket(kindDue).NextSequence()
	if err != nil {
		t.fail(err)
	}
	d := due{at, number}
	t.put(kindDue, d.append(nil), append([]byte{byte(k)}, key...))
	return d
}

func (t *txn) unschedule(d due) { t.drop(kindDue, d.append(nil)) }

// putRecord adds a session where none is.
func (t *txn) putRecord(key string, r record) {
	r.due = t.schedule(kindSession, key, r.due.at)
	t.put(kindSession, []byte(key), r.payload())
	t.put(kindUser, userKey(r.user, r.issued, key), nil)
	t.count(kindSession, 1, len(r.value))
	t.countApp(r.user, 1)
	t.after = append(t.after, change{key, newEntry(key, r)})
}

// dropRecord removes a session that is there.
func (t *txn) dropRecord(key string, r record) {
	t.unschedule(r.due)
	t.drop(kindUser, userKey(r.user, r.issued, key))
	t.count(kindSession, -1, -len(r.value))
	t.countApp(r.user, -1)
	t.drop(kindSession, []byte(key)) // with that r.value is over
	t.after = append(t.after, change{key, nil})
}

// putSmall adds a mark or a shared value where none is.
func (t *txn) putSmall(k kind, key string, at int64, value []byte) {
	t.put(k, []byte(key), small{t.schedule(k, key, at), value}.payload())
	t.count(k, 1, len(value))
}

// dropSmall removes a mark or a shared value that is there.
func (t *txn) dropSmall(k kind, key string, s small) {
	t.unschedule(s.due)
	t.count(k, -1, -len(s.value))
	t.drop(k, []byte(key)) // with that s.value is over
}
