// memory_test.go: a server at its maxmemory, one that evicts, and one that forgets.

package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A flood of logins fills the server. Who is logged in stays so, can log out, and
// logins work again when there is room.
func TestFullServerRefusesLoginsOnly(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
	c := openOn(t, s)
	first := rec(1, 1)
	create(t, c, first)
	var err error
	made := 0
	for ; made < 5000 && err == nil; made++ {
		r := rec(2, made)
		r.Value = make([]byte, 20<<10)
		err = c.Create(ctx, r, 0, nil)
	}
	if !errors.Is(err, session.ErrFull) {
		t.Fatalf("Create %d = %v, want ErrFull", made, err)
	}
	refused := rec(2, made-1)
	wantAbsent(t, c, refused.Key, "its Create failed")
	marked := true
	for i := 0; i < 20_000 && marked; i++ {
		marked, err = c.Mark(ctx, name("m", i), time.Now().Add(time.Minute))
	}
	if marked || !errors.Is(err, session.ErrFull) {
		t.Errorf("Mark = %v, %v, want false, ErrFull", marked, err)
	}
	big := func([]byte) ([]byte, error) { return make([]byte, 20<<10), nil }
	if err := c.UpdateValue(ctx, name("v", 1), time.Now().Add(time.Minute), big); !errors.Is(err, session.ErrFull) {
		t.Errorf("UpdateValue = %v, want ErrFull", err)
	}
	if err := c.Update(ctx, first.Key, big); !errors.Is(err, session.ErrFull) {
		t.Errorf("Update = %v, want ErrFull", err)
	}
	if got, _ := get(t, c, first.Key); string(got.Value) != string(first.Value) {
		t.Errorf("Get = %q, want what was there", got.Value)
	}
	if list, err := c.List(ctx, rec(2, 0).User); err != nil || len(list) != made-1 {
		t.Errorf("List = %d, %v, want %d", len(list), err, made-1)
	}
	if err := c.Delete(ctx, first.Key); err != nil {
		t.Errorf("Delete = %v, want nil: a logout needs no memory", err)
	}
	wantAbsent(t, c, first.Key, "logged out")
	if n, err := c.DeleteUser(ctx, rec(2, 0).User); n != made-1 || err != nil {
		t.Errorf("DeleteUser = %d, %v, want %d, nil", n, err, made-1)
	}
	create(t, c, rec(3, 1))
}

// A server that evicts whatever it likes logs people out. It brings nobody back,
// and a logout everywhere holds for sessions whose index it evicted.
func TestEvictionOnlyLogsOut(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--maxmemory", "4mb", "--maxmemory-policy", "allkeys-random")
	c := openOn(t, s)
	ended := map[string]bool{}
	leases := map[string]*session.Lease{}
	for i := range 1200 {
		r := rec(i%50, i)
		r.Value = make([]byte, 8<<10)
		if err := c.Create(ctx, r, 0, nil); err != nil {
			t.Fatalf("Create = %v", err)
		}
		if _, lease, err := c.Get(ctx, r.Key); err == nil {
			leases[r.Key] = lease
		}
		if i%3 == 0 {
			if err := c.Delete(ctx, r.Key); err != nil {
				t.Fatalf("Delete = %v", err)
			}
			ended[r.Key] = true
		}
		if i%200 == 199 {
			if _, err := c.DeleteUser(ctx, r.User); err != nil {
				t.Fatalf("DeleteUser = %v", err)
			}
			for j := i % 50; j <= i; j += 50 {
				ended[rec(i%50, j).Key] = true
			}
		}
	}
	lost, alive := 0, 0
	for key, lease := range leases {
		_, _, err := c.Get(ctx, key)
		switch {
		case ended[key] && !errors.Is(err, session.ErrNotFound):
			t.Errorf("an ended session is back: Get = %v", err)
		case ended[key] && lease.Live():
			t.Error("the lease of an ended session lives")
		case err == nil:
			alive++
		case errors.Is(err, session.ErrNotFound):
			lost++
		default:
			t.Errorf("Get = %v", err)
		}
	}
	t.Logf("%d evicted, %d alive, %d keys evicted", lost, alive, stat(s, "evicted_keys"))
	if stat(s, "evicted_keys") == 0 {
		t.Error("nothing was evicted: this test tests nothing")
	}
}

// stat is a number of INFO.
func stat(s *server, name string) (n int64) {
	_, rest, ok := strings.Cut(s.say("INFO"), "\n"+name+":")
	if !ok {
		s.t.Fatalf("INFO has no %s", name)
	}
	fmt.Sscan(rest, &n)
	return n
}
