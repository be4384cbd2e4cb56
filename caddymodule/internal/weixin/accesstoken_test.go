// accesstoken_test.go: one fetch for many, one renewal for one failure.

package weixin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tokenServer is WeChat's stable_token: the same token until it is turned or forced.
type tokenServer struct {
	calls, forced, version atomic.Int64
	stuck                  atomic.Bool
	expires                atomic.Int64
	errcode                atomic.Int64
	gate                   chan struct{}
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	if s.gate != nil {
		<-s.gate
	}
	var q struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh"`
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &q) != nil || r.Method != "POST" || r.URL.Path != "/cgi-bin/stable_token" || r.URL.RawQuery != "" ||
		q.GrantType != "client_credential" || q.AppID != testApp.ID || q.Secret != testSecret {
		_, _ = io.WriteString(w, `{"errcode":40002}`)
		return
	}
	if code := s.errcode.Load(); code != 0 {
		_, _ = fmt.Fprintf(w, `{"errcode":%d}`, code)
		return
	}
	if q.ForceRefresh {
		s.forced.Add(1)
		if !s.stuck.Load() {
			s.version.Add(1)
		}
	}
	expires := s.expires.Load()
	if expires == 0 {
		expires = 7200
	}
	_, _ = fmt.Fprintf(w, `{"access_token":"T%d","expires_in":%d}`, s.version.Load(), expires)
}

// clock is a hand-driven time for a TokenSource.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newSource(t *testing.T, s *tokenServer, cache TokenCache) (*TokenSource, *clock) {
	t.Helper()
	source := NewTokenSource(serve(t, s.ServeHTTP), cache)
	c := &clock{t: time.Unix(1_800_000_000, 0)}
	source.keeper.now = c.now
	return source, c
}

func wantToken(t *testing.T, want string) func(string, error) {
	t.Helper()
	return func(got string, err error) {
		t.Helper()
		if got != want || err != nil {
			t.Fatalf("token = %q, %v; want %q", got, err, want)
		}
	}
}

// A hundred phone logins after a restart must cost one token call; a client that gives
// up meanwhile must not take the token from the others.
func TestTokenIsFetchedOnce(t *testing.T) {
	s := &tokenServer{gate: make(chan struct{})}
	source, _ := newSource(t, s, nil)
	first, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := source.Token(first, testApp, nil); gone <- err }()
	for s.calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	wantKind(t, <-gone, KindCanceled)
	_, err := source.Token(deadline(t, 5*time.Millisecond), testApp, nil)
	wantKind(t, err, KindTimeout)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if token, err := source.Token(t.Context(), testApp, nil); token != "T0" || err != nil {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	close(s.gate)
	wg.Wait()
	if s.calls.Load() != 1 {
		t.Errorf("%d token calls, want 1", s.calls.Load())
	}
}

func TestTokenLife(t *testing.T) {
	s := new(tokenServer)
	source, clock := newSource(t, s, nil)
	for _, tt := range []struct {
		expires int64
		life    time.Duration
	}{{7200, 7200*time.Second - keptMargin}, {345, 345*time.Second - 345*time.Second/2}, {2, time.Second}} {
		s.expires.Store(tt.expires)
		clock.add(3 * time.Hour)
		before := s.calls.Load()
		wantToken(t, "T0")(source.Token(t.Context(), testApp, nil))
		clock.add(tt.life - time.Nanosecond)
		wantToken(t, "T0")(source.Token(t.Context(), testApp, nil))
		if got := s.calls.Load() - before; got != 1 {
			t.Errorf("expires_in %d: %d calls within its life, want 1", tt.expires, got)
		}
		clock.add(time.Nanosecond)
		wantToken(t, "T0")(source.Token(t.Context(), testApp, nil))
		if got := s.calls.Load() - before; got != 2 {
			t.Errorf("expires_in %d: %d calls after its life, want 2", tt.expires, got)
		}
	}
	if keptMargin >= 5*time.Minute {
		t.Error("with a margin of 5 minutes or more WeChat still returns the old token")
	}
}

// WeChat says a token is bad. It has already made another, or insists and must be
// forced, and that at most once in 30 s.
func TestRenew(t *testing.T) {
	s := new(tokenServer)
	source, clock := newSource(t, s, nil)
	wantToken(t, "T0")(source.Token(t.Context(), testApp, nil))

	s.version.Store(1) // WeChat turned it
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if token, err := source.Renew(t.Context(), testApp, "T0", nil); token != "T1" || err != nil {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if s.calls.Load() != 2 || s.forced.Load() != 0 {
		t.Fatalf("%d calls, %d forced; want 2, 0", s.calls.Load(), s.forced.Load())
	}
	wantToken(t, "T1")(source.Token(t.Context(), testApp, nil))

	wantToken(t, "T2")(source.Renew(t.Context(), testApp, "T1", nil)) // insists: forced
	if s.forced.Load() != 1 {
		t.Fatalf("%d forced, want 1", s.forced.Load())
	}
	clock.add(forceInterval - time.Second)
	_, err := source.Renew(t.Context(), testApp, "T2", nil)
	wantKind(t, err, KindBadToken)
	calls := s.calls.Load()
	_, err = source.Renew(t.Context(), testApp, "T2", nil) // remembered, not asked again
	wantKind(t, err, KindBadToken)
	if s.forced.Load() != 1 || s.calls.Load() != calls {
		t.Fatalf("%d forced within 30 s, want 1; %d more calls", s.forced.Load(), s.calls.Load()-calls)
	}
	clock.add(refusalMemory)
	s.stuck.Store(true)
	_, err = source.Renew(t.Context(), testApp, "T2", nil) // even force does not help
	wantKind(t, err, KindBadToken)
	if s.forced.Load() != 2 {
		t.Errorf("%d forced, want 2", s.forced.Load())
	}
}

func TestDo(t *testing.T) {
	s := new(tokenServer)
	source, _ := newSource(t, s, nil)
	bad := &Error{Kind: KindBadToken}
	for _, tt := range []struct {
		name    string
		answers []error
		want    error
		uses    int
	}{
		{"good", []error{nil}, nil, 1},
		{"bad token, then good", []error{bad, nil}, nil, 2},
		{"other error", []error{&Error{Kind: KindBadCode}}, &Error{Kind: KindBadCode}, 1},
	} {
		uses := 0
		err := source.Do(t.Context(), testApp, nil, func(string) error { uses++; return tt.answers[uses-1] })
		if KindOf(err) != KindOf(tt.want) || uses != tt.uses {
			t.Errorf("%s: %v after %d uses, want %v after %d", tt.name, err, uses, tt.want, tt.uses)
		}
	}
	source, _ = newSource(t, new(tokenServer), nil)
	uses := 0
	err := source.Do(t.Context(), testApp, nil, func(string) error { uses++; return bad })
	if wantKind(t, err, KindBadToken); uses != 2 {
		t.Errorf("%d uses of tokens that are always bad, want 2", uses)
	}
}

// A wrong secret must not turn each request into a token call, and must be noticed
// soon when it is put right.
func TestRefusalIsRemembered(t *testing.T) {
	s := new(tokenServer)
	source, clock := newSource(t, s, nil)
	s.errcode.Store(40001)
	for range 10 {
		_, err := source.Token(t.Context(), testApp, nil)
		wantKind(t, err, KindRefused)
	}
	s.errcode.Store(0)
	clock.add(refusalMemory)
	wantToken(t, "T0")(source.Token(t.Context(), testApp, nil))
	if s.calls.Load() != 2 {
		t.Errorf("%d calls, want 2", s.calls.Load())
	}
}

// A client that is closed ends the fetches that have no caller left.
func TestCloseEndsSharedFetch(t *testing.T) {
	s := &tokenServer{gate: make(chan struct{})}
	defer close(s.gate)
	source, _ := newSource(t, s, nil)
	done := make(chan error, 1)
	go func() { _, err := source.Token(context.Background(), testApp, nil); done <- err }()
	for s.calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = source.client.Close()
	wantKind(t, <-done, KindCanceled)
}

// A caller of the relay goes on for a day with an API that calls every token invalid.
// WeChat forces 20 refreshes a day; after that a token that is really dead would stay.
func TestForcesGetRarer(t *testing.T) {
	s := new(tokenServer)
	source, clock := newSource(t, s, nil)
	for range 24 * 60 {
		token, err := source.Token(t.Context(), testApp, nil)
		if err != nil && KindOf(err) != KindBadToken {
			t.Fatal(err)
		}
		_, _ = source.Renew(t.Context(), testApp, token, nil)
		clock.add(time.Minute)
	}
	if forced := s.forced.Load(); forced > 20 || forced < 10 {
		t.Errorf("%d forced in a day, want at most 20", forced)
	}
	// After a quiet time a dead token is replaced at once again.
	clock.add(2 * maxForceInterval)
	before := s.forced.Load()
	token, _ := source.Token(t.Context(), testApp, nil)
	if _, err := source.Renew(t.Context(), testApp, token, nil); err != nil || s.forced.Load() != before+1 {
		t.Errorf("%v, %d forced", err, s.forced.Load()-before)
	}
}
