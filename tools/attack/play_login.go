// play_login.go: scenarios about codes, logins and cookies.

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

func loginBody(code, app string) string { return fmt.Sprintf(`{"code":%q,"appid":%q}`, code, app) }

// playRace sends one code many times at once.
func playRace(_ context.Context, w *world, r *result) error {
	const racers = 20
	for _, siteName := range []string{"bearer", "cookie", "es256"} {
		s := w.site(siteName)
		for i, protocol := range allProtocols {
			openid := person("Race", i)
			code, err := w.code(s.app, openid)
			if err != nil {
				return err
			}
			var wg sync.WaitGroup
			answers := make(chan answer, racers)
			for range racers {
				wg.Go(func() {
					_, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/login", body: loginBody(code, s.app)})
					answers <- a
				})
			}
			wg.Wait()
			close(answers)
			good := 0
			for a := range answers {
				switch {
				case a.status == 200:
					good++
				case a.status != 400 || a.member("error") != "invalid_grant":
					r.check(false, "%s, %s: a login with a spent code: %d %s", siteName, protocol, a.status, a.body)
				}
			}
			r.check(good == 1, "%s, %s: %d of %d logins with one code succeeded", siteName, protocol, good, racers)
			r.check(w.wechat.about(code) == 1, "%s, %s: WeChat was asked %d times about one code", siteName, protocol, w.wechat.about(code))
		}
	}
	return nil
}

func playReplay(_ context.Context, w *world, r *result) error {
	s := w.site("bearer")
	code, err := w.code(s.app, person("Replay", 0))
	if err != nil {
		return err
	}
	x, a := w.ask(r, question{site: s, protocol: "h1", method: "POST", target: "/wechat/login", body: loginBody(code, s.app)})
	r.expect(a, x, 200, "the first login")
	for _, siteName := range []string{"bearer", "cookie", "allapps", "forward", "twice", "errors"} {
		for _, protocol := range allProtocols {
			x, a := w.ask(r, question{site: w.site(siteName), protocol: protocol, method: "POST", target: "/wechat/login", body: loginBody(code, s.app)})
			r.expect(a, x, 400, "the code again")
			r.check(a.member("error") == "invalid_grant" && a.member("token") == "", "the code again: %s", a.body)
		}
	}
	r.check(w.wechat.about(code) == 1, "WeChat was asked %d times", w.wechat.about(code))
	return nil
}

// playFixation logs a victim in over a session that the attacker has planted.
func playFixation(_ context.Context, w *world, r *result) error {
	for i, protocol := range allProtocols {
		for _, way := range []string{"bearer", "cookie"} {
			s := w.site("cookie")
			planted, err := w.login(s, s.app, person("Mallory", i))
			if err != nil {
				return err
			}
			victim := person("Victim", i)
			code, err := w.code(s.app, victim)
			if err != nil {
				return err
			}
			field := [2]string{"Authorization", "Bearer " + planted}
			if way == "cookie" {
				field = [2]string{"Cookie", cookieName + "=" + planted}
			}
			x, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/login", body: loginBody(code, s.app), fields: [][2]string{field}})
			if !r.expect(a, x, 200, "the victim's login") {
				continue
			}
			token := a.member("token")
			r.check(token != "" && token != planted && a.member("openid") == victim, "%s: the login answered %.200s", protocol, a.body)
			x, a = w.ask(r, question{site: s, protocol: protocol, token: planted})
			r.expect(a, x, 401, "the planted token after the victim's login")
			x, a = w.ask(r, question{site: s, protocol: protocol, token: token})
			r.expect(a, x, 200, "the victim's token")
		}
	}
	return nil
}

// playCookie compares Set-Cookie to the letter.
func playCookie(_ context.Context, w *world, r *result) error {
	s := w.site("cookie")
	for i, protocol := range allProtocols {
		code, err := w.code(s.app, person("Cookie", i))
		if err != nil {
			return err
		}
		x, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/login", body: loginBody(code, s.app)})
		if !r.expect(a, x, 200, "a login") {
			continue
		}
		token := a.member("token")
		want := cookieName + "=" + token + "; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"
		got := strings.Join(a.header.Values("Set-Cookie"), "\n")
		r.check(got == want, "%s: Set-Cookie: %s", protocol, got)
		r.check(a.header.Get("Cache-Control") == "no-store", "%s: a login may be cached: %v", protocol, a.header)
		x, a = w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/logout", fields: [][2]string{{"Cookie", cookieName + "=" + token}}})
		r.expect(a, x, 204, "a logout")
		got = strings.Join(a.header.Values("Set-Cookie"), "\n")
		r.check(got == cookieName+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax", "%s: the logout's Set-Cookie: %s", protocol, got)
	}
	// a site without cookies sets none
	code, err := w.code(appA, person("Cookie", 99))
	if err != nil {
		return err
	}
	_, a := w.ask(r, question{site: w.site("bearer"), protocol: "h2", method: "POST", target: "/wechat/login", body: loginBody(code, appA)})
	r.check(a.status == 200 && len(a.header.Values("Set-Cookie")) == 0, "a site without cookies: %d %v", a.status, a.header)
	return nil
}
