// crash_test.go: kill -9 of the gateway, again and again, while people log in and
// out: who was told that he is logged in, is; who was told that he is out, is out.

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// standing is what the client of a session may rely on.
type standing int

const (
	lives   standing = iota // the login was acknowledged
	ended                   // so was the logout
	unknown                 // a logout was sent, and its answer never came
)

// holder is a session and its user.
type holder struct {
	token, openid string
	standing      standing
}

// ledger is what the clients of a gateway were told.
type ledger struct {
	mu   sync.Mutex
	all  []*holder
	next int
}

// enter adds a session.
func (l *ledger) enter(h *holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, h)
}

// user is the openid of somebody new.
func (l *ledger) user() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return user(l.next)
}

// A gateway with store local and its group commit, and eight people who log in and
// out without a pause. It is killed at any moment; when it is back, every session
// ever made is asked for. What a killed logout came to is found out then, and must
// stay so.
func TestCrashLosesAndResurrectsNothing(t *testing.T) {
	f := newFleet(t)
	n := f.add("store local <DIR>/sessions.db")
	var book ledger
	var counts struct{ logins, logouts, unanswered, lost, resurrected int }
	end := time.Now().Add(longer(t, 15*time.Second))
	rounds := 0
	for ; rounds < 3 || time.Now().Before(end); rounds++ {
		var c crew
		mine := make([][]*holder, 8)
		c.work(len(mine), func(worker int) {
			openid := book.user()
			token, got := n.login(openid)
			switch {
			case got.err != nil:
				return // killed; nobody has the token
			case got.status != http.StatusOK:
				t.Errorf("login = %v", got)
				return
			}
			h := &holder{token: token, openid: openid}
			book.enter(h)
			mine[worker] = append(mine[worker], h)
			if rand.IntN(2) == 0 {
				return
			}
			i := rand.IntN(len(mine[worker]))
			h = mine[worker][i]
			mine[worker] = slices.Delete(mine[worker], i, i+1)
			h.standing = unknown
			switch got := n.logout(h.token); {
			case got.err != nil:
			case got.status == http.StatusNoContent:
				h.standing = ended
			default:
				t.Errorf("logout of a session that lives = %v", got)
			}
		})
		time.Sleep(time.Duration(50+rand.IntN(700)) * time.Millisecond)
		n.end(syscall.SIGKILL)
		c.end()
		n.start()

		counts.logins, counts.logouts = 0, 0 // counted anew, of all
		parallel(8, func(part int) {
			for i := part; i < len(book.all); i += 8 {
				h := book.all[i]
				got := n.use(h.token)
				in, out := got.status == http.StatusOK && got.body == h.openid, got.status == http.StatusUnauthorized
				book.mu.Lock()
				counts.logins++
				switch {
				case got.err != nil || !in && !out:
					t.Errorf("after the crash: %v", got)
				case h.standing == lives && out:
					counts.lost++
				case h.standing == ended && in:
					counts.resurrected++
				case h.standing == unknown:
					counts.unanswered++
					h.standing = map[bool]standing{true: lives, false: ended}[in]
				}
				if h.standing == ended {
					counts.logouts++
				}
				book.mu.Unlock()
			}
		})
		if counts.lost > 0 || counts.resurrected > 0 {
			t.Fatalf("crash %d: %d sessions lost, %d resurrected", rounds+1, counts.lost, counts.resurrected)
		}
	}
	f.requireNoRace()
	t.Logf("%d crashes, %d logins acknowledged, %d logouts, %d more unanswered: none lost, none resurrected",
		rounds, counts.logins, counts.logouts, counts.unanswered)
	if counts.logouts < 10 || counts.logins-counts.logouts < 10 {
		t.Error("too few for a verdict")
	}
}

// A code that was redeemed before the crash buys nothing after it: WeChat is not
// even asked.
func TestCrashForgetsNoCode(t *testing.T) {
	f := newFleet(t)
	n := f.add("store local <DIR>/sessions.db")
	var codes []string
	for i := range 20 {
		code := f.sim.Login(appA, user(i))
		if got := n.ask("POST", "/wechat/login", "", fmt.Sprintf(`{"code":%q}`, code)); got.status != http.StatusOK {
			t.Fatalf("login = %v", got)
		}
		codes = append(codes, code)
	}
	n.end(syscall.SIGKILL)
	n.start()
	f.sim.ResetCalls()
	for _, code := range codes {
		if got := n.ask("POST", "/wechat/login", "", fmt.Sprintf(`{"code":%q}`, code)); got.status != http.StatusBadRequest {
			t.Errorf("login with a code of before the crash = %v, want 400", got)
		}
	}
	if calls := f.sim.Calls(); len(calls) != 0 {
		t.Errorf("WeChat was asked %d times", len(calls))
	}
}
