// tokenmemory.go: what a TokenSource remembers of each app, under its one lock.

package weixin

import "errors"

// record returns the app's record; s.mu is held.
func (s *TokenSource) record(appID string) *appToken {
	a := s.apps[appID]
	if a == nil {
		a = new(appToken)
		s.apps[appID] = a
	}
	return a
}

// known returns the remembered token unless it is over or the one to avoid.
func (s *TokenSource) known(appID, avoid string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil || a.Token == avoid || !s.now().Before(a.Until) {
		return ""
	}
	return a.Token
}

func (s *TokenSource) remember(appID string, t cachedToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.record(appID)
	a.cachedToken, a.refusal = t, nil
}

// mayForce takes the right to force a refresh, if it is there. It is taken before the
// call, so that a call that fails spends it too.
func (s *TokenSource) mayForce(appID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.record(appID)
	now := s.now()
	if !a.lastForce.IsZero() && now.Sub(a.lastForce) < forceInterval {
		return false
	}
	a.lastForce = now
	return true
}

// noteRefusal remembers answers that the next call would get again.
func (s *TokenSource) noteRefusal(appID string, err error) {
	var e *Error
	if !errors.As(err, &e) {
		return
	}
	switch e.Kind {
	case KindRefused, KindRateLimited, KindBadToken:
	default:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.record(appID)
	a.refusal, a.refusedAt = e, s.now()
}

func (s *TokenSource) recentRefusal(appID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil || a.refusal == nil || s.now().Sub(a.refusedAt) >= refusalMemory {
		return nil
	}
	return a.refusal
}
