// web_test.go: each attack of corpus/web-*.json must be found out on a site that makes
// every mistake, or it could not fail.

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestCarelessSiteIsCaught(t *testing.T) {
	cases, err := loadWebCases()
	if err != nil {
		t.Fatal(err)
	}
	w := &webWorld{tokens: make(map[string]string)}
	defer w.stop()
	sim := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		json.NewEncoder(rw).Encode(map[string]string{"code": "c0de" + newNonce()})
	}))
	defer sim.Close()
	w.sim = sim.URL
	if err := w.around(sim.URL); err != nil {
		t.Fatal(err)
	}
	careless := httptest.NewServer(http.HandlerFunc(w.careless))
	defer careless.Close()
	addr := strings.TrimPrefix(careless.URL, "http://")
	w.site, w.other, w.relay = addr, addr, addr

	caught := make(map[string]bool)
	for _, r := range playWeb(w, cases, regexp.MustCompile("")) {
		for _, p := range r.problems {
			if strings.Contains(p, "cannot be sent") {
				t.Errorf("%s: %s", r.name, p)
			}
		}
		caught[r.name] = len(r.problems) >= r.requests && r.requests > 0
	}
	for _, c := range cases {
		if !c.Control && !caught[c.Name] {
			t.Errorf("%s: a careless site gets through", c.Name)
		}
	}
}

// careless does all that it is asked, for whom it is asked. To the honest requests
// around an attack it answers what they need.
func (w *webWorld) careless(rw http.ResponseWriter, r *http.Request) {
	if agent := r.UserAgent(); agent == webAgent || strings.HasPrefix(agent, "Go-http-client") {
		w.helpful(rw, r)
		return
	}
	for target, addr := range map[string]string{"/smuggled?" + webKey: w.wechat.addr, r.URL.Path: w.backend.addr} {
		up, err := http.NewRequest(http.MethodGet, "http://"+addr+"/"+strings.TrimPrefix(target, "/"), nil)
		if err != nil {
			continue
		}
		up.Header = r.Header.Clone()
		up.Header.Set("X-WeChat-OpenID", eve)
		if answer, err := http.DefaultClient.Do(up); err == nil {
			answer.Body.Close()
		}
	}
	http.SetCookie(rw, &http.Cookie{Name: cookieName, Value: "somebody"})
	rw.Header().Set("Location", "https://evil.example/")
	rw.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	rw.WriteHeader(http.StatusAccepted)
	fmt.Fprint(rw, webKey)
}

func (w *webWorld) helpful(rw http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/wechat/authorize":
		state := newNonce()
		http.SetCookie(rw, &http.Cookie{Name: "login" + state, Value: "x"})
		http.Redirect(rw, r, w.sim+"/connect/oauth2/authorize?state="+state, http.StatusFound)
	case "/wechat/callback", "/wechat/enter":
		http.Redirect(rw, r, "/", http.StatusFound)
	case "/public/x":
		up, err := http.NewRequest(http.MethodGet, "http://"+w.backend.addr+"/public/x", nil)
		if err == nil {
			up.Header.Set("X-WeChat-Assertion", "a.b.c")
			if answer, err := http.DefaultClient.Do(up); err == nil {
				answer.Body.Close()
			}
		}
	default:
		json.NewEncoder(rw).Encode(map[string]string{"token": "t0ken", "ticket": "t1cket", "access_token": "relay_x"})
	}
}
