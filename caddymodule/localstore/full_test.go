//go:build unix

// full_test.go: a disk without room, and a commit that fails.

package localstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() { roles["full"] = fillDisk }

// fileLimit lets no file of this process grow beyond size.
func fileLimit(size uint64) {
	signal.Ignore(syscall.SIGXFSZ)
	var l syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l)
	l.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		say("error %v", err)
	}
}

// fillDisk logs in until the operating system takes no more, reads and logs
// out on the full disk, and goes on once there is room.
func fillDisk(d *DB) {
	fileLimit(4 << 20)
	until := time.Now().Add(time.Hour)
	var keys []string
	refused := 0
	for n := 0; n < 20_000 && refused < 20; n++ {
		r := randomRecord(until)
		r.Value = bytes.Repeat([]byte{byte(n)}, 2000)
		switch err := d.Create(ctx, r, 0, nil); {
		case err == nil:
			keys = append(keys, r.Key)
			say("C %s", r.Key)
		case errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrFull) || errors.Is(err, errDamaged):
			say("error Create on a full disk = %v", err)
		default:
			refused++
			if _, _, err := d.Get(ctx, r.Key); !errors.Is(err, session.ErrNotFound) {
				say("error Get of one that was refused = %v", err)
			}
		}
	}
	if refused == 0 || len(keys) == 0 {
		say("error %d refused of %d", refused, len(keys))
	}
	if err := d.Check(ctx); err == nil {
		say("error Check finds nothing on a full disk")
	}
	for _, key := range keys {
		if _, _, err := d.Get(ctx, key); err != nil {
			say("error Get on a full disk = %v", err)
		}
	}
	ended := 0
	for _, key := range keys[:10] {
		if err := d.Delete(ctx, key); err == nil {
			ended++
			say("D %s", key)
		} else {
			say("d %s", key)
		}
	}
	fileLimit(64 << 20)
	for n := range 10 {
		r := randomRecord(until)
		if err := d.Create(ctx, r, 0, nil); err != nil {
			say("error Create %d with room again = %v", n, err)
		}
		say("C %s", r.Key)
	}
	if err := d.Check(ctx); err != nil {
		say("error Check with room again = %v", err)
	}
	say("end %d refused, %d of 10 logouts on the full disk", refused, ended)
}

// No user who was told about a login loses it to a full disk, and it needs
// no restart.
func TestFullDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.db")
	cmd, out := child(t, "full", file)
	keys, said := map[string]string{}, ""
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			break
		}
		what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case "C", "D", "d":
			keys[rest] = what
		case "end":
			said = rest
		default:
			t.Errorf("the child said %q", line)
		}
	}
	if err := cmd.Wait(); err != nil || said == "" {
		t.Fatalf("the child ended with %v, having said %q", err, said)
	}
	t.Logf("%d logins, %s", len(keys), said)
	d := opened(t, file)
	for key, what := range keys {
		_, _, err := d.Get(ctx, key)
		if what == "C" && err != nil || what == "D" && !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: Get = %v", what, err)
		}
	}
	sound(t, d)
}

// A commit fails: all that shared it get an error, and what is read afterwards,
// cached or not, is what the file has.
func TestFailedCommitLeavesCacheAndFileAlike(t *testing.T) {
	d := fresh(t, Options{})
	for i := range 20 {
		mustCreate(t, d, fmt.Sprint("s", i), "u")
		wantValue(t, d, fmt.Sprint("s", i), "value")
	}
	info, err := os.Stat(d.bolt.Path())
	if err != nil {
		t.Fatal(err)
	}
	d.bolt.MaxSize = int(info.Size())
	big := testRecord("big", "v")
	big.Value = bytes.Repeat([]byte("x"), 60<<10)
	failed := 0
	for i := range 20 {
		big.Key = fmt.Sprint("big", i)
		if err := d.Create(ctx, big, 0, nil); err != nil {
			failed++
			wantAbsent(t, d, big.Key)
		}
		if err := d.Update(ctx, "s1", func([]byte) ([]byte, error) { return big.Value, nil }); err != nil {
			failed++
			wantValue(t, d, "s1", "value")
		} else if err := d.Update(ctx, "s1", func([]byte) ([]byte, error) { return []byte("value"), nil }); err != nil {
			t.Fatalf("Update = %v", err)
		}
	}
	for i := 0; d.Create(ctx, big, 0, nil) == nil; i++ {
		big.Key = fmt.Sprint("more", i)
	}
	if failed < 10 {
		t.Fatalf("%d writes failed, want most", failed)
	}
	sound(t, d)
	d.bolt.MaxSize = 0

	// what is seen now may not be on disk, so that "it is gone" must be written
	// before it is said; once is enough
	if !d.unsure {
		t.Fatal("the last write did not fail")
	}
	before := commits(d)
	for range 3 {
		if err := d.Delete(ctx, "absent"); err != nil {
			t.Errorf("Delete = %v, want nil", err)
		}
	}
	if n := commits(d) - before; n != 1 {
		t.Errorf("three Deletes of what is absent took %d commits, want 1", n)
	}
	lease := wantValue(t, d, "s2", "value")
	if err := d.Delete(ctx, "s2"); err != nil || lease.Live() {
		t.Errorf("Delete = %v, the lease lives %v, want nil, false", err, lease.Live())
	}
	mustCreate(t, d, "again", "u")
	sound(t, d)
}
