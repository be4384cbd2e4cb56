// nodes_test.go: several gateways relay for one app, and renew its token once.

package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// shared is a store that the nodes have in common.
type shared struct {
	mu     sync.Mutex
	values map[string][]byte
	claims map[string]time.Time
}

func (s *shared) LoadToken(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name], nil
}

func (s *shared) SaveToken(_ context.Context, name string, value []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
	return nil
}

func (s *shared) ClaimToken(_ context.Context, name string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.claims[name]) {
		return false, nil
	}
	s.claims[name] = until
	return true, nil
}

// Somebody else kills the token for good: WeChat goes on handing out the dead one until
// it is forced, and each force kills the token before it. Two nodes with a hundred
// callers force once, and every message is sent once.
func TestNodesRenewOnce(t *testing.T) {
	var mu sync.Mutex
	version, dead, forced := 0, -1, 0
	sent := map[string]int{}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/cgi-bin/stable_token" {
			var ask struct {
				Force bool `json:"force_refresh"`
			}
			_ = json.Unmarshal(body, &ask)
			if ask.Force {
				dead = version
				version, forced = version+1, forced+1
			}
			_, _ = fmt.Fprintf(w, `{"access_token":"T%d","expires_in":7200}`, version)
			return
		}
		if r.URL.Query().Get("access_token") != fmt.Sprintf("T%d", version) || dead == version {
			_, _ = io.WriteString(w, `{"errcode":40001,"errmsg":"invalid credential"}`)
			return
		}
		sent[string(body)]++
		_, _ = io.WriteString(w, `{"errcode":0}`)
	}))
	t.Cleanup(up.Close)
	store := &shared{values: map[string][]byte{}, claims: map[string]time.Time{}}
	node := func() *world {
		client, err := weixin.New(weixin.Options{BaseURL: up.URL})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		return startAt(t, up.URL, func(o *Options) { o.Tokens = weixin.NewTokenSource(client, store) })
	}
	nodes := []*world{node(), node()}
	for _, w := range nodes {
		w.ask(t, "POST", "/wxa/x", "first").want(t, 200, `"errcode":0`)
	}
	mu.Lock()
	dead = version
	mu.Unlock()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			nodes[i%2].ask(t, "POST", "/wxa/x", fmt.Sprint("message ", i)).want(t, 200, `{"errcode":0}`)
		})
	}
	wg.Wait()
	if forced != 1 {
		t.Errorf("forced %d times, want once", forced)
	}
	for i := range 100 {
		if n := sent[fmt.Sprint("message ", i)]; n != 1 {
			t.Errorf("message %d was sent %d times", i, n)
		}
	}
	// A token that one node handed out serves at the other.
	a := nodes[0].ask(t, "GET", "/cgi-bin/token?grant_type=client_credential&appid="+mini.ID+"&secret="+testKey, "")
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	nodes[1].ask(t, "POST", "/wxa/x?access_token="+got.AccessToken, "m", "-Authorization", "").want(t, 200, `"errcode":0`)
	if strings.Contains(a.body, fmt.Sprintf(`"T%d"`, version)) {
		t.Errorf("WeChat's token went out: %s", a.body)
	}
}
