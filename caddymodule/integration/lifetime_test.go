package integration

import (
	"testing"
	"time"
)

// A session lives as long as its client was told, from whatever part of a second
// on, and no longer.
func TestSessionLivesAsLongAsItWasSaid(t *testing.T) {
	countTest(t)
	const lifetime = 2 * time.Second
	for name, store := range map[string]string{"memory": inMemory, "default": ""} {
		t.Run(name, func(t *testing.T) { livesAsLong(t, store, lifetime) })
	}
}

func livesAsLong(t *testing.T, store string, lifetime time.Duration) {
	t.Helper()
	gw := start(t, setup{Wechat: store + "session_lifetime " + lifetime.String() + "\n"})
	// late in a second: cutting the times to whole seconds would take most of one
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second + 800*time.Millisecond)))
	token := login(t, gw, alice)
	began := time.Now() // at most so long before, the session began
	s := sessionOf(t, gw, token)
	if told := s["expires_at"].(float64) - s["issued_at"].(float64); told != lifetime.Seconds() {
		t.Errorf("the session says that it lives %v s; want %v", told, lifetime)
	}
	for {
		time.Sleep(50 * time.Millisecond)
		asked := time.Now()
		live := alive(t, gw, token)
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
	countTest(t)
	gw := start(t, setup{Wechat: inMemory + "sessions_per_user 2\n"})
	other, mine := login(t, gw, alice), login(t, gw, alice)
	again := loginCall(gw, appA, alice)
	again.Token = mine
	got := gw.h1.do(t, again)
	requireStatus(t, got, 200)
	fresh, _ := object(t, got)["token"].(string)
	if !alive(t, gw, other) {
		t.Error("the other device was logged out")
	}
	if alive(t, gw, mine) {
		t.Error("the token before this login is still good")
	}
	if !alive(t, gw, fresh) {
		t.Error("the new login is no good")
	}
	// somebody else's token buys no place
	third := loginCall(gw, appA, alice)
	third.Token = login(t, gw, eve)
	requireStatus(t, gw.h1.do(t, third), 200)
	if alive(t, gw, other) {
		t.Error("with another user's token, more sessions are kept than sessions_per_user")
	}
}
