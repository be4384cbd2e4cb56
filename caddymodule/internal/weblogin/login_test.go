package weblogin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoginLife(t *testing.T) {
	l, c := newLogins(t)
	b, s := &browser{}, site(t)
	login := b.begin(t, l, s, "/orders?page=2")
	c.forward(9 * time.Minute)
	got, err := l.Find(t.Context(), s, b.request(), login.State)
	if err != nil || got.Return != "/orders?page=2" || got.AppID != appid || got.Phase != Pending || got.Round != 0 || !got.Began.Equal(start) {
		t.Fatalf("%+v, %v", got, err)
	}
	b.finish(t, l, s, got, "session-1")
	c.forward(9 * time.Minute) // the finished one is told of for as long again
	got, err = l.Find(t.Context(), s, b.request(), login.State)
	if err != nil || got.Phase != Finished || got.SessionID != "session-1" || got.Return != "/orders?page=2" {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(b.cookies) != 1 {
		t.Errorf("%d cookies", len(b.cookies))
	}
}

// The exact Set-Cookie of a login and of its end.
func TestCookieAttributes(t *testing.T) {
	l, _ := newLogins(t)
	response := http.Header{}
	login, err := l.Begin(t.Context(), site(t), http.Header{}, response, appid, "/"+strings.Repeat("&", maxReturn-1))
	if err != nil {
		t.Fatal(err)
	}
	Drop(response, login)
	lines := response["Set-Cookie"]
	name, value := CookiePrefix+login.State[:nonceLength], ""
	if len(lines) == 2 {
		_, value, _ = strings.Cut(strings.TrimSuffix(lines[0], "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"), "=")
	}
	if len(lines) != 2 || lines[0] != name+"="+value+"; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax" ||
		lines[1] != name+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("%q", lines)
	}
	if !strings.HasPrefix(name, "__Host-") || len(lines[0]) >= 4096 {
		t.Errorf("%d bytes: %s", len(lines[0]), name)
	}
	if strings.Contains(value, appid) || strings.Contains(value, login.State) {
		t.Error("the value shows what it holds")
	}
}

// A login opens in no other browser, site, prefix or gateway, under no other
// state, and not when it is too old.
func TestLoginElsewhere(t *testing.T) {
	l, c := newLogins(t)
	b, s := &browser{}, site(t)
	login := b.begin(t, l, s, "/a")
	other := b.begin(t, l, s, "/b")
	here := b.request()
	foreign := Logins{Sealer: newSealer(t, "another gateway"), Now: l.Now}
	renamed := strings.Repeat("A", nonceLength) + login.State[nonceLength:]
	moved := strings.ReplaceAll(here.Get("Cookie"), login.State[:nonceLength], renamed[:nonceLength])
	swapped := fmt.Sprintf("%s=%s", cookieName(other.State), oneCookie(here, cookieName(login.State)))
	for name, f := range map[string]func() (Login, error){
		"another browser": func() (Login, error) { return l.Find(t.Context(), s, http.Header{}, login.State) },
		"another site": func() (Login, error) {
			return l.Find(t.Context(), Site{origin(t, "https://b.example.com"), s.Prefix}, here, login.State)
		},
		"another port": func() (Login, error) {
			return l.Find(t.Context(), Site{origin(t, "https://app.example.com:8443"), s.Prefix}, here, login.State)
		},
		"http": func() (Login, error) {
			return l.Find(t.Context(), Site{origin(t, "http://app.example.com"), s.Prefix}, here, login.State)
		},
		"another prefix":  func() (Login, error) { return l.Find(t.Context(), Site{s.Origin, "/login"}, here, login.State) },
		"another gateway": func() (Login, error) { return foreign.Find(t.Context(), s, here, login.State) },
		"another tag": func() (Login, error) {
			return l.Find(t.Context(), s, here, login.State[:nonceLength]+siteTag(origin(t, "https://b.example.com")))
		},
		"a renamed cookie": func() (Login, error) {
			return l.Find(t.Context(), s, http.Header{"Cookie": {moved}}, renamed)
		},
		"another login's cookie": func() (Login, error) {
			return l.Find(t.Context(), s, http.Header{"Cookie": {swapped}}, other.State)
		},
		"no state":    func() (Login, error) { return l.Find(t.Context(), s, here, "") },
		"short state": func() (Login, error) { return l.Find(t.Context(), s, here, login.State[:nonceLength]) },
		"too old": func() (Login, error) {
			defer c.forward(-10 * time.Minute)
			c.forward(10 * time.Minute)
			return l.Find(t.Context(), s, here, login.State)
		},
		"from the future": func() (Login, error) {
			defer c.forward(2 * time.Minute)
			c.forward(-2 * time.Minute)
			return l.Find(t.Context(), s, here, login.State)
		},
	} {
		if got, err := f(); err != ErrNoLogin || got != (Login{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := l.Find(t.Context(), s, here, login.State); err != nil {
		t.Errorf("the genuine one: %v", err)
	}
}

// A sibling domain tosses cookies: look-alikes are neither taken nor in the way,
// and of two that a browser cannot have, none counts.
func TestTossedCookies(t *testing.T) {
	l, _ := newLogins(t)
	b, attacker, s := &browser{}, &browser{}, site(t)
	login := b.begin(t, l, s, "/")
	planted := attacker.begin(t, l, s, "/attack")
	genuine := b.request().Get("Cookie")
	theirs := attacker.request().Get("Cookie")
	for _, blank := range []string{"\u2000", "\u00a0", "\u0085", "\u2028", "\u3000", "\v", "\f", "\x00", `"`} {
		h := http.Header{"Cookie": {blank + theirs}}
		if got, err := l.Find(t.Context(), s, h, planted.State); err != ErrNoLogin {
			t.Errorf("%q before the name: %+v, %v", blank, got, err)
		}
		h = http.Header{"Cookie": {blank + genuine + "; " + genuine}}
		if _, err := l.Find(t.Context(), s, h, login.State); err != nil {
			t.Errorf("%q: a look-alike is in the way: %v", blank, err)
		}
	}
	for _, line := range []string{"\t " + genuine + " \t", "a=b;" + genuine + ";c", "=;;" + genuine} {
		if _, err := l.Find(t.Context(), s, http.Header{"Cookie": {line}}, login.State); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, lines := range [][]string{{genuine + "; " + genuine}, {genuine, genuine}, {genuine, cookieName(login.State) + "=x"}, {strings.ToLower(genuine)}, {strings.Replace(genuine, "=", " \u00a0=", 1)}} {
		if got, err := l.Find(t.Context(), s, http.Header{"Cookie": lines}, login.State); err != ErrNoLogin {
			t.Errorf("%q: %+v, %v", lines, got, err)
		}
	}
}

// Several tabs: at least three pending logins, of the longest return, whether
// they begin one after the other or at the same time. The oldest goes first.
func TestManyTabs(t *testing.T) {
	l, c := newLogins(t)
	s := site(t)
	long := "/" + strings.Repeat("x", maxReturn-1)
	for path, want := range map[string]int{"/": maxLogins, long: 3} {
		b := &browser{}
		var all []Login
		for range 20 {
			all = append(all, b.begin(t, l, s, path))
			c.forward(time.Second)
		}
		for i, login := range all {
			if _, err := l.Find(t.Context(), s, b.request(), login.State); (err == nil) != (i >= len(all)-want) {
				t.Errorf("%.9s: login %d of %d: %v", path, i+1, len(all), err)
			}
		}
		if n := len(b.request().Get("Cookie")); n > maxLoginBytes {
			t.Errorf("%.9s: %d bytes of cookies", path, n)
		}
	}
	b := &browser{}
	var responses []http.Header
	var all []Login
	for i := range 3 {
		response := http.Header{}
		login, err := l.Begin(t.Context(), s, http.Header{}, response, appid, fmt.Sprint("/tab/", i))
		if err != nil {
			t.Fatal(err)
		}
		responses, all = append(responses, response), append(all, login)
	}
	for _, r := range responses {
		b.take(t, r)
	}
	for i, login := range all {
		if got, err := l.Find(t.Context(), s, b.request(), login.State); err != nil || got.Return != fmt.Sprint("/tab/", i) {
			t.Errorf("tab %d: %+v, %v", i, got, err)
		}
	}
}

// What does not open is cleared away, and a request with a thousand login
// cookies costs what sixteen do.
func TestRubbishCookies(t *testing.T) {
	l, _ := newLogins(t)
	counting := &countingSealer{Sealer: l.Sealer}
	l.Sealer = counting
	var pairs []string
	for range 1000 {
		pairs = append(pairs, cookieName(newState(site(t).Origin))+"="+strings.Repeat("A", 1000))
	}
	response := http.Header{}
	if _, err := l.Begin(t.Context(), site(t), http.Header{"Cookie": {strings.Join(pairs, "; ")}}, response, appid, "/"); err != nil {
		t.Fatal(err)
	}
	if counting.opened != maxOpened || len(response["Set-Cookie"]) != maxOpened+1 {
		t.Errorf("%d opened, %d set", counting.opened, len(response["Set-Cookie"]))
	}
	response = http.Header{}
	DropAll(http.Header{"Cookie": {strings.Join(pairs, "; ") + "; __Host-wechat_session=x"}}, response)
	if n := len(response["Set-Cookie"]); n != 4*maxLogins {
		t.Errorf("%d dropped", n)
	}
}

// WeChat refuses a code: one more round, and the next refusal ends it.
func TestRounds(t *testing.T) {
	l, c := newLogins(t)
	b, s := &browser{}, site(t)
	first := b.begin(t, l, s, "/a")
	refuse := func(login Login) bool {
		response := http.Header{}
		again, err := l.Refuse(t.Context(), s, response, login)
		if err != nil {
			t.Fatal(err)
		}
		b.take(t, response)
		return again
	}
	if !refuse(first) {
		t.Fatal("no second round")
	}
	if got, err := l.Find(t.Context(), s, b.request(), first.State); err != nil || got.Phase != Refused {
		t.Fatalf("%+v, %v", got, err)
	}
	c.forward(time.Second)
	elsewhere := b.begin(t, l, s, "/b")
	second := b.begin(t, l, s, "/a")
	if elsewhere.Round != 0 || second.Round != 1 {
		t.Fatalf("rounds %d, %d", elsewhere.Round, second.Round)
	}
	if got, err := l.Find(t.Context(), s, b.request(), second.State); err != nil || got.Round != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if refuse(second) {
		t.Fatal("a third round")
	}
	if _, err := l.Find(t.Context(), s, b.request(), second.State); err != ErrNoLogin {
		t.Errorf("after the second round: %v", err)
	}
	if third := b.begin(t, l, s, "/a"); third.Round != 0 {
		t.Error("a login that the user begins anew is not the first round")
	}
}

// The browser keeps the login cookie, but not the session cookie.
func TestLoop(t *testing.T) {
	for _, path := range []string{"/a", "/" + strings.Repeat("x", maxReturn-1)} {
		l, c := newLogins(t)
		b, s := &browser{}, site(t)
		loop := func(pause time.Duration) {
			for i := range loopCount {
				c.forward(pause)
				b.finish(t, l, s, b.begin(t, l, s, path), fmt.Sprint("session-", i))
			}
		}
		begin := func(b *browser, path string) error {
			response := http.Header{}
			_, err := l.Begin(t.Context(), s, b.request(), response, appid, path)
			b.take(t, response)
			return err
		}
		loop(2 * time.Second)
		other := browser{slices.Clone(b.cookies)}
		if err := begin(&other, "/b"); err != nil {
			t.Errorf("to another place: %v", err)
		}
		out := browser{slices.Clone(b.cookies)}
		response := http.Header{}
		DropAll(out.request(), response)
		out.take(t, response)
		if err := begin(&out, path); err != nil || len(out.cookies) != 1 {
			t.Errorf("after a logout: %v, %d cookies", err, len(out.cookies))
		}
		if err := begin(b, path); err != ErrLoop {
			t.Errorf("to the same place: %v", err)
		}
		if err := begin(b, path); err != nil || len(b.cookies) != 1 {
			t.Errorf("from the page: %v, %d cookies", err, len(b.cookies))
		}
		loop(loopWindow)
		if err := begin(b, path); err != nil {
			t.Errorf("slowly: %v", err)
		}
	}
}

// A sealer that cannot answer is an outage, and no missing login.
func TestSealerDown(t *testing.T) {
	l, _ := newLogins(t)
	b, s := &browser{}, site(t)
	login := b.begin(t, l, s, "/")
	l.Sealer = downSealer{}
	_, err := l.Find(t.Context(), s, b.request(), login.State)
	_, err2 := l.Begin(t.Context(), s, b.request(), http.Header{}, appid, "/")
	_, err3 := l.Begin(t.Context(), s, http.Header{}, http.Header{}, appid, "/")
	for i, err := range []error{err, err2, err3, l.Finish(t.Context(), s, http.Header{}, login, "x")} {
		if !errors.Is(err, errDown) || errors.Is(err, ErrNoLogin) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

type countingSealer struct {
	Sealer
	opened int
}
