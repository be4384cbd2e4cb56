// check_crowd_test.go: a hundred people at once through each proxy.

package wechatcheck_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// 10,000 requests of 100 people, on connections that they share: the backend tells each
// whom it took them for, and nobody is taken for somebody else. Meanwhile half of them
// log out: the request after that is refused.
func TestDoorCrowd(t *testing.T) {
	const people, requests = 100, 10_000
	eachDoor(t, "", func(t *testing.T, d *door) {
		d.gw.Upstream.SetAnswer(func(r gatewaytest.Request) string {
			text := r.Get("X-WeChat-OpenID") + "|" + r.Get("X-Person")
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		})
		openids, tokens := make([]string, people), make([]string, people)
		for i := range people {
			openids[i] = fmt.Sprintf("oPerson%021d", i)
			tokens[i] = d.login(t, openids[i])
		}
		var out [people]atomic.Bool
		var next, wrong, served, refused atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for {
					n := int(next.Add(1))
					if n > requests {
						return
					}
					i := (n * 37) % people
					leaves := n > requests/2 && i%2 == 0 && out[i].CompareAndSwap(false, true)
					if leaves {
						if got, err := d.c.Try(gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: tokens[i]}); err != nil || got.Status != 204 {
							t.Errorf("logout: %v %v", got, err)
						}
						out[i].Store(true)
					}
					got, err := d.c.Try(gatewaytest.Call{Target: "/me", Token: tokens[i], Header: gatewaytest.Header("X-Person", openids[i])})
					switch {
					case err != nil:
						t.Errorf("%v", err)
						wrong.Add(1)
					case leaves && got.Status != 401:
						t.Errorf("after the logout: %d", got.Status)
						wrong.Add(1)
					case got.Status == 200 && got.Body == openids[i]+"|"+openids[i]:
						served.Add(1)
					case got.Status == 401 && out[i].Load():
						refused.Add(1)
					default:
						t.Errorf("%s was answered %d %q", openids[i], got.Status, got.Body)
						wrong.Add(1)
					}
					if wrong.Load() > 10 {
						return
					}
				}
			})
		}
		wg.Wait()
		if served.Load() < requests/2 || refused.Load() < requests/10 {
			t.Errorf("%d served, %d refused", served.Load(), refused.Load())
		}
		for _, r := range d.gw.Upstream.Requests() {
			if strings.Contains(r.Raw, "eyJ") {
				t.Fatal("a token reached the backend")
			}
		}
	})
}
