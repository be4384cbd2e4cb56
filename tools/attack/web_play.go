// web_play.go: sending the cases of web_case.go, with browsers, codes, tickets and
// signatures made anew for each request.

package main

import (
	"bufio"
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const webAgent = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"

// webShot is one request of a case, and what it uses.
type webShot struct {
	w        *webWorld
	values   map[string]string
	browsers map[string]map[string]string // cookies, by name, of victim, attacker and alice
	kept     map[string]string            // what a text names twice is the same
}

func newWebShot(w *webWorld, values map[string]string) *webShot {
	return &webShot{w: w, values: values, browsers: make(map[string]map[string]string), kept: make(map[string]string)}
}

var webText = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// fill replaces what stands in double braces.
func (s *webShot) fill(text string) (filled string, err error) {
	filled = webText.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-2]
		if v, ok := s.values[name]; ok {
			v, e := s.fill(v)
			err = cmp.Or(err, e)
			return v
		}
		if v, ok := s.kept[name]; ok {
			return v
		}
		v, e := s.value(name)
		err = cmp.Or(err, e)
		s.kept[name] = v
		return v
	})
	return filled, err
}

// value makes what a name asks for.
func (s *webShot) value(name string) (string, error) {
	kind, of, _ := strings.Cut(name, ":")
	switch kind {
	case "host":
		return localhost(map[string]string{"": s.w.site, "site": s.w.site, "other": s.w.other, "relay": s.w.relay}[of]), nil
	case "key":
		return webKey, nil
	case "bytes":
		b, err := hex.DecodeString(of)
		return string(b), err
	case "repeat":
		n, text, _ := strings.Cut(of, ":")
		count, err := strconv.Atoi(n)
		return strings.Repeat(text, count), err
	case "appid":
		return map[string]string{"": webMini, "official": webOfficial, "other": webOther, "website": webWebsite}[of], nil
	case "cookies": // of a browser
		var list []string
		for n, v := range s.browsers[of] {
			list = append(list, n+"="+v)
		}
		slices.Sort(list)
		return strings.Join(list, "; "), nil
	case "number":
		return strconv.FormatInt(rand.Int64(), 10), nil
	case "state", "returning": // a login that a browser has begun; or the victim, with a return
		browser, path := of, "/orders"
		if kind == "returning" {
			browser, path = "victim", s.values["r"]
		}
		path, err := s.fill(path)
		if err != nil {
			return "", err
		}
		a := s.send(s.w.site, "GET", "/wechat/authorize?return="+path, browser, "")
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || to.Query().Get("state") == "" {
			return "", fmt.Errorf("no login begins: %d", a.status)
		}
		return to.Query().Get("state"), nil
	case "usedstate": // one that alice ended in a browser
		state, err := s.value("state:" + of)
		if err != nil {
			return "", err
		}
		code, err := s.value("code:" + alice)
		if err != nil {
			return "", err
		}
		a := s.send(s.w.site, "GET", "/wechat/callback?code="+code+"&state="+state, of, "")
		if a.status != http.StatusFound {
			return "", fmt.Errorf("a login ends with %d", a.status)
		}
		return state, nil
	case "code", "othercode", "websitecode": // as WeChat gives one, of an app
		app := map[string]string{"code": webOfficial, "othercode": webOther, "websitecode": webWebsite}[kind]
		return s.ask(s.w.sim+"/sim/oauth", "", map[string]string{"appid": app, "openid": of}, "code")
	case "minicode":
		return s.ask(s.w.sim+"/sim/login", "", map[string]string{"appid": webMini, "openid": of}, "code")
	case "token": // of a session of the mini program. WeChat counts a user's logins, so it is kept
		if token := s.w.tokens[of]; token != "" {
			return token, nil
		}
		token, err := s.value("freshtoken:" + of)
		if err == nil {
			s.w.tokens[of] = token
		}
		return token, err
	case "freshtoken":
		code, err := s.value("minicode:" + of)
		if err != nil {
			return "", err
		}
		return s.ask("http://"+localhost(s.w.site)+"/wechat/login", "", map[string]string{"appid": webMini, "code": code}, "token")
	case "ticket", "usedticket", "deadticket":
		from := map[bool]string{false: "token:", true: "freshtoken:"}[kind == "deadticket"]
		token, err := s.value(from + of)
		if err != nil {
			return "", err
		}
		ticket, err := s.ask("http://"+localhost(s.w.site)+"/wechat/ticket", token, nil, "ticket")
		if err != nil {
			return "", err
		}
		switch kind {
		case "usedticket":
			if a := s.send(s.w.site, "GET", "/wechat/enter?ticket="+ticket, "used", ""); a.status != http.StatusFound {
				return "", fmt.Errorf("a ticket is answered %d", a.status)
			}
		case "deadticket":
			s.send(s.w.site, "POST", "/wechat/logout", "", token)
		}
		return ticket, nil
	case "lateticket":
		time.Sleep(time.Until(s.w.late))
		return s.w.early, nil
	case "assertion": // what the backend is sent about a user
		token, err := s.value("token:" + of)
		if err != nil {
			return "", err
		}
		s.w.backend.take()
		s.send(s.w.site, "GET", "/public/x", "", token)
		for _, h := range s.w.backend.take() {
			return h.Get("X-WeChat-Assertion"), nil
		}
		return "", fmt.Errorf("the backend got no assertion")
	case "relaytoken":
		a := s.send(s.w.relay, "GET", "/cgi-bin/token?grant_type=client_credential&appid="+webMini+"&secret="+webKey, "", "")
		var answer map[string]any
		if json.Unmarshal([]byte(a.body), &answer) != nil || answer["access_token"] == nil {
			return "", fmt.Errorf("the relay gives no token: %d", a.status)
		}
		return fmt.Sprint(answer["access_token"]), nil
	case "signed": // the query of a push: good, or wrong in one thing
		return signedPush(of), nil
	case "sealedquery", "sealedbody": // the two parts of a push in the secure mode
		return s.sealedValue(kind)
	}
	return "", fmt.Errorf("nothing is called %q", name)
}

// signedPush is timestamp, nonce and signature, as WeChat computes it.
func signedPush(how string) string {
	token, at, nonce := webPush, time.Now(), newNonce()
	switch how {
	case "othertoken":
		token = "pushtoken00000"
	case "old":
		at = at.Add(-11 * time.Minute)
	case "future":
		at = at.Add(11 * time.Minute)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	parts := []string{token, stamp, nonce}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	signature := hex.EncodeToString(sum[:])
	switch how {
	case "othernonce":
		nonce = newNonce()
	case "short":
		signature = signature[:39]
	case "unsigned":
		return "timestamp=" + stamp + "&nonce=" + nonce
	}
	return "signature=" + signature + "&timestamp=" + stamp + "&nonce=" + nonce
}

// ask posts JSON and returns a member of the answer.
func (s *webShot) ask(target, token string, body map[string]string, member string) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(string(text)))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	status, got, err := answerOf(r)
	var answer map[string]any
	if err != nil || json.Unmarshal([]byte(got), &answer) != nil || answer[member] == nil {
		return "", fmt.Errorf("%s gives no %s: %d %v", r.URL.Path, member, status, err)
	}
	return fmt.Sprint(answer[member]), nil
}

// send is an honest request of a browser inside WeChat, which keeps the cookies.
func (s *webShot) send(addr, method, target, browser, token string) webSeen {
	lines := method + " " + target + " HTTP/1.1\r\nHost: " + localhost(addr) + "\r\nUser-Agent: " + webAgent + "\r\nAccept: text/html\r\nContent-Length: 0\r\n"
	if token != "" {
		lines += "Authorization: Bearer " + token + "\r\n"
	}
	if cookies, _ := s.value("cookies:" + browser); cookies != "" {
		lines += "Cookie: " + cookies + "\r\n"
	}
	seen := exchangeRaw(addr, method, lines+"\r\n")
	if s.browsers[browser] == nil {
		s.browsers[browser] = make(map[string]string)
	}
	for _, c := range (&http.Response{Header: seen.header}).Cookies() {
		if s.browsers[browser][c.Name] = c.Value; c.MaxAge < 0 {
			delete(s.browsers[browser], c.Name)
		}
	}
	return seen
}

// exchangeRaw sends bytes and reads one answer. A connection that is closed without
// one has status 0.
func exchangeRaw(addr, method, raw string) (seen webSeen) {
	seen.header = make(http.Header)
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return seen
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, raw)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return seen
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	seen.status, seen.header, seen.body = response.StatusCode, response.Header, string(body)
	return seen
}

// playWeb sends all cases that match, one request after the other: what reaches the
// backend and WeChat meanwhile is that request's.
func playWeb(w *webWorld, cases []webCase, only *regexp.Regexp) (results []*result) {
	for i := range cases {
		c := &cases[i]
		if !c.Control && !only.MatchString(c.Item+" "+c.Name) {
			continue
		}
		r := &result{item: c.Item, name: c.Name, story: c.Story, control: c.Control}
		results = append(results, r)
		for _, values := range product(c.Vary) {
			s := newWebShot(w, values)
			seen, err := s.play(c)
			if err != nil {
				r.check(false, "%s: cannot be sent: %v", describe(values), err)
				continue
			}
			r.requests++
			r.passedOn += min(1, len(seen.backend))
			if seen.status == 0 || seen.status >= 400 {
				r.refused++
			}
			for _, problem := range c.problems(seen, w.sim, w.secrets()) {
				r.check(false, "%s: %s", describe(values), problem)
			}
		}
	}
	return results
}

// play sends one request of a case.
func (s *webShot) play(c *webCase) (webSeen, error) {
	method, err := s.fill(cmp.Or(c.Method, "GET"))
	if err != nil {
		return webSeen{}, err
	}
	addr := map[string]string{"": s.w.site, "site": s.w.site, "push": s.w.site, "other": s.w.other, "relay": s.w.relay}[c.To]
	target, err := s.fill(c.Target)
	if err != nil {
		return webSeen{}, err
	}
	lines := method + " " + target + " HTTP/1.1\r\nHost: " + localhost(addr) + "\r\nConnection: close\r\n"
	body, err := s.fill(c.Body)
	if err != nil {
		return webSeen{}, err
	}
	for _, f := range c.Fields {
		line, err := s.fill(f[0] + ": " + f[1])
		if err != nil {
			return webSeen{}, err
		}
		lines += line + "\r\n"
	}
	if method != "GET" || body != "" {
		lines += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	s.w.backend.take()
	s.w.wechat.take()
	seen := exchangeRaw(addr, method, lines+"\r\n"+body)
	seen.backend, seen.wechat = s.w.backend.take(), s.w.wechat.take()
	return seen, nil
}
