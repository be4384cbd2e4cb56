// vaultrotate.go: new keys in, old keys out, under the storage's lock.

package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/secretfile"
)

// maxClockError is how far the clocks of nodes may be apart before we make no
// new key.
const maxClockError = time.Hour

// Rotate makes a new key and returns it. It seals at once, as other nodes that
// meet a value under it read the keys again by themselves.
func (v *Vault) Rotate(ctx context.Context) (KeyInfo, error) {
	var id keyID
	err := v.change(ctx, false, func(d *draft) error {
		d.tidy()
		err := d.add()
		id = d.entries[len(d.entries)-1].key.id
		return err
	})
	if err != nil {
		return KeyInfo{}, err
	}
	h := v.doc.Held()
	for i, e := range h.entries {
		if e.key.id == id {
			return h.info(i), nil
		}
	}
	// A lock that failed: what another node wrote at the same time counts.
	return KeyInfo{}, errors.New("the new seal key was overwritten by another node; rotate again")
}

// RotateIfDue rotates when the newest key has been sealing for every, and drops
// keys whose values are all over. With every zero or less it only does the
// latter. It touches storage only if there is something to do, and reports
// whether the document changed.
func (v *Vault) RotateIfDue(ctx context.Context, every time.Duration) (bool, error) {
	h := v.doc.Held()
	glance := &draft{entries: h.entries, maxLifetime: h.maxLifetime, now: v.opts.Now()}
	if glance.tidy(); !glance.changed && !glance.due(every) {
		return false, nil
	}
	changed := false
	err := v.change(ctx, false, func(d *draft) (err error) {
		// As read under the lock: another node may have been first.
		if d.tidy(); d.due(every) {
			err = d.add()
		}
		changed = d.changed
		return err
	})
	return changed && err == nil, err
}

// draft is a copy of the document's content to work on.
type draft struct {
	entries     []entry
	maxLifetime time.Duration
	now         time.Time
	changed     bool
}

func (d *draft) due(every time.Duration) bool {
	return every > 0 && !d.entries[len(d.entries)-1].created.Add(every).After(d.now)
}

// add makes a new key that seals from now on.
func (d *draft) add() error {
	secret := make([]byte, secretfile.MinBytes)
	rand.Read(secret) // never fails: it crashes the program instead
	k, err := newKey(secret)
	if err != nil {
		return fmt.Errorf("making a seal key: %w", err)
	}
	if slices.ContainsFunc(d.entries, func(e entry) bool { return e.key.id == k.id }) {
		return d.add() // a chance in four billion
	}
	created := d.now.Truncate(time.Second) // as the document will hold it
	if len(d.entries) > 0 {
		// The date of the new key is when the one before it was superseded. With
		// one from long ago that would be dropped, and its values with it; and which
		// of two clocks is wrong nobody can tell from here.
		last := d.entries[len(d.entries)-1].created
		if d.now.Add(maxClockError).Before(last) {
			return fmt.Errorf("by this node's clock the newest seal key will only be made on %s: set the clock, or correct the date in %s",
				last.UTC().Format(time.DateTime), documentPath)
		}
		if created.Before(last) {
			created = last
		}
	}
	d.entries, d.changed = append(d.entries, entry{key: k, created: created}), true
	return nil
}

// tidy drops the keys whose values are all over.
func (d *draft) tidy() {
	var kept []entry
	for i, e := range d.entries {
		if i == len(d.entries)-1 || opensUntil(d.entries, i, d.maxLifetime).After(d.now) {
			kept = append(kept, e)
		}
	}
	d.changed = d.changed || len(kept) < len(d.entries)
	d.entries = kept
}

// change lets edit work on a draft of the document: see [keydoc.Document.Change].
func (v *Vault) change(ctx context.Context, create bool, edit func(*draft) error) error {
	return v.doc.Change(ctx, create, func(h *holding) (*holding, bool, error) {
		d := &draft{maxLifetime: v.opts.MaxLifetime, now: v.opts.Now()}
		if h != nil {
			d.entries = slices.Clone(h.entries)
			d.maxLifetime = max(h.maxLifetime, v.opts.MaxLifetime)
			d.changed = d.maxLifetime > h.maxLifetime
		}
		err := edit(d)
		return &holding{entries: d.entries, maxLifetime: d.maxLifetime}, d.changed, err
	})
}
