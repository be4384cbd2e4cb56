// login.go: what the holder of a session may rely on.

package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

type standing int

const (
	lives   standing = iota // the login was acknowledged
	over                    // so was its end
	unknown                 // its end was asked for, and no answer came
)

const (
	// elsewhere is how long another gateway may take to know of an end: a second,
	// and half of one for a machine that runs all of this at once.
	elsewhere = 1500 * time.Millisecond

	// doubt is how long a write may go on whose answer never came.
	doubt = 5 * time.Second
)

// login is one session of somebody.
type login struct {
	token, id       string
	issued, expires time.Time // to the second, as the token has them: the session ends within that second

	failures int  // of open data in a row; ten end it
	accepted data // the last that was taken

	mu       sync.Mutex
	standing standing
	since    time.Time // when that began
	at       *gateway  // who knows it at once
}

// readLogin takes a token apart as its client may.
func readLogin(token string) (*login, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		IAT, EXP int64
		JTI      string
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.EXP == 0 || claims.JTI == "" {
		return nil, false
	}
	return &login{token: token, id: claims.JTI, issued: time.Unix(claims.IAT, 0), expires: time.Unix(claims.EXP, 0)}, true
}

// become notes a standing from now on. What is over stays so.
func (l *login) become(s standing, at *gateway) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standing == over || l.standing == s {
		return
	}
	l.standing, l.since, l.at = s, time.Now(), at
}

// may tells which answers are right for a request of that time: that the session
// lives, that it does not.
func (l *login) may(g *gateway, sent, done time.Time) (in, out bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in, out = sent.Before(l.latest()), !done.Before(l.expires)
	switch l.standing {
	case over:
		in = in && g != l.at && sent.Before(l.since.Add(elsewhere))
		out = true
	case unknown:
		out = true
	}
	return in, out
}

// learn draws a conclusion from an answer about a session that is in doubt.
func (l *login) learn(g *gateway, in bool) {
	l.mu.Lock()
	s, since := l.standing, l.since
	l.mu.Unlock()
	switch {
	case s != unknown:
	case !in:
		l.become(over, g)
	case time.Since(since) > doubt:
		l.become(lives, g)
	}
}

// countedYet reports whether a gateway may count a session that has expired, or will.
func (l *login) countedYet() bool {
	return l.expired() && time.Now().Before(l.expires.Add(time.Minute))
}

// name is how its requests are called in the account.
func (l *login) name() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.standing == over:
		return "ended"
	case !time.Now().Before(l.expires):
		return "expired"
	case l.standing == unknown:
		return "in doubt"
	}
	return "live"
}

func (l *login) is(s standing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.standing == s && time.Now().Before(l.expires)
}

// ended is when a session was over for certain; zero if it is not.
func (l *login) ended() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standing == over {
		return l.since
	}
	if end := l.latest(); time.Now().After(end) {
		return end
	}
	return time.Time{}
}

// latest is when a session has expired for certain.
func (l *login) latest() time.Time { return l.expires.Add(time.Second) }

// expired reports whether a session ends, or has ended, by itself.
func (l *login) expired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.standing != over && !time.Now().Before(l.expires)
}
