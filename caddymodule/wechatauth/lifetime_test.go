package wechatauth_test

import (
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A session lives as long as its client was told, from whatever part of a second
// on, and no longer.
func TestSessionLivesAsLongAsItWasSaid(t *testing.T) {
	gatewaytest.CountTest(t)
	const lifetime = 2 * time.Second
	for name, store := range map[string]string{"memory": gatewaytest.InMemory, "default": ""} {
		t.Run(name, func(t *testing.T) { livesAsLong(t, store, lifetime) })
	}
}

func livesAsLong(t *testing.T, store string, lifetime time.Duration) {
	t.Helper()
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: store + "session_lifetime " + lifetime.String() + "\n"})
	// late in a second: cutting the times to whole seconds would take most of one
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second + 800*time.Millisecond)))
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	began := time.Now() // at most so long before, the session began
	s := gatewaytest.SessionOf(t, gw, token)
	if told := s["expires_at"].(float64) - s["issued_at"].(float64); told != lifetime.Seconds() {
		t.Errorf("the session says that it lives %v s; want %v", told, lifetime)
	}
	for {
		time.Sleep(50 * time.Millisecond)
		asked := time.Now()
		live := gatewaytest.Alive(t, gw, token)
		if age := asked.Sub(began); !live && age < lifetime-300*time.Millisecond {
			t.Errorf("the session is over after %v", age)
		} else if live && age > lifetime {
			t.Errorf("the session lives on after %v", age)
		}
		if !live || asked.Sub(began) > lifetime {
			break
		}
	}
}

// A device that logs in again takes its own place, and pushes out no other.
func TestLoginAgainPushesOutNobody(t *testing.T) {
	gatewaytest.CountTest(t)
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "sessions_per_user 2\n"})
	other, mine := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
	again := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
	again.Token = mine
	got := gw.H1.Do(t, again)
	gatewaytest.RequireStatus(t, got, 200)
	fresh, _ := gatewaytest.JSON(t, got)["token"].(string)
	if !gatewaytest.Alive(t, gw, other) {
		t.Error("the other device was logged out")
	}
	if gatewaytest.Alive(t, gw, mine) {
		t.Error("the token before this login is still good")
	}
	if !gatewaytest.Alive(t, gw, fresh) {
		t.Error("the new login is no good")
	}
	// somebody else's token buys no place
	third := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
	third.Token = gatewaytest.Login(t, gw, gatewaytest.Eve)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, third), 200)
	if gatewaytest.Alive(t, gw, other) {
		t.Error("with another user's token, more sessions are kept than sessions_per_user")
	}
}
