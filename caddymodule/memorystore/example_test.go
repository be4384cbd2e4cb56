// example_test.go: a table of sessions without Caddy.

package memorystore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A test, or a program of one node, keeps sessions for as long as it runs.
func ExampleNew() {
	table := memorystore.New(memorystore.Limits{Sessions: 1})
	defer table.Close()
	ctx := context.Background()

	const alice, bob = "alice_________________", "bob___________________"
	login := func(user, name string) error {
		return table.Create(ctx, session.Record{
			Key: user + name, User: user, Value: []byte("value"),
			IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}, 1, nil)
	}
	fmt.Println(login(alice, "first______"))
	// No session is thrown out for another user's ...
	fmt.Println(errors.Is(login(bob, "second_____"), session.ErrFull), table.Check(ctx) != nil)
	// ... but a user's new one may take the place of the old one.
	fmt.Println(login(alice, "third______"))
	_, _, err := table.Get(ctx, alice+"first______")
	fmt.Println(errors.Is(err, session.ErrNotFound))
	// Output:
	// <nil>
	// true true
	// <nil>
	// true
}
