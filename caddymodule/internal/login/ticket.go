// ticket.go: from a session to one more session of the same user, in another browser
// of the same device: a mini program's web-view.

package login

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// TicketLifetime is how long a ticket is good, unless its session ends before.
const TicketLifetime = time.Minute

var (
	// ErrBadTicket means that a ticket is not ours, too old, spent, or that its
	// session has ended or is not one that the site accepts.
	ErrBadTicket = errors.New("the ticket is good for nothing")

	// ErrSomebodyElse means that another user is logged in where a ticket was shown.
	ErrSomebodyElse = errors.New("another user is logged in here")
)

// Sealer seals what a browser carries from one call to another. Open fails for what
// it did not seal for the same associated text.
type Sealer interface {
	Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error)
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// Tickets makes tickets and takes them. A ticket carries all that it says, sealed:
// one that nobody uses costs the store nothing.
type Tickets struct {
	Sealer   Sealer
	Forged   error // what Sealer.Open answers to what it did not seal
	Sessions *session.Manager
}

// ticket is what a ticket says.
type ticket struct {
	ID      string `json:"t"`
	Session string `json:"s"`
	Expires int64  `json:"e"` // Unix milliseconds
}

var ticketLabel = []byte("ticket")

// Make returns a ticket of a session, and how long it is good.
func (t *Tickets) Make(ctx context.Context, s *session.Session) (text string, life time.Duration, err error) {
	now := time.Now()
	life = min(TicketLifetime, s.ExpiresAt.Sub(now))
	plain, err := json.Marshal(ticket{ID: rand.Text(), Session: s.ID, Expires: now.Add(life).UnixMilli()})
	if err != nil {
		return "", 0, err
	}
	sealed, err := t.Sealer.Seal(ctx, plain, ticketLabel)
	if err != nil {
		return "", 0, err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), life, nil
}

// maxTicket bounds what is looked at.
const maxTicket = 1 << 10

// Look returns the live session of a ticket, and what spends it. Nothing is spent by
// looking. The error is ErrBadTicket, or that of a store or sealer that could not
// answer.
func (t *Tickets) Look(ctx context.Context, text string) (*session.Session, func(context.Context) error, error) {
	// the decoder would skip line ends
	if text == "" || len(text) > maxTicket || strings.ContainsAny(text, "\r\n") {
		return nil, nil, ErrBadTicket
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, nil, ErrBadTicket
	}
	plain, err := t.Sealer.Open(ctx, sealed, ticketLabel)
	switch {
	case errors.Is(err, t.Forged):
		return nil, nil, ErrBadTicket
	case err != nil:
		return nil, nil, err
	}
	var says ticket
	if json.Unmarshal(plain, &says) != nil {
		return nil, nil, ErrBadTicket
	}
	expires := time.UnixMilli(says.Expires)
	if !time.Now().Before(expires) {
		return nil, nil, ErrBadTicket
	}
	h, err := t.Sessions.Get(ctx, says.Session)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return nil, nil, ErrBadTicket
	case err != nil:
		return nil, nil, err
	}
	return h.Session, func(ctx context.Context) error {
		// a minute longer than the ticket: clocks of two nodes disagree
		first, err := t.Sessions.SpendTicket(ctx, says.ID, expires.Add(time.Minute))
		if err == nil && !first {
			err = ErrBadTicket
		}
		return err
	}, nil
}

// Enter starts one more session of the same user, and returns it with its token. The
// one that the browser had before, of the same user, is replaced.
func (d *Desk) Enter(ctx context.Context, from, previous *session.Session) (*session.Session, string, error) {
	s, err := d.Sessions.Login(ctx, session.Identity{
		AppID: from.AppID, Kind: from.Kind, OpenID: from.OpenID, UnionID: from.UnionID, UserInfo: from.UserInfo,
		Replaces: previous,
	})
	if err != nil {
		return nil, "", err
	}
	text, err := d.Mint(s)
	if err != nil {
		return nil, "", err
	}
	d.endPrevious(ctx, previous)
	return s, text, nil
}
