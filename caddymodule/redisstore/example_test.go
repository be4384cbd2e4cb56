// example_test.go: sessions in Redis without Caddy.

package redisstore_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Programs that share a Redis see each other's sessions. New succeeds while Redis
// is away: calls fail until it is there. Check says so.
func ExampleNew() {
	client, err := redisstore.New(redisstore.Options{
		URLs: []string{"rediss://gateway:password@redis.example.com:6380/0"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if err := client.Check(ctx); err != nil {
		log.Print("Redis does not take writes: ", err)
	}
	// values of a store that others can read are sealed; see session.Sealer
	var sealer session.Sealer
	sessions := session.NewManager(client, session.Options{Lifetime: 24 * time.Hour, PerUser: 10, Sealer: sealer})
	login, err := sessions.Login(ctx, session.Identity{AppID: "wx0123456789abcdef", OpenID: "oAlice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(login.ID)
}
