// nodes_test.go: two gateways on one Redis: a logout on one is one on the other.

package integration

import (
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// seenWithin is the second in which a node must know what happened on another,
// and half of one for a machine that is busy with other tests.
const seenWithin = 1500 * time.Millisecond

// Ten thousand times somebody logs in at one gateway and works at the other, which
// from then on knows him without asking. Then he logs out at the first, or an
// operator ends his session or all of them there. The other must turn him away
// within a second, and for good.
func TestLogoutReachesTheOtherGateway(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	f := gatewaytest.NewFleet(t)
	nodes := []*gatewaytest.Node{f.Add("store redis redis://" + redis.Addr), f.Add("store redis redis://" + redis.Addr)}

	const pairs = 10_000
	end := time.Now().Add(gatewaytest.Longer(t, 15*time.Second))
	if os.Getenv("CADDY_WECHAT_TEST_FOR") != "" {
		end = time.Now().Add(time.Hour) // all of them, however long it takes
	}
	ways := []struct {
		name string
		end  func(n *gatewaytest.Node, token, openid string) gatewaytest.Answer
		want int
	}{
		{"logout", func(n *gatewaytest.Node, token, _ string) gatewaytest.Answer { return n.Logout(token) }, http.StatusNoContent},
		{"session revoked", func(n *gatewaytest.Node, token, _ string) gatewaytest.Answer {
			return n.Request("DELETE", "http://"+n.Admin+"/wechat/sessions/"+gatewaytest.SessionID(t, token), "", "")
		}, http.StatusNoContent},
		{"user revoked", func(n *gatewaytest.Node, _, openid string) gatewaytest.Answer {
			return n.Request("DELETE", "http://"+n.Admin+"/wechat/users/"+gatewaytest.AppA+"/"+openid, "", "")
		}, http.StatusOK},
	}
	var mu sync.Mutex
	took := make([][]time.Duration, len(ways))
	var tokens []string
	var next atomic.Int64
	gatewaytest.Parallel(8, func(int) {
		for {
			i := int(next.Add(1))
			if i > pairs || time.Now().After(end) {
				return
			}
			near, far, openid := nodes[i%2], nodes[(i+1)%2], gatewaytest.User(i)
			token, got := near.Login(openid)
			if token == "" {
				t.Errorf("login = %v", got)
				return
			}
			if got := far.Use(token); got.Status != http.StatusOK || got.Body != openid {
				t.Errorf("use on the other gateway = %v", got)
				return
			}
			way := 0
			if i%10 == 0 {
				way = 1 + i/10%2
			}
			if got := ways[way].end(near, token, openid); got.Status != ways[way].want {
				t.Errorf("%s = %v", ways[way].name, got)
				return
			}
			acknowledged := time.Now()
			for {
				asked := time.Since(acknowledged)
				got := far.Use(token)
				if got.Status == http.StatusUnauthorized {
					break
				}
				if got.Status != http.StatusOK || asked > seenWithin {
					t.Errorf("%v after a %s the other gateway says %v", asked, ways[way].name, got)
					return
				}
			}
			mu.Lock()
			took[way] = append(took[way], time.Since(acknowledged))
			tokens = append(tokens, token)
			mu.Unlock()
		}
	})
	time.Sleep(time.Second)
	gatewaytest.Parallel(8, func(part int) {
		for i := part; i < len(tokens); i += 8 {
			for _, n := range nodes {
				if got := n.Use(tokens[i]); got.Status != http.StatusUnauthorized {
					t.Errorf("a second after the end of a session: %v", got)
				}
			}
		}
	})
	f.RequireNoRace()
	for way, list := range took {
		if slices.Sort(list); len(list) < 3 {
			t.Errorf("%s: %d of them, too few for a verdict", ways[way].name, len(list))
			continue
		}
		t.Logf("%s: %d, refused on the other gateway after p50 %v, p99 %v, at most %v, the refused request included",
			ways[way].name, len(list), list[len(list)/2], list[len(list)*99/100], list[len(list)-1])
	}
}
