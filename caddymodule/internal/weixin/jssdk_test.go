// jssdk_test.go: the ticket is fetched once for all, and signs as WeChat's page says.

package weixin

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The vector of WeChat's documentation, "JS-SDK使用权限签名算法".
func TestSignPage(t *testing.T) {
	got := SignPage("sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
		"Wm3WZYTPz0wzccnW", 1414587457, "http://mp.weixin.qq.com?params=value")
	if want := "0f9de62fce790f9a083d5c99e95740ceb90c27ed"; got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
}

func TestJSAPITicket(t *testing.T) {
	tokens := new(tokenServer)
	var asked atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cgi-bin/ticket/getticket" {
			tokens.ServeHTTP(w, r)
			return
		}
		want := fmt.Sprintf("T%d", tokens.version.Load())
		if q := r.URL.Query(); r.Method != "GET" || q.Get("type") != "jsapi" || len(q) != 2 {
			t.Errorf("%s %s", r.Method, r.URL)
		} else if q.Get("access_token") != want {
			_, _ = w.Write([]byte(`{"errcode":40001,"errmsg":"invalid credential"}`))
			return
		}
		_, _ = fmt.Fprintf(w, `{"errcode":0,"errmsg":"ok","ticket":"TICKET%d","expires_in":3600}`, asked.Add(1))
	})
	cache := &mapCache{values: map[string][]byte{}}
	clock := &clock{t: time.Unix(1_800_000_000, 0)}
	node := func() *TokenSource {
		s := NewTokenSource(c, cache)
		s.keeper.now = clock.now
		return s
	}
	a, b := node(), node()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if ticket, err := a.JSAPITicket(t.Context(), testApp, nil); ticket != "TICKET1" || err != nil {
				t.Errorf("%q, %v", ticket, err)
			}
		})
	}
	wg.Wait()
	wantToken(t, "TICKET1")(b.JSAPITicket(t.Context(), testApp, nil))
	wantToken(t, "T0")(b.Token(t.Context(), testApp, nil))
	if asked.Load() != 1 || tokens.calls.Load() != 1 {
		t.Errorf("%d tickets and %d tokens fetched for two nodes, want 1 and 1", asked.Load(), tokens.calls.Load())
	}
	// Before its end it is fetched anew; that the access_token died meanwhile does not show.
	tokens.version.Add(1)
	clock.add(3600*time.Second - keptMargin - 1)
	wantToken(t, "TICKET1")(b.JSAPITicket(t.Context(), testApp, nil))
	clock.add(1)
	wantToken(t, "TICKET2")(b.JSAPITicket(t.Context(), testApp, nil))
	wantToken(t, "TICKET2")(a.JSAPITicket(t.Context(), testApp, nil))
	// A ticket is no token, and the other way round.
	wantToken(t, "T1")(b.Token(t.Context(), testApp, nil))
}
