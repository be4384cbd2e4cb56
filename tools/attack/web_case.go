// web_case.go: attacks on logins by redirect, tickets, the relay and pushes: how one
// is written down, and what it must not achieve.

package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
)

// webCase is one attack, or one honest request (Control), as data in
// corpus/web-*.json. It is sent byte by byte over HTTP/1.1, once for each value of
// Vary. Its texts may hold what webShot.value knows.
type webCase struct {
	Name, Item, Story string
	Control           bool
	Vary              map[string]variants

	To     string // site (default), other, relay or push
	Method string // default GET
	Target string
	Fields [][2]string
	Body   string

	Status   []int  // the only answers allowed
	Location string // the only one allowed; wechat: to WeChat's page. Default: none but to the login
	Login    bool   // a session cookie may be set
	Backend  string // never (default), alice, anonymous or push
	WeChat   int    // how many calls WeChat may get, those for the relay's token aside
}

func loadWebCases() (cases []webCase, err error) {
	names, err := fs.Glob(corpusFiles, "corpus/web-*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var list []webCase
		if err := readData(name, &list); err != nil {
			return nil, err
		}
		for _, c := range list {
			if c.Name == "" || c.Item == "" || c.Story == "" || c.Target == "" || len(c.Status) == 0 {
				return nil, fmt.Errorf("%s: %q lacks name, item, story, target or status", name, c.Name)
			}
			if c.Backend == "" {
				c.Backend = "never"
			}
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// webSeen is what came of one shot.
type webSeen struct {
	status  int
	header  http.Header
	body    string
	backend []http.Header // of the requests that arrived there; X-Target has the target
	wechat  []http.Header // of the calls; X-Target has path and query
}

// problems says what was achieved that must not be.
func (c *webCase) problems(seen webSeen, openBase string, secrets map[string]string) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if !slices.Contains(c.Status, seen.status) {
		say("answered %d %.120q; want one of %d", seen.status, seen.body, c.Status)
	}
	switch to := seen.header.Get("Location"); {
	case to == "" && c.Location != "" && c.Control:
		say("leads nowhere; want %s", c.Location)
	case to == "" || to == c.Location && c.Location != "wechat":
	case c.Location == "wechat" && strings.HasPrefix(to, openBase+"/connect/"):
	case c.Location == "" && strings.HasPrefix(to, "/wechat/authorize?return="):
	default:
		say("leads to %.200s", to)
	}
	cookie := false
	for _, set := range seen.header["Set-Cookie"] {
		cookie = cookie || strings.HasPrefix(set, cookieName+"=") && !strings.HasPrefix(set, cookieName+"=;")
	}
	if cookie && !c.Login {
		say("logs somebody in")
	}
	if c.Control && c.Login && !cookie {
		say("logs nobody in")
	}
	if name := "Access-Control-Allow-Origin"; seen.header.Get(name) != "" {
		say("the answer has %s: %s", name, seen.header.Get(name))
	}
	for what, secret := range secrets {
		if strings.Contains(seen.body+fmt.Sprint(seen.header), secret) {
			say("the answer shows %s", what)
		}
		for _, call := range seen.wechat {
			if strings.HasPrefix(what, "the key") && strings.Contains(fmt.Sprint(call), secret) {
				say("WeChat is shown %s", what)
			}
		}
	}
	c.arrivals(seen, say)
	for _, call := range seen.wechat {
		for _, name := range []string{"Authorization", "Cookie", "X-Forwarded-Host", "X-Smuggled", "Referer", "X-Wechat-Appid"} {
			if call.Get(name) != "" {
				say("WeChat is sent the caller's %s", name)
			}
		}
	}
	for _, call := range seen.wechat {
		if strings.Contains(strings.ToLower(call.Get("X-Target")), "smuggled") {
			say("WeChat is sent what the caller smuggled: %s", call.Get("X-Target"))
		}
	}
	if n := len(seen.wechat); n > c.WeChat {
		say("WeChat got %d calls; want at most %d: %s", n, c.WeChat, seen.wechat[0].Get("X-Target"))
	}
	return list
}

func (c *webCase) arrivals(seen webSeen, say func(string, ...any)) {
	if n := len(seen.backend); n > 1 || n == 1 && c.Backend == "never" {
		say("reached the backend %d times", n)
	}
	if c.Control && c.Backend != "never" && len(seen.backend) == 0 {
		say("did not reach the backend")
	}
	for _, h := range seen.backend {
		if h.Get("X-WeChat-OpenID") == "" && h.Get("X-WeChat-Assertion") != "" {
			say("an assertion about nobody reaches the backend")
		}
		who := "anonymous"
		switch {
		case h.Get("X-WeChat-Push") != "":
			who = "push"
		case h.Get("X-WeChat-OpenID") == alice:
			who = "alice"
		case h.Get("X-WeChat-OpenID") != "":
			who = h.Get("X-WeChat-OpenID")
		}
		if who != c.Backend && c.Backend != "never" {
			say("the backend takes it for %s; want %s", who, c.Backend)
		}
	}
}
