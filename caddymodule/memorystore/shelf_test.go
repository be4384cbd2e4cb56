// shelf_test.go: chains of a user's sessions, under readers, and the two clocks.

package memorystore

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A user has a session all the time, while others of the same user before and behind it come,
// change, are replaced and go. Reads, which take no lock, must find it each time.
func TestReadersFindASessionAmongOthersThatGo(t *testing.T) {
	table := New(Limits{})
	defer table.Close()
	begin := time.Now()
	at := func(name string, n int) session.Record {
		r := testRecord(name, "u")
		r.IssuedAt = begin.Add(time.Duration(n) * time.Second)
		return r
	}
	for i := range 200 { // a long way for readers
		if err := table.Create(ctx, at(fmt.Sprint("other", i), 5), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	stays := at("stays", 5)
	if err := table.Create(ctx, stays, 0, nil); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r, _, err := table.Get(ctx, stays.Key); err != nil || r.Key != stays.Key {
					t.Errorf("Get = %s, %v, want the session", r.Key, err)
					return
				}
			}
		})
	}
	for w := range 3 {
		writers.Go(func() {
			for i := range 2000 {
				r := at(fmt.Sprint("s", w, i%3), i%10)
				if err := table.Create(ctx, r, 0, nil); err != nil {
					t.Errorf("Create = %v, want nil", err)
				}
				switch w {
				case 0: // the same session, moved in the chain
					if err := table.Create(ctx, at("stays", 4+2*(i%2)), 0, nil); err != nil {
						t.Errorf("Create = %v, want nil", err)
					}
				case 1:
					table.Update(ctx, r.Key, func(v []byte) ([]byte, error) { return append(v[:1:1], 'x'), nil })
				}
				table.Delete(ctx, r.Key)
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if list, err := table.List(ctx, stays.User); len(list) != 201 || err != nil {
		t.Errorf("List = %d, %v, want 201, nil", len(list), err)
	}
}

func TestKeyMustBeginWithItsUser(t *testing.T) {
	table := New(Limits{})
	defer table.Close()
	for _, r := range []session.Record{
		{Key: key("a", "u"), User: user("v")}, {Key: "a", User: "a"}, {Key: "", User: ""},
		{Key: key("a", "u"), User: key("a", "u")},
	} {
		r.IssuedAt, r.ExpiresAt = time.Now(), time.Now().Add(time.Hour)
		if err := table.Create(ctx, r, 0, nil); !errors.Is(err, errKey) {
			t.Errorf("Create of %q of %q = %v, want errKey", r.Key, r.User, err)
		}
		for _, name := range []string{r.Key, r.User} {
			if _, _, err := table.Get(ctx, name); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("Get(%q) = %v, want ErrNotFound", name, err)
			}
		}
	}
}
