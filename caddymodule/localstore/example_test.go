// example_test.go: a session file without Caddy.

package localstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Another program keeps sessions as the gateway does: what was acknowledged is on
// disk, and is there again when the file is opened the next time.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "sessions")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "sessions.db")
	options := localstore.Options{
		Sessions: 10_000,
		Damaged:  func(records int) { log.Printf("%d damaged records were taken out", records) },
	}
	ctx := context.Background()

	db, err := localstore.Open(file, options)
	if err != nil {
		log.Fatal(err)
	}
	// The gateway makes keys and users with a session.Manager: a user is a hash, a key a user and more.
	err = db.Create(ctx, session.Record{
		Key: "Zm9vYmFyYmF6cXV4MTIzNAq5RrYdqE0pV", User: "Zm9vYmFyYmF6cXV4MTIzNA",
		Value: []byte("a sealed value"), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}, 10, nil) // at most ten sessions of one user
	if err != nil {
		log.Fatal(err)
	}
	db.Close()

	db, err = localstore.Open(file, options)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	rec, lease, err := db.Get(ctx, "Zm9vYmFyYmF6cXV4MTIzNAq5RrYdqE0pV")
	fmt.Printf("%s, %v, %v\n", rec.Value, lease.Live(), err)
	err = db.Delete(ctx, "Zm9vYmFyYmF6cXV4MTIzNAq5RrYdqE0pV")
	fmt.Println(lease.Live(), err)
	// Output:
	// a sealed value, true, <nil>
	// false <nil>
}
