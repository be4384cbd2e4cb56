// keys_test.go: who gets through, and how fast strangers are told that they do not.

package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// unhurried lifts the limit on refusals for tests that make many.
func (w *world) unhurried() { w.keys.refusals.SetLimit(rate.Inf) }

func TestKeys(t *testing.T) {
	asked := 0
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = io.WriteString(w, `{"errcode":0}`)
	})
	w.unhurried()
	for _, good := range []string{"Bearer " + testKey, "bearer " + otherKey, "BEARER  " + testKey} {
		w.ask(t, "GET", "/wxa/x", "", "Authorization", good).want(t, 200, "")
	}
	if asked != 3 {
		t.Errorf("%d calls reached WeChat, want 3", asked)
	}
	for _, bad := range []string{
		"", "Bearer", "Bearer ", testKey, "Basic " + testKey, "Bearer" + testKey, "Bearer x" + testKey, "Bearer " + testKey + "x",
		"Bearer " + testKey[:15], "Bearer " + strings.ToUpper(testKey), "Bearer " + testKey + " " + testKey, "Bearer " + testKey + "," + testKey,
		"Bearer\t" + testKey, "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvQUxJQ0UifQ.c2ln", "Bearer T0",
	} {
		a := w.ask(t, "GET", "/wxa/x", "", "Authorization", bad)
		a.want(t, 401, `"invalid_token"`)
		if strings.Contains(a.body, "errcode") || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), `Bearer realm="wechat"`) {
			t.Errorf("%q: %s, %v", bad, a.body, a.header)
		}
	}
	a := w.ask(t, "GET", "/wxa/x", "", "-Authorization", "")
	a.want(t, 401, `"invalid_token"`)
	if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="wechat"` {
		t.Errorf("challenge %q without a credential", got)
	}
	// Of two credentials none counts, and a bad one never falls back to a good one.
	w.ask(t, "GET", "/wxa/x", "", "Authorization", "Bearer "+testKey, "authorization", "Bearer "+testKey).want(t, 401, "")
	token := w.keys.all[0].makeToken(mini.ID, time.Now())
	w.ask(t, "GET", "/wxa/x?access_token="+token, "", "Authorization", "Bearer x").want(t, 401, "")
	// A key is no token, and a token no key.
	w.ask(t, "GET", "/wxa/x?access_token="+testKey, "", "-Authorization", "").want(t, 401, "40001")
	w.ask(t, "GET", "/wxa/x?key="+testKey, "", "-Authorization", "").want(t, 401, "")
	w.ask(t, "GET", "/wxa/x", "", "Authorization", "Bearer "+token).want(t, 401, "")
	if asked != 3 {
		t.Errorf("%d calls reached WeChat, want 3", asked)
	}
}

// An SDK with another base URL and a key in place of its secret.
func TestTokensForSDKs(t *testing.T) {
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RawQuery; got != "access_token=T0&x=1" {
			t.Errorf("query %q", got)
		}
		_, _ = io.WriteString(w, `{"errcode":0}`)
	}, func(o *Options) { o.Apps = []weixin.App{mini, official} })
	w.unhurried()
	query := "grant_type=client_credential&appid=" + official.ID + "&secret="
	object := `{"grant_type":"client_credential","appid":"` + official.ID + `","force_refresh":true,"secret":"`
	ask := map[string]func(secret string) answer{
		"GET token":  func(s string) answer { return w.ask(t, "GET", "/cgi-bin/token?"+query+s, "", "-Authorization", "") },
		"POST token": func(s string) answer { return w.ask(t, "POST", "/cgi-bin/token", query+s, "-Authorization", "") },
		"POST token, query": func(s string) answer {
			return w.ask(t, "POST", "/cgi-bin/token?"+query+s, "", "-Authorization", "")
		},
		"stable_token": func(s string) answer {
			return w.ask(t, "POST", "/cgi-bin/stable_token", object+s+`"}`, "-Authorization", "", "Content-Type", "application/json")
		},
		"another spelling": func(s string) answer { return w.ask(t, "GET", "/CGI-bin/Token/?"+query+s, "", "-Authorization", "") },
	}
	for name, ask := range ask {
		for _, key := range []string{testKey, otherKey} {
			a := ask(key)
			var got struct {
				AccessToken string `json:"access_token"`
				ExpiresIn   int    `json:"expires_in"`
			}
			if json.Unmarshal([]byte(a.body), &got) != nil || a.status != 200 || got.ExpiresIn != 7200 || got.AccessToken == "" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %s %v", name, a.status, a.body, a.header)
			}
			w.ask(t, "GET", "/wxa/x?access_token="+got.AccessToken+"&x=1", "", "-Authorization", "").want(t, 200, "")
			w.ask(t, "GET", "/wxa/x?access_token="+got.AccessToken+"&x=1", "", "-Authorization", "", "X-WeChat-AppID", official.ID).want(t, 200, "")
			w.ask(t, "GET", "/wxa/x?access_token="+got.AccessToken, "", "-Authorization", "", "X-WeChat-AppID", mini.ID).want(t, 400, "X-WeChat-AppID")
		}
		a := ask("APPSECRET2")
		a.want(t, 401, `"errcode":40125`)
		if !strings.Contains(a.body, `"error":"invalid_token"`) || !strings.Contains(a.body, `"errmsg"`) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	// What is not quite the way of WeChat's SDKs.
	for _, tt := range []struct {
		method, target, body string
		status               int
		part                 string
	}{
		{"GET", "/cgi-bin/token?grant_type=client_credential&appid=wx0&secret=" + testKey, "", 400, "40013"},
		{"GET", "/cgi-bin/token?grant_type=x&appid=" + mini.ID + "&secret=" + testKey, "", 400, "40002"},
		{"GET", "/cgi-bin/token?" + query + testKey + "&secret=x", "", 400, "twice"},
		{"POST", "/cgi-bin/token?" + query + testKey, "secret=" + testKey, 400, "twice"},
		{"GET", "/cgi-bin/token?secret=%zz", "", 400, "cannot be read"},
		{"GET", "/cgi-bin/stable_token?" + query + testKey, "", 405, "POST"},
		{"POST", "/cgi-bin/stable_token", "x", 400, "JSON"},
		{"POST", "/cgi-bin/stable_token", object + testKey + `","secret":"x"}`, 400, "JSON"},
		{"POST", "/cgi-bin/stable_token", "{}", 401, "40125"},
		{"POST", "/cgi-bin/stable_token", strings.Repeat(" ", maxTokenRequest) + "{}", 413, "16 KiB"},
		{"GET", "/cgi-bin/token", "", 401, "40125"},
		{"GET", "/cgi-bin/token/x?" + query + testKey, "", 403, "never relayed"},
		{"GET", "/cgi-bin/stable_token/?" + query + testKey, "", 405, "POST"},
	} {
		w.ask(t, tt.method, tt.target, tt.body).want(t, tt.status, tt.part)
	}
}

// A token is good on every node that has the key, over restarts, and until it ends or
// the key does.
func TestOwnTokens(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	node := func(texts ...string) *keys {
		k, err := newKeys(texts, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	a := node(testKey, otherKey)
	token := a.all[1].makeToken(mini.ID, now)
	for _, k := range []*keys{a, node(otherKey), node(otherKey, testKey)} {
		if appID, ok := k.openToken(token); !ok || appID != mini.ID {
			t.Errorf("%q, %v on a node with the key", appID, ok)
		}
	}
	if _, ok := node(testKey).openToken(token); ok {
		t.Error("good without the key that made it")
	}
	for i := range token {
		for _, c := range []byte{'A', 'B', '_', '\n'} {
			if forged := token[:i] + string(c) + token[i+1:]; forged != token {
				if appID, ok := a.openToken(forged); ok {
					t.Fatalf("forged at %d: good for %q", i, appID)
				}
			}
		}
		if _, ok := a.openToken(token[:i]); ok {
			t.Errorf("cut to %d: good", i)
		}
	}
	for _, forged := range []string{"", "T0", tokenMark, token + "A", token + "\n", token[:20] + "\n" + token[20:], tokenMark + token, token + "=", strings.TrimPrefix(token, tokenMark), strings.Repeat(token, 100)} {
		if _, ok := a.openToken(forged); ok {
			t.Errorf("%q is good", forged)
		}
	}
	if strings.Contains(token, testKey) || strings.Contains(token, otherKey) || len(token) > 120 {
		t.Errorf("token %q", token)
	}
	now = now.Add(tokenLife - time.Second)
	if _, ok := a.openToken(token); !ok {
		t.Error("ends before its time")
	}
	now = now.Add(time.Second)
	if _, ok := a.openToken(token); ok {
		t.Error("good after its time")
	}
}

// Tokens that ended, or came twice, or of an app that is gone: the SDK must ask anew.
func TestDeadTokensSay40001(t *testing.T) {
	w := start(t, neverAsked(t))
	w.unhurried()
	key := &w.keys.all[0]
	good := key.makeToken(mini.ID, time.Now())
	for name, query := range map[string]string{
		"over":      "access_token=" + key.makeToken(mini.ID, time.Now().Add(-tokenLife)),
		"other app": "access_token=" + key.makeToken(official.ID, time.Now()),
		"nonsense":  "access_token=x",
		"empty":     "access_token=",
		"twice":     "access_token=" + good + "&access_token=" + good,
		"encoded":   "access_token=" + good + "&%61ccess_token=" + good,
	} {
		a := w.ask(t, "GET", "/wxa/x?"+query, "", "-Authorization", "")
		if a.want(t, 401, `"errcode":40001`); !strings.Contains(a.body, "invalid_token") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// Guessing gets slow, and callers with a key do not feel it.
func TestGuessingIsSlow(t *testing.T) {
	w := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "{}") })
	begin := time.Now()
	for range refusalBurst + 3 {
		w.ask(t, "GET", "/wxa/x", "", "Authorization", "Bearer wrong").want(t, 401, "")
	}
	if took := time.Since(begin); took < 2*refusalInterval {
		t.Errorf("%d guesses in %v", refusalBurst+3, took)
	}
	for what, guess := range map[string]func(){
		"token":  func() { w.ask(t, "GET", "/wxa/x?access_token=x", "", "-Authorization", "") },
		"secret": func() { w.ask(t, "GET", "/cgi-bin/token?secret=x", "") },
	} {
		begin := time.Now()
		guess()
		if took := time.Since(begin); took < refusalInterval/2 {
			t.Errorf("a guess at a %s took %v", what, took)
		}
	}
	begin = time.Now()
	for range 20 {
		w.ask(t, "GET", "/wxa/x", "").want(t, 200, "")
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("20 calls with a key took %v beside a guesser", took)
	}
	// A flood leaves no debt behind that later refusals would have to wait off.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10_000 {
		w.keys.slowDown(gone)
	}
	if wait := w.keys.refusals.ReserveN(time.Now(), 1).Delay(); wait > maxRefusalWait+2*refusalInterval {
		t.Errorf("a debt of %v", wait)
	}
}

func ExampleNew() {
	_, err := New(Options{})
	fmt.Println(err)
	// Output: relay: Base, Tokens and Apps are required
}
