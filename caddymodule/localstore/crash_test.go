// crash_test.go: what was acknowledged survives kill -9; and the processes that
// other tests need beside their own.

package localstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// childRole and childFile tell a copy of the test binary what to do.
const childRole, childFile = "LOCALSTORE_TEST_ROLE", "LOCALSTORE_TEST_FILE"

var roles = map[string]func(*DB){"logins": logins}

func TestMain(m *testing.M) {
	role, file := os.Getenv(childRole), os.Getenv(childFile)
	if role == "" {
		os.Exit(m.Run())
	}
	d, err := Open(file, Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	say("open")
	roles[role](d)
	if err := d.Close(); err != nil {
		say("error %v", err)
	}
}

// say writes a line in one piece: a kill leaves it whole or not at all.
func say(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }

func child(t *testing.T, role, file string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childFile+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); line != "open\n" {
		t.Fatalf("the child said %q, %v, want open", line, err)
	}
	return cmd, r
}

// logins logs in and out, changes sessions, and says what was acknowledged; a
// small letter says what was begun.
func logins(d *DB) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var mine []string
			must := func(err error) {
				if err != nil {
					say("error %v", err)
				}
			}
			for {
				r := randomRecord(time.Now().Add(time.Hour))
				r.Value = []byte("first of " + r.Key)
				first, err := d.Mark(ctx, r.Key, r.ExpiresAt)
				must(err)
				if !first {
					say("error Mark is false")
				}
				say("M %s", r.Key)
				must(d.UpdateValue(ctx, r.User, r.ExpiresAt, func([]byte) ([]byte, error) { return []byte(r.User), nil }))
				must(d.Create(ctx, r, 10, nil))
				say("C %s", r.Key)
				mine = append(mine, r.Key)
				switch i := randv2.IntN(len(mine)); randv2.IntN(3) {
				case 0:
					say("d %s", mine[i])
					must(d.Delete(ctx, mine[i]))
					say("D %s", mine[i])
					mine = append(mine[:i], mine[i+1:]...)
				case 1:
					say("u %s", mine[i])
					must(d.Update(ctx, mine[i], func([]byte) ([]byte, error) { return []byte("second of " + mine[i]), nil }))
					say("U %s", mine[i])
				}
			}
		})
	}
	wg.Wait()
}

// told is what a killed process has said about one key.
type told struct{ mark, created, deleting, deleted, changing, changed bool }

// The machine's operator kills the gateway at any moment. Users who were told that
// they are logged in are; those who were told that they are logged out stay out; no code can
// be redeemed again.
func TestKill9LosesAndResurrectsNothing(t *testing.T) {
	rounds, end := 25, time.Now().Add(30*time.Second)
	if testing.Short() {
		rounds = 3
	}
	file := filepath.Join(t.TempDir(), "sessions.db")
	keys := map[string]*told{}
	acks := 0
	for round := 0; round < rounds && (round < 20 || time.Now().Before(end)); round++ {
		cmd, out := child(t, "logins", file)
		time.AfterFunc(time.Duration(5+randv2.IntN(150))*time.Millisecond, func() { cmd.Process.Kill() })
		for {
			line, err := out.ReadString('\n')
			if err == io.EOF {
				break
			}
			what, key, _ := strings.Cut(strings.TrimSpace(line), " ")
			if keys[key] == nil {
				keys[key] = new(told)
			}
			k := keys[key]
			switch what {
			case "M":
				k.mark = true
			case "C":
				k.created = true
			case "d":
				k.deleting = true
			case "D":
				k.deleted = true
			case "u":
				k.changing = true
			case "U":
				k.changed = true
			default:
				t.Fatalf("the child said %q", line)
			}
			acks++
		}
		cmd.Wait()

		d := opened(t, file)
		live := 0
		for key, k := range keys {
			r, _, err := d.Get(ctx, key)
			gone := errors.Is(err, session.ErrNotFound)
			if err == nil {
				live++
			}
			switch {
			case err != nil && !gone:
				t.Fatalf("round %d: Get = %v", round, err)
			case k.deleted && !gone:
				t.Errorf("round %d: a session is back after its logout was acknowledged", round)
			case k.created && !k.deleting && gone:
				t.Errorf("round %d: a session is lost after its login was acknowledged", round)
			case !gone && k.changed && string(r.Value) != "second of "+key,
				!gone && !k.changing && string(r.Value) != "first of "+key:
				t.Errorf("round %d: the value is %q, changing %v, changed %v", round, r.Value, k.changing, k.changed)
			}
			if k.mark && round%8 == 0 {
				if first, err := d.Mark(ctx, key, time.Now().Add(time.Hour)); first || err != nil {
					t.Errorf("round %d: Mark = %v, %v of a code that was redeemed", round, first, err)
				}
			}
		}
		if n := held(d); n < live || n > live+8*(round+1) {
			t.Errorf("round %d: %d sessions are counted, %d are live", round, n, live)
		}
		sound(t, d)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d keys, %d lines", len(keys), acks)
}

// One process a file: the second must say so at once, and do no harm.
func TestSecondProcessIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.db")
	cmd, _ := child(t, "logins", file)
	for range 3 {
		start := time.Now()
		_, err := Open(file, Options{})
		if !errors.Is(err, errLocked) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "store redis") {
			t.Errorf("Open = %v, want an error that names the file and the way out", err)
		}
		if took := time.Since(start); took > 3*lockWait {
			t.Errorf("Open took %v, want about %v", took, lockWait)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	sound(t, opened(t, file))
}
