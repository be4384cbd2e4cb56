// tokencache_test.go: several gateways share one access_token through a store.

package weixin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

type mapCache struct {
	mu     sync.Mutex
	values map[string][]byte
	until  time.Time
	claims map[string]bool
	saved  []string
	err    error
}

func (c *mapCache) LoadToken(_ context.Context, appID string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values[appID], c.err
}

func (c *mapCache) SaveToken(_ context.Context, appID string, value []byte, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[appID], c.until = value, until
	c.saved = append(c.saved, string(value[:14]))
	return c.err
}

func (c *mapCache) ClaimToken(_ context.Context, name string, _ time.Time) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.claims[name] {
		return false, c.err
	}
	if c.claims == nil {
		c.claims = map[string]bool{}
	}
	c.claims[name] = true
	return true, c.err
}

// Two nodes share a store: the second does not fetch, a renewal by one serves the
// other, and a store that is down or holds rubbish costs a call but no login.
func TestSharedCache(t *testing.T) {
	s := new(tokenServer)
	cache := &mapCache{values: map[string][]byte{}}
	a, clock := newSource(t, s, cache)
	b, _ := newSource(t, s, cache)
	b.keeper.now = clock.now
	wantToken(t, "T0")(a.Token(t.Context(), testApp, nil))
	wantToken(t, "T0")(b.Token(t.Context(), testApp, nil))
	wantToken(t, "T1")(a.Renew(t.Context(), testApp, "T0", nil))
	wantToken(t, "T1")(b.Renew(t.Context(), testApp, "T0", nil))
	if s.calls.Load() != 3 || s.forced.Load() != 1 {
		t.Errorf("%d calls, %d forced; want 3, 1", s.calls.Load(), s.forced.Load())
	}
	// A dead token that WeChat repeats must not take the place of another node's new one.
	if got := fmt.Sprint(cache.saved); got != `[{"token":"T0", {"token":"T1",]` {
		t.Errorf("saved %s", got)
	}
	if want := clock.now().Add(7200*time.Second - keptMargin); !cache.until.Equal(want) {
		t.Errorf("kept until %v, want %v", cache.until, want)
	}
	over := fmt.Sprintf(`{"token":"OLD","until":%q}`, clock.now().Format(time.RFC3339Nano))
	for _, rubbish := range []string{"", "null", "{}", "x", `{"token":"a b","until":"2099-01-01T00:00:00Z"}`, over} {
		cache.values[testApp.ID] = []byte(rubbish)
		fresh, _ := newSource(t, s, cache)
		fresh.keeper.now = clock.now
		wantToken(t, "T1")(fresh.Token(t.Context(), testApp, nil))
	}
	cache.err = errors.New("store is down")
	fresh, _ := newSource(t, s, cache)
	wantToken(t, "T1")(fresh.Token(t.Context(), testApp, nil))
}

// WeChat kills the old token whenever it is forced, so two nodes that force at the same
// moment would kill each other's new one, for ever. One of them waits for the other.
func TestOneNodeForces(t *testing.T) {
	s := new(tokenServer)
	cache := &mapCache{values: map[string][]byte{}}
	var nodes []*TokenSource
	for range 4 {
		node, _ := newSource(t, s, cache)
		wantToken(t, "T0")(node.Token(t.Context(), testApp, nil))
		nodes = append(nodes, node)
	}
	var wg sync.WaitGroup
	for _, node := range nodes {
		for range 10 {
			wg.Go(func() {
				if token, err := node.Renew(t.Context(), testApp, "T0", nil); token != "T1" || err != nil {
					t.Errorf("%q, %v", token, err)
				}
			})
		}
	}
	wg.Wait()
	if s.forced.Load() != 1 {
		t.Errorf("%d forced, want 1", s.forced.Load())
	}
	// What is said of 30 s holds for all nodes together.
	_, err := nodes[1].Renew(deadline(t, 5*time.Second), testApp, "T1", nil)
	if wantKind(t, err, KindBadToken); s.forced.Load() != 1 {
		t.Errorf("%d forced within 30 s, want 1", s.forced.Load())
	}
}
