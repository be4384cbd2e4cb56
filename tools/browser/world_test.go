// world_test.go: the built gateway, a simulated WeChat and a backend, as processes
// and servers of this test run.

package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/built"
)

const (
	appMini     = "wx00000000000000aa"
	appOfficial = "wx00000000000000cc"
	appWebsite  = "wx00000000000000dd"

	// of the people on the simulator's pages
	xiaoming = "oSimXiaoming0000000000000000"
	lijing   = "oSimLijing000000000000000000"
)

// world is what a test runs against. The sites are on localhost and WeChat is on
// 127.0.0.1, which for a browser are two sites.
type world struct {
	site     string // with web_login, for all the apps
	official string // logs in inside WeChat alone
	website  string // logs in outside WeChat alone
	silent   string // WeChat asks nobody, and sends the browser back at once
	sim      string
	rounds   atomic.Int64 // logins that the silent WeChat has answered
}

func startWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}

	simAddr := built.FreePort(t)
	w.sim = "http://" + simAddr
	built.Start(t, t.TempDir(), "wechatsim", simAddr, "-listen", simAddr,
		"-app", appMini+":secret-aa", "-app", appOfficial+":secret-cc:official", "-app", appWebsite+":secret-dd:website")

	backend := httptest.NewServer(http.HandlerFunc(showCaller))
	t.Cleanup(backend.Close)
	quiet := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.rounds.Add(1)
		query := strings.TrimSuffix(r.URL.RawQuery, "#wechat_redirect") + "&sim_user=" + xiaoming
		http.Redirect(rw, r, w.sim+r.URL.Path+"?"+query, http.StatusFound)
	}))
	t.Cleanup(quiet.Close)

	var ports [4]string
	for i := range ports {
		_, ports[i], _ = net.SplitHostPort(built.FreePort(t))
	}
	site := func(n int) string { return "http://localhost:" + ports[n] }
	w.site, w.official, w.website, w.silent = site(0), site(1), site(2), site(3)
	wechat := func(open string) string {
		return `
			app ` + appMini + ` secret-aa
			app ` + appOfficial + ` secret-cc official {
				scope snsapi_userinfo
			}
			app ` + appWebsite + ` secret-dd website
			api_base ` + w.sim + `
			open_base ` + open
	}
	block := func(address, apps string) string {
		return address + " {\n wechat_auth {\n app " + apps + "\n web_login\n }\n reverse_proxy " + strings.TrimPrefix(backend.URL, "http://") + "\n}\n"
	}
	built.Caddy(t, "127.0.0.1:"+ports[0], wechat(w.sim),
		block(w.site, "*")+block(w.official, appOfficial+" "+appMini)+block(w.website, appWebsite))
	built.Caddy(t, "127.0.0.1:"+ports[3], wechat(quiet.URL), block(w.silent, "*"))
	return w
}

// showCaller is the backend: a page that says who opened it.
func showCaller(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><title>backend</title>
<p id="openid">%s</p><p id="appid">%s</p><p id="path">%s</p><p id="method">%s</p><p id="cookies">%s</p>`,
		html.EscapeString(r.Header.Get("X-WeChat-OpenID")), html.EscapeString(r.Header.Get("X-WeChat-AppID")),
		html.EscapeString(r.URL.RequestURI()), r.Method, html.EscapeString(r.Header.Get("Cookie")))
}

// ticket logs a user of the mini program in and asks for a ticket into a web-view.
func (w *world) ticket(t *testing.T, openid string) string {
	t.Helper()
	var code, session, answer struct{ Code, Token, Ticket string }
	ask(t, w.sim+"/sim/login", "", map[string]string{"openid": openid, "appid": appMini}, &code)
	ask(t, w.site+"/wechat/login", "", map[string]string{"code": code.Code, "appid": appMini}, &session)
	ask(t, w.site+"/wechat/ticket", session.Token, nil, &answer)
	if answer.Ticket == "" {
		t.Fatal("no ticket")
	}
	return url.QueryEscape(answer.Ticket)
}

// ask posts JSON.
func ask(t *testing.T, target, token string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, target, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", target, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// localPage is a page of another origin, at a host name of this machine.
func localPage(t *testing.T, host string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!DOCTYPE html><link rel="icon" href="data:,"><title>evil</title><body>`)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", host, 1)
}
