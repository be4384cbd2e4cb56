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

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
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
	return gatewaytest.User(l.next)
}

// A gateway with store local and its group commit, and eight people who log in and
// out without a pause. It is killed at any moment; when it is back, every session
// ever made is asked for. What a killed logout came to is found out then, and must
// stay so.
func TestCrashLosesAndResurrectsNothing(t *testing.T) {
	f := gatewaytest.NewFleet(t)
	n := f.Add("store local <DIR>/sessions.db")
	var book ledger
	var counts struct{ logins, logouts, unanswered, lost, resurrected int }
	end := time.Now().Add(gatewaytest.Longer(t, 15*time.Second))
	rounds := 0
	for ; rounds < 3 || time.Now().Before(end); rounds++ {
		var c gatewaytest.Crew
		mine := make([][]*holder, 8)
		c.Work(len(mine), func(worker int) {
			openid := book.user()
			token, got := n.Login(openid)
			switch {
			case got.Err != nil:
				return // killed; nobody has the token
			case got.Status != http.StatusOK:
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
			switch got := n.Logout(h.token); {
			case got.Err != nil:
			case got.Status == http.StatusNoContent:
				h.standing = ended
			default:
				t.Errorf("logout of a session that lives = %v", got)
			}
		})
		time.Sleep(time.Duration(50+rand.IntN(700)) * time.Millisecond)
		n.End(syscall.SIGKILL)
		c.End()
		n.Start()

		counts.logins, counts.logouts = 0, 0 // counted anew, of all
		gatewaytest.Parallel(8, func(part int) {
			for i := part; i < len(book.all); i += 8 {
				h := book.all[i]
				got := n.Use(h.token)
				in, out := got.Status == http.StatusOK && got.Body == h.openid, got.Status == http.StatusUnauthorized
				book.mu.Lock()
				counts.logins++
				switch {
				case got.Err != nil || !in && !out:
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
	f.RequireNoRace()
	t.Logf("%d crashes, %d logins acknowledged, %d logouts, %d more unanswered: none lost, none resurrected",
		rounds, counts.logins, counts.logouts, counts.unanswered)
	if counts.logouts < 10 || counts.logins-counts.logouts < 10 {
		t.Error("too few for a verdict")
	}
}

// A code that was redeemed before the crash buys nothing after it: WeChat is not
// even asked.
func TestCrashForgetsNoCode(t *testing.T) {
	f := gatewaytest.NewFleet(t)
	n := f.Add("store local <DIR>/sessions.db")
	var codes []string
	for i := range 20 {
		code := f.Sim.Login(gatewaytest.AppA, gatewaytest.User(i))
		if got := n.Ask("POST", "/wechat/login", "", fmt.Sprintf(`{"code":%q}`, code)); got.Status != http.StatusOK {
			t.Fatalf("login = %v", got)
		}
		codes = append(codes, code)
	}
	n.End(syscall.SIGKILL)
	n.Start()
	f.Sim.ResetCalls()
	for _, code := range codes {
		if got := n.Ask("POST", "/wechat/login", "", fmt.Sprintf(`{"code":%q}`, code)); got.Status != http.StatusBadRequest {
			t.Errorf("login with a code of before the crash = %v, want 400", got)
		}
	}
	if calls := f.Sim.Calls(); len(calls) != 0 {
		t.Errorf("WeChat was asked %d times", len(calls))
	}
}
