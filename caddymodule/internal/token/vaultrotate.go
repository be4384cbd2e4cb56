// vaultrotate.go: new keys in, old keys out, under the storage's lock.

package token

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// maxClockError is how far another node's clock may be off before we take the
// date of a key for a mistake and not for a plan.
const maxClockError = time.Hour

// Rotate publishes a new key that will sign after the activation delay, and
// returns it. If one is on its way already that one is returned, so asking twice
// is asking once.
func (v *Vault) Rotate(ctx context.Context) (KeyInfo, error) {
	var info KeyInfo
	err := v.change(ctx, false, func(entries []entry, now time.Time) ([]entry, bool, error) {
		entries, changed := v.tidy(entries, now)
		if last := entries[len(entries)-1]; !last.activeFrom.After(now) {
			next, err := v.publish(now)
			if err != nil {
				return nil, false, err
			}
			entries, changed = append(entries, next), true
		}
		info = v.info(entries, len(entries)-1, now)
		return entries, changed, nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return info, nil
}

// RotateIfDue sees to it that the newest key signs for every and no longer: it
// publishes the next one so long before that all nodes know it then. It also
// drops keys whose tokens are all dead, and with every zero or less does no more.
// It touches storage only if there is something to do, and reports whether
// the document changed.
func (v *Vault) RotateIfDue(ctx context.Context, every time.Duration) (bool, error) {
	if !v.due(every) {
		return false, nil
	}
	changed := false
	err := v.change(ctx, false, func(entries []entry, now time.Time) ([]entry, bool, error) {
		// As read under the lock: another node may have been first.
		entries, untidy := v.tidy(entries, now)
		entries, short, _ := v.raise(entries, now)
		changed = untidy || short
		// several, where they sign for less time than they are pending
		for v.nextDue(entries, every, now) {
			if len(entries) >= 2*MaxKept {
				return nil, false, fmt.Errorf("%d token keys are kept already: rotate less often, or shorten the lifetime on all nodes", len(entries))
			}
			next, err := v.publish(entries[len(entries)-1].activeFrom.Add(every))
			if err != nil {
				return nil, false, err
			}
			entries, changed = append(entries, next), true
		}
		return entries, changed, nil
	})
	return changed && err == nil, err
}

// due looks at the keys as last read, without storage and without making keys.
func (v *Vault) due(every time.Duration) bool {
	entries, now := v.current(), v.opts.Now()
	_, untidy := v.tidy(entries, now)
	_, short, _ := v.raise(entries, now)
	return untidy || short || v.nextDue(entries, every, now)
}

// rotationLead is how much earlier than necessary a key is published: nodes wait
// for each other at the lock, a second or two if it is a file.
const rotationLead = 2 * time.Second

// nextDue tells whether it is time to publish the key after the newest, which may
// be pending itself.
func (v *Vault) nextDue(entries []entry, every time.Duration, now time.Time) bool {
	if every <= 0 {
		return false
	}
	next := entries[len(entries)-1].activeFrom.Add(every)
	return !next.After(now.Add(v.opts.ActivationDelay + rotationLead))
}

// Revoke takes a key out at once, and with it every token it signed: for a key
// that somebody else may know. Other nodes follow at their next Follow, or when
// they meet a token of the key that signs now: see [Vault.FollowUnknown]. If the
// key was signing, the pending key signs from now on, or else a new one.
func (v *Vault) Revoke(ctx context.Context, kid string) error {
	return v.change(ctx, false, func(entries []entry, now time.Time) ([]entry, bool, error) {
		signer := signerAt(entries, now)
		for i, e := range entries {
			if e.key.kid != kid {
				continue
			}
			rest := append(append([]entry(nil), entries[:i]...), entries[i+1:]...)
			switch {
			case i != signer:
			case i < len(rest): // the pending one moved up to this place
				rest[i].activeFrom = now
			default:
				// Never back to a superseded key: it was put away for a reason.
				next, err := v.generate(now)
				if err != nil {
					return nil, false, err
				}
				rest = append(rest, next)
			}
			return rest, true, nil
		}
		return nil, false, fmt.Errorf("there is no token key %q", kid)
	})
}

// tidy drops the keys that are over and repairs the date of a key that a node
// with a wrong clock published, which would block rotation until then.
func (v *Vault) tidy(entries []entry, now time.Time) ([]entry, bool) {
	var kept []entry
	changed := false
	for i, e := range entries {
		if v.over(entries, i, now) {
			changed = true
			continue
		}
		if latest := v.known(now); e.activeFrom.After(latest.Add(maxClockError)) {
			e.activeFrom, changed = latest, true
		}
		kept = append(kept, e)
	}
	return kept, changed
}

// change lets edit work on a copy of the keys: see [keydoc.Document.Change].
func (v *Vault) change(ctx context.Context, create bool, edit func([]entry, time.Time) ([]entry, bool, error)) error {
	return v.doc.Change(ctx, create, func(h holding) (holding, bool, error) {
		entries, changed, err := edit(slices.Clone(h.entries), v.opts.Now())
		return holding{entries: entries, made: h.made}, changed, err
	})
}
