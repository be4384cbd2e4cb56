// snapshots.go: which logins ended at a snapshot page, for a browser that loads its
// callback again.

package endpoint

import (
	"sync"
	"time"
)

// maxSnapshots bounds what is remembered, 100 bytes each. Each has cost a code of WeChat.
const maxSnapshots = 10_000

// snapshots are the states of logins that were refused because a snapshot user is nobody.
// Their codes are spent; without this a second load of the callback would look like one
// whose first load made a session, and be sent on, to log in again, and so on. Each node
// knows its own; the zero value is ready.
type snapshots struct {
	mu     sync.Mutex
	states map[string]time.Time // until when
}

func (s *snapshots) add(state string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.states) >= maxSnapshots {
		for state, until := range s.states {
			if now.After(until) {
				delete(s.states, state)
			}
		}
	}
	if len(s.states) >= maxSnapshots {
		return
	}
	if s.states == nil {
		s.states = make(map[string]time.Time)
	}
	s.states[state] = now.Add(stateLife)
}

func (s *snapshots) has(state string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.states[state]
	return ok && now.Before(until)
}
