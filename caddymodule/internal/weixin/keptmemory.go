// keptmemory.go: what a keeper remembers of each name, under its one lock.

package weixin

import (
	"errors"
	"time"
)

// record returns the name's record; k.mu is held.
func (k *keeper) record(name string) *kept {
	a := k.names[name]
	if a == nil {
		a = new(kept)
		k.names[name] = a
	}
	return a
}

// known returns the remembered secret unless it is over or the one to avoid.
func (k *keeper) known(name, avoid string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.names[name]
	if a == nil || a.Token == avoid || !k.now().Before(a.Until) {
		return ""
	}
	return a.Token
}

func (k *keeper) remember(name string, c cached) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.record(name)
	a.cached, a.refusal = c, nil
}

// mayForce takes the right to force a refresh, if it is there. It is taken before the
// call, so that a call that fails spends it too. untilNext is how long no other force
// follows.
func (k *keeper) mayForce(name string) (untilNext time.Duration, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.record(name)
	now := k.now()
	since := now.Sub(a.lastForce)
	switch {
	case a.lastForce.IsZero() || since >= 2*maxForceInterval: // or the longest wait would end in the shortest
		a.forceWait = forceInterval
	case since < a.forceWait:
		return 0, false
	default:
		a.forceWait = min(2*a.forceWait, maxForceInterval)
	}
	a.lastForce = now
	return a.forceWait, true
}

// noteRefusal remembers answers that the next call would get again.
func (k *keeper) noteRefusal(name string, err error) {
	var e *Error
	if !errors.As(err, &e) {
		return
	}
	switch e.Kind {
	case KindRefused, KindRateLimited, KindBadToken:
	default:
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.record(name)
	a.refusal, a.refusedAt = e, k.now()
}

func (k *keeper) recentRefusal(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.names[name]
	if a == nil || a.refusal == nil || k.now().Sub(a.refusedAt) >= refusalMemory {
		return nil
	}
	return a.refusal
}
