package gate

import (
	"context"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const (
	testAppID  = "wx0123456789abcdef"
	testIssuer = "wechat-gateway"
)

// newGate is a gate for one app, over a store in memory.
func newGate(tb testing.TB, lifetime time.Duration) *Gate {
	tb.Helper()
	sessions := session.NewManager(memorystore.New(memorystore.Limits{}), session.Options{Lifetime: lifetime, PerUser: 1000})
	g := New(sessions, apps.List{{AppID: testAppID, Kind: session.Mini}})
	key, err := token.GenerateKey(token.HS256)
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := token.NewKeyring(token.Options{Issuer: testIssuer, MaxLifetime: 24 * time.Hour}, key)
	if err != nil {
		tb.Fatal(err)
	}
	g.Use(ring)
	return g
}

// logIn starts a session without WeChat and returns its token.
func logIn(tb testing.TB, g *Gate, openid string) (*session.Session, string) {
	tb.Helper()
	s, err := g.sessions.Login(context.Background(), session.Identity{
		AppID: testAppID, OpenID: openid, SessionKey: "tiihtNczf5v6AKRyjwEUhQ==",
	})
	if err != nil {
		tb.Fatal(err)
	}
	text, err := g.Mint(s)
	if err != nil {
		tb.Fatal(err)
	}
	return s, text
}
