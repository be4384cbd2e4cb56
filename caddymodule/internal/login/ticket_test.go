// ticket_test.go: how often, how long and from whom a ticket is taken.

package login

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var errForged = errors.New("forged")

// marked seals by a mark that names what was sealed for.
type marked struct{}

func (marked) Seal(_ context.Context, plaintext, associated []byte) ([]byte, error) {
	return bytes.Join([][]byte{[]byte("sealed"), associated, plaintext}, []byte{0}), nil
}

func (marked) Open(_ context.Context, sealed, associated []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, bytes.Join([][]byte{[]byte("sealed"), associated, nil}, []byte{0}))
	if !ok {
		return nil, errForged
	}
	return plain, nil
}

// withTickets runs a test on a clock of its own.
func withTickets(t *testing.T, lifetime time.Duration, test func(t *testing.T, tickets *Tickets, s *session.Session)) {
	synctest.Test(t, func(t *testing.T) {
		store := memorystore.New(memorystore.Limits{})
		defer store.Close()
		sessions := session.NewManager(store, session.Options{Lifetime: lifetime})
		s, err := sessions.Login(t.Context(), session.Identity{AppID: "wx00000000000000aa", OpenID: "oALICE"})
		if err != nil {
			t.Fatal(err)
		}
		test(t, &Tickets{Sealer: marked{}, Forged: errForged, Sessions: sessions}, s)
	})
}

func TestTicketLifetime(t *testing.T) {
	for name, test := range map[string]struct {
		session, age, life time.Duration
		good               bool
	}{
		"at once":                          {time.Hour, 0, time.Minute, true},
		"just in time":                     {time.Hour, time.Minute - time.Millisecond, time.Minute, true},
		"a minute old":                     {time.Hour, time.Minute, time.Minute, false},
		"an hour old":                      {2 * time.Hour, time.Hour, time.Minute, false},
		"of a session of half a minute":    {30 * time.Second, 29 * time.Second, 30 * time.Second, true},
		"of a session that has ended":      {30 * time.Second, 30 * time.Second, 30 * time.Second, false},
		"of one that ended a moment since": {30 * time.Second, 31 * time.Second, 30 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			withTickets(t, test.session, func(t *testing.T, tickets *Tickets, s *session.Session) {
				text, life, err := tickets.Make(t.Context(), s)
				if err != nil || life != test.life {
					t.Fatalf("a ticket for %v; want %v: %v", life, test.life, err)
				}
				time.Sleep(test.age)
				from, _, err := tickets.Look(t.Context(), text)
				switch {
				case test.good && (err != nil || from.OpenID != "oALICE"):
					t.Errorf("refused: %v", err)
				case !test.good && (!errors.Is(err, ErrBadTicket) || from != nil):
					t.Errorf("taken: %v", err)
				}
			})
		})
	}
}

// What a ticket says of its end counts, also while its session lives on: sessions never
// become longer, but two nodes may have configured them differently.
func TestTicketEndsWhatItSays(t *testing.T) {
	withTickets(t, time.Minute+time.Second, func(t *testing.T, tickets *Tickets, s *session.Session) {
		short := *s
		short.ExpiresAt = time.Now().Add(10 * time.Second)
		text, life, err := tickets.Make(t.Context(), &short)
		if err != nil || life != 10*time.Second {
			t.Fatalf("%v, %v", life, err)
		}
		time.Sleep(10 * time.Second)
		if _, _, err := tickets.Look(t.Context(), text); !errors.Is(err, ErrBadTicket) {
			t.Errorf("taken: %v", err)
		}
	})
}

func TestTicketOnce(t *testing.T) {
	withTickets(t, time.Hour, func(t *testing.T, tickets *Tickets, s *session.Session) {
		text, _, err := tickets.Make(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		// looked at twice before it is spent, as by two requests at a time
		_, first, err1 := tickets.Look(t.Context(), text)
		_, second, err2 := tickets.Look(t.Context(), text)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := first(t.Context()); err != nil {
			t.Errorf("the first: %v", err)
		}
		for range 2 {
			if err := second(t.Context()); !errors.Is(err, ErrBadTicket) {
				t.Errorf("spent again: %v", err)
			}
		}
	})
}

func TestTicketThatIsNone(t *testing.T) {
	withTickets(t, time.Hour, func(t *testing.T, tickets *Tickets, s *session.Session) {
		text, _, err := tickets.Make(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		cookie, err := marked{}.Seal(t.Context(), []byte(`{"t":"A","s":"`+s.ID+`","e":99999999999999}`), []byte("web login 1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "x", text + "A", text[1:], text + "=", text + "\n", " " + text, strings.Repeat("A", maxTicket+4), string(cookie)} {
			if from, _, err := tickets.Look(t.Context(), bad); !errors.Is(err, ErrBadTicket) || from != nil {
				t.Errorf("%.40q: %v", bad, err)
			}
		}
		if err := tickets.Sessions.End(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tickets.Look(t.Context(), text); !errors.Is(err, ErrBadTicket) {
			t.Errorf("of a session that was ended: %v", err)
		}
	})
}
