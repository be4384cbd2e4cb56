// moved_test.go: one address that leads to another server: a service, a virtual
// IP, a cloud's endpoint.

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// followWithin is what section 6 of the contract demands.
const followWithin = 5 * time.Second

// leadTo lets new connections go to another server. Those that are open stay.
func (p *proxy) leadTo(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = s.addr
}

// behindOneAddress starts a primary, its replica, and an address that leads to
// the primary.
func behindOneAddress(t *testing.T, args ...string) (primary, replica *server, p *proxy) {
	primary = startServer(t, args...)
	replica = startReplica(t, primary, args...)
	return primary, replica, startProxy(t, primary)
}

// follows demands that the store is of use again in time, that a session which
// was ended at the new server lives on nowhere, and that sessions which it makes
// are good there.
func follows(t *testing.T, c *Client, now *server, ended session.Record, lease *session.Lease) {
	t.Helper()
	start := time.Now()
	other := openOn(t, now)
	if err := other.Delete(ctx, ended.Key); err != nil {
		t.Fatalf("Delete at the new server = %v, want nil", err)
	}
	took := eventually(t, followWithin-time.Since(start), "the ended session is over here, too", func() bool {
		_, _, err := c.Get(ctx, ended.Key)
		return errors.Is(err, session.ErrNotFound) && !lease.Live()
	})
	eventually(t, followWithin-time.Since(start), "a login succeeds and is good at the new server", func() bool {
		r := rec(7, int(time.Now().UnixNano()%1e8))
		if c.Create(ctx, r, 0, nil) != nil {
			return false
		}
		get(t, c, r.Key)
		_, _, err := other.Get(ctx, r.Key)
		return err == nil
	})
	t.Logf("the ended session was over after %v, all of it took %v", took, time.Since(start))
}

// The operator, or the cloud, promotes the replica and demotes the old primary,
// which lives on; connections to it stay open.
func TestDemotedServerIsLeftAtOnce(t *testing.T) {
	t.Parallel()
	for name, demote := range map[string]func(old, now *server){
		"to a replica of the new one": func(old, now *server) { old.say("REPLICAOF", "127.0.0.1", fmt.Sprint(now.port)) },
		"cut off from replication":    func(old, _ *server) { old.say("REPLICAOF", "127.0.0.1", "1") },
		"without stale data": func(old, _ *server) {
			old.say("CONFIG", "SET", "replica-serve-stale-data", "no")
			old.say("REPLICAOF", "127.0.0.1", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary, replica, p := behindOneAddress(t)
			c := open(t, Options{URLs: []string{"redis://" + p.addr}})
			r := rec(1, 1)
			create(t, c, r)
			_, lease := get(t, c, r.Key)
			eventually(t, 5*time.Second, "the replica has the session", func() bool { return primary.say("WAIT", "1", "100") == "1" })
			c.link.top.Load().one.probeAt.busy.Lock() // the role alone must tell
			if _, err := c.Count(ctx); err != nil { // and no write that is still to come
				t.Fatal(err)
			}
			p.leadTo(replica)
			replica.say("REPLICAOF", "NO", "ONE")
			demote(primary, replica)
			eventually(t, time.Second, "what was read from the demoted server is trusted no more", func() bool { return !lease.Live() })
			follows(t, c, replica, r, lease)
		})
	}
}

// Nothing tells of the change: the old server stays a primary, and its
// connections stay open.
func TestAddressThatLeadsElsewhereIsFollowed(t *testing.T) {
	t.Parallel()
	primary, replica, p := behindOneAddress(t)
	c := open(t, Options{URLs: []string{"redis://" + p.addr}})
	r := rec(1, 1)
	create(t, c, r)
	_, lease := get(t, c, r.Key)
	eventually(t, 5*time.Second, "the replica has the session", func() bool { return primary.say("WAIT", "1", "100") == "1" })
	replica.say("REPLICAOF", "NO", "ONE")
	p.leadTo(replica)
	follows(t, c, replica, r, lease)
}

// A server that is up again, but still loads its data or asks for a password on
// connections that had none, is no absence and is left for a new connection.
func TestServerThatRefusesItsConnectionsIsDialedAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.say("ACL", "SETUSER", "gateway", "on", ">secret", "~*", "&*", "+@all")
	c := open(t, Options{URLs: []string{"redis://gateway:secret@" + s.addr}})
	r := rec(1, 1)
	create(t, c, r)
	get(t, c, r.Key)
	s.say("ACL", "DELUSER", "gateway") // its connections are closed, new ones refused
	eventually(t, time.Second, "calls fail", func() bool { return !usable(c)() })
	if _, _, err := c.Get(ctx, r.Key); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get = %v, want an error that means: could not answer", err)
	}
	s.say("ACL", "SETUSER", "gateway", "on", ">secret", "~*", "&*", "+@all")
	eventually(t, followWithin, "the store works again", usable(c))
	get(t, c, r.Key)
}

// The address leads to a replica for a while, as a service does that has not yet
// noticed: nobody is logged out, and the primary is found when it is there again.
func TestAddressOfAReplicaIsNoAnswer(t *testing.T) {
	t.Parallel()
	primary, replica, p := behindOneAddress(t)
	c := open(t, Options{URLs: []string{"redis://" + p.addr}})
	r := rec(1, 1)
	create(t, c, r)
	p.leadTo(replica)
	p.cut()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		short, cancel := context.WithTimeout(ctx, time.Second)
		if _, _, err := c.Get(short, r.Key); err == nil || errors.Is(err, session.ErrNotFound) {
			t.Errorf("Get at a replica = %v, want an error that means: could not answer", err)
		}
		cancel()
	}
	p.leadTo(primary)
	eventually(t, followWithin, "the primary is found", usable(c))
	get(t, c, r.Key)
}
