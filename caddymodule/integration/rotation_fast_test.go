// rotation_fast_test.go: rotate_every, as short as it may be.

package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// Two gateways with one storage and a key that is replaced every two seconds (or
// one): tokens of many keys are about, and each is good at both gateways, from the
// moment it was made and as long as it lives. A backend finds all keys in jwks.json.
func TestRotateEverySecondsOnTwoNodes(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	for _, c := range []struct {
		every     string
		keys      int // that sign at least, in the time below
		keptAtMax int
	}{
		{"2s", 3, 40}, {"1s", 5, 80},
	} {
		t.Run(c.every, func(t *testing.T) {
			f := gatewaytest.NewFleet(t)
			wechat := "store redis redis://" + redis.Addr + " {\nprefix " + c.every + ":\n}\nsession_lifetime 30s\n" +
				"token {\nalgorithm EdDSA\nrotate_every " + c.every + "\n}\n"
			nodes := []*gatewaytest.Node{f.Add(wechat), f.Add(wechat)}

			var mu sync.Mutex
			var tokens []string
			kids := map[string]bool{}
			published := func(n *gatewaytest.Node, token string) error {
				got := n.Ask("GET", "/wechat/jwks.json", "", "")
				_, err := jwt.Parse(token, gatewaytest.KeyFromJWKS(t, got.Body), jwt.WithValidMethods([]string{"EdDSA"}))
				return err
			}
			end := time.Now().Add(gatewaytest.Longer(t, 8*time.Second))
			gatewaytest.Parallel(4, func(worker int) {
				for i := 0; time.Now().Before(end) && !t.Failed(); i++ {
					near, far := nodes[(worker+i)%2], nodes[(worker+i+1)%2]
					openid := gatewaytest.User(1000*worker + i)
					token, got := near.Login(openid)
					if busy(got) {
						continue
					}
					if token == "" {
						t.Errorf("login = %v", got)
						return
					}
					if got := far.Use(token); !busy(got) && (got.Status != http.StatusOK || got.Body != openid) {
						t.Errorf("use on the other gateway = %v", got)
					}
					if err := published(far, token); err != nil {
						t.Errorf("by jwks.json of the other gateway: %v", err)
					}
					mu.Lock()
					kids[gatewaytest.KeyID(t, token)] = true
					tokens = append(tokens, token)
					older := tokens[rand.IntN(len(tokens))]
					mu.Unlock()
					if expired(t, older) {
						continue
					}
					for _, n := range nodes {
						if got := n.Use(older); !busy(got) && got.Status != http.StatusOK && !expired(t, older) {
							t.Errorf("an older token = %v", got)
						}
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
			if len(kids) < c.keys {
				t.Errorf("%d keys signed; want %d or more", len(kids), c.keys)
			}
			byKid := map[string]string{}
			for _, token := range tokens {
				byKid[gatewaytest.KeyID(t, token)] = token
			}
			for _, token := range byKid {
				for _, n := range nodes {
					if expired(t, token) {
						continue
					}
					if got := n.Use(token); !busy(got) && got.Status != http.StatusOK {
						t.Errorf("at the end: %v", got)
					}
					if err := published(n, token); err != nil {
						t.Errorf("by jwks.json, at the end: %v", err)
					}
				}
			}
			for _, n := range nodes {
				var answer struct{ Keys []gatewaytest.Members }
				got := n.Request("GET", "http://"+n.Admin+"/wechat/keys", "", "")
				if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || len(answer.Keys) < len(kids) || len(answer.Keys) > c.keptAtMax {
					t.Errorf("%d keys are kept (%v)", len(answer.Keys), err)
				}
			}
			t.Logf("%d logins, %d keys signed", len(tokens), len(kids))
			f.RequireNoRace()
		})
	}
}

// busy is Redis, on a machine that runs other tests. It is no refusal.
func busy(got gatewaytest.Answer) bool { return got.Status == http.StatusServiceUnavailable }

// expired reports whether a token has less than a second to live.
func expired(t *testing.T, token string) bool {
	t.Helper()
	exp, _ := gatewaytest.Claims(t, token)["exp"].(float64)
	return time.Now().Add(time.Second).After(time.Unix(int64(exp), 0))
}

// What cannot be meant is told when the configuration is loaded, and how to mend it.
func TestRotateEveryThatKeepsTooMany(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "session_lifetime 30s\ntoken {\nrotate_every 1s\n}\n"})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for _, c := range []struct {
		every, lifetime string
		want            []string // of the error; none: it is accepted
	}{
		{"1s", "720h", []string{"rotate_every 1s", "session_lifetime 720h", "would keep 2592042 keys", "at most 1000", "make rotate_every 43m", "or session_lifetime shorter"}},
		{"1m", "24h", []string{"would keep 1444 keys", "make rotate_every 1m29s or more"}},
		{"1m29s", "24h", nil},
		{"43m", "720h", []string{"would keep 1007 keys"}},
		{"1h", "720h", nil},
		{"1s", "15m", nil},
	} {
		s := gatewaytest.Setup{Wechat: gatewaytest.InMemory + fmt.Sprintf("session_lifetime %s\ntoken {\nrotate_every %s\n}\n", c.lifetime, c.every)}
		if c.want == nil {
			gatewaytest.Reload(t, gw, s)
			continue
		}
		err := gw.Load(s)
		for _, part := range c.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s, %s: error %q does not say %q", c.every, c.lifetime, err, part)
			}
		}
	}
	gw.HangUp()
	gatewaytest.RequireAlive(t, gw, token, true)
}
