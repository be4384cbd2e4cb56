// soak_test.go: what the verdict rests on: which answers are right, who is pushed
// out, and what explains the rest.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

var near, far = &gateway{name: "gateway A"}, &gateway{name: "gateway B"}

// at is a session that expires after a while, issued n seconds ago.
func at(n int, expires time.Duration) *login {
	now := time.Now()
	return &login{issued: now.Add(-time.Duration(n) * time.Second).Truncate(time.Second), expires: now.Add(expires)}
}

// A session may be in as long as nothing says that it is out, and out as soon as
// something says so; elsewhere a moment later.
func TestWhichAnswersAreRight(t *testing.T) {
	now := time.Now()
	live, expired, ended, doubtful := at(1, time.Minute), at(1, -2*time.Second), at(1, time.Minute), at(1, time.Minute)
	ended.become(over, near)
	doubtful.become(unknown, near)
	for name, test := range map[string]struct {
		l       *login
		g       *gateway
		sent    time.Time
		in, out bool
	}{
		"live":                        {live, near, now, true, false},
		"expired":                     {expired, near, now, false, true},
		"in the second of its end":    {at(1, 0), near, now.Add(500 * time.Millisecond), true, true},
		"expires on the way":          {at(1, time.Millisecond), near, now, true, true},
		"ended here":                  {ended, near, now.Add(time.Millisecond), false, true},
		"ended elsewhere, just now":   {ended, far, now.Add(time.Second), true, true},
		"ended elsewhere, long since": {ended, far, now.Add(elsewhere + time.Second), false, true},
		"in doubt":                    {doubtful, far, now, true, true},
	} {
		if in, out := test.l.may(test.g, test.sent, test.sent.Add(5*time.Millisecond)); in != test.in || out != test.out {
			t.Errorf("%s: may be in %v, out %v; want %v, %v", name, in, out, test.in, test.out)
		}
	}
}

// What is over stays over; what is in doubt is settled by an answer, but not to life
// while the end may be on its way.
func TestWhatIsLearnt(t *testing.T) {
	l := at(1, time.Minute)
	l.become(unknown, near)
	if l.learn(far, true); !l.is(unknown) {
		t.Error("a session that is still there at once is taken for one that stays")
	}
	l.since = l.since.Add(-doubt)
	if l.learn(far, true); !l.is(lives) {
		t.Error("a session that is there long after is not taken for one that lives")
	}
	l.become(unknown, near)
	if l.learn(far, false); !l.is(over) {
		t.Error("a session that is gone is not over")
	}
	if l.become(lives, near); !l.is(over) {
		t.Error("what is over came back")
	}
}

// The oldest beyond the limit are out. Who cannot be told from others, or may have
// been pushed out by a login whose answer never came, is in doubt.
func TestWhoIsPushedOut(t *testing.T) {
	for name, test := range map[string]struct {
		ages     []int // of the sessions, in seconds
		phantoms int
		want     string // of each: l, o, u
	}{
		"within the limit":    {[]int{5, 4, 3, 2, 1}, 0, "lllll"},
		"one too many":        {[]int{6, 5, 4, 3, 2, 1}, 0, "olllll"},
		"two too many":        {[]int{7, 6, 5, 4, 3, 2, 1}, 0, "oolllll"},
		"of the same second":  {[]int{6, 6, 4, 3, 2, 1}, 0, "uullll"},
		"perhaps one more":    {[]int{5, 4, 3, 2, 1}, 1, "ullll"},
		"certainly and maybe": {[]int{6, 5, 4, 3, 2, 1}, 1, "uullll"},
	} {
		p := &person{phantoms: make([]time.Time, test.phantoms)}
		for _, age := range test.ages {
			p.logins = append(p.logins, at(age, time.Minute))
		}
		p.pushOut(near)
		got := ""
		for _, l := range p.logins {
			got += string("lou"[l.standing])
		}
		if got != test.want {
			t.Errorf("%s: %s; want %s", name, got, test.want)
		}
	}
}

// An answer is explained by trouble of its own gateway, store and errand, at its own
// time, and by nothing else.
func TestWhatIsExplained(t *testing.T) {
	troubles := newTroubles()
	troubles.begin(redisDown, "Redis was killed", nil)()
	troubles.begin(gatewayDown, "gateway A was killed", near)()
	redis, local := &realm{redis: true}, &realm{}
	now := time.Now()
	for name, test := range map[string]struct {
		g    *gateway
		r    *realm
		n    needs
		a    answer
		want bool
	}{
		"503 while Redis is down":      {far, redis, needs{store: true}, answer{status: 503, retryAfter: 1}, true},
		"503 without Retry-After":      {far, redis, needs{store: true}, answer{status: 503}, false},
		"503 of another store":         {far, local, needs{store: true}, answer{status: 503, retryAfter: 1}, false},
		"503 that needs no store":      {far, redis, needs{}, answer{status: 503, retryAfter: 1}, false},
		"500":                          {near, redis, needs{store: true}, answer{status: 500}, false},
		"refused by one that was down": {near, redis, needs{}, answer{err: io.EOF}, true},
		"refused by another":           {far, redis, needs{}, answer{err: io.EOF}, false},
		"502 without trouble":          {near, redis, needs{wechat: true}, answer{status: 502}, false},
		"too late":                     {far, redis, needs{store: true}, answer{status: 503, retryAfter: 1, sent: now.Add(time.Minute)}, false},
	} {
		if test.a.sent.IsZero() {
			test.a.sent = now
		}
		test.a.done = test.a.sent.Add(time.Millisecond)
		if got := troubles.explain(test.g, test.r, test.n, test.a) != nil; got != test.want {
			t.Errorf("%s: explained %v; want %v", name, got, test.want)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, masked := range []bool{true, false} {
		var b bytes.Buffer
		if err := writeFrame(&b, []byte("who"), masked); err != nil {
			t.Fatal(err)
		}
		if text, err := readFrame(bufio.NewReader(&b)); err != nil || string(text) != "who" {
			t.Errorf("masked %v: %q, %v", masked, text, err)
		}
	}
	if _, err := readFrame(bufio.NewReader(bytes.NewReader([]byte{closeFrame, 0}))); !errors.Is(err, errClosed) {
		t.Errorf("a close frame is %v", err)
	}
	if got := acceptOf("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455, 1.3
		t.Errorf("accept %q", got)
	}
}
