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
	return c.err
}

// Two nodes share a store: the second does not fetch, a renewal by one serves the
// other, and a store that is down or holds rubbish costs a call but no login.
func TestSharedCache(t *testing.T) {
	s := new(tokenServer)
	cache := &mapCache{values: map[string][]byte{}}
	a, clock := newSource(t, s, cache)
	b, _ := newSource(t, s, cache)
	b.now = clock.now
	wantToken(t, "T0")(a.Token(t.Context(), testApp, nil))
	wantToken(t, "T0")(b.Token(t.Context(), testApp, nil))
	wantToken(t, "T1")(a.Renew(t.Context(), testApp, "T0", nil))
	wantToken(t, "T1")(b.Renew(t.Context(), testApp, "T0", nil))
	if s.calls.Load() != 3 || s.forced.Load() != 1 {
		t.Errorf("%d calls, %d forced; want 3, 1", s.calls.Load(), s.forced.Load())
	}
	if want := clock.now().Add(7200*time.Second - tokenMargin); !cache.until.Equal(want) {
		t.Errorf("kept until %v, want %v", cache.until, want)
	}
	over := fmt.Sprintf(`{"token":"OLD","until":%q}`, clock.now().Format(time.RFC3339Nano))
	for _, rubbish := range []string{"", "null", "{}", "x", `{"token":"a b","until":"2099-01-01T00:00:00Z"}`, over} {
		cache.values[testApp.ID] = []byte(rubbish)
		fresh, _ := newSource(t, s, cache)
		fresh.now = clock.now
		wantToken(t, "T1")(fresh.Token(t.Context(), testApp, nil))
	}
	cache.err = errors.New("store is down")
	fresh, _ := newSource(t, s, cache)
	wantToken(t, "T1")(fresh.Token(t.Context(), testApp, nil))
}
