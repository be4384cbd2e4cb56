// example_test.go: a login, and what ends it.

package session_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A session is live while its record exists, and no longer.
func ExampleManager() {
	table := memorystore.New(memorystore.Limits{})
	defer table.Close()
	manager := session.NewManager(table, session.Options{Lifetime: 24 * time.Hour, PerUser: 10})
	ctx := context.Background()

	login, err := manager.Login(ctx, session.Identity{AppID: "wx0123456789abcdef", OpenID: "oAlice"})
	if err != nil {
		log.Fatal(err)
	}
	handle, err := manager.Get(ctx, login.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(handle.OpenID, handle.Live(time.Now()))

	if err := manager.End(ctx, login.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(handle.Live(time.Now()))
	_, err = manager.Get(ctx, login.ID)
	fmt.Println(errors.Is(err, session.ErrNotFound))
	// Output:
	// oAlice true
	// false
	// true
}
