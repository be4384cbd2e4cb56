// assertion.go: signed assertions of who is calling, made at most once in half a
// minute for a session and a backend.

package gate

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

const (
	// assertionUse is how long an assertion is handed out. The rest of its minute is
	// what a backend has, 30 s and one more for the way there.
	assertionUse = token.AssertionLifetime - 31*time.Second

	// maxAsserted bounds the assertions that are kept, over all shards. Beyond it,
	// they are signed again when they are needed again.
	maxAsserted = 1 << 16

	assertedShards = 16
)

// Asserter signs assertions, and keeps each for a while: a signature takes longer
// than all else that the gate does. It is apart from the callers, as few sites ask
// for assertions and a caller has no room. It is safe for concurrent use.
type Asserter struct {
	gate   *Gate
	seed   maphash.Seed
	shards [assertedShards]assertedShard
}

// assertedShard is a part of what is kept: what was used in this period and in the
// one before. Once in a period the older part is dropped whole.
type assertedShard struct {
	mu          sync.Mutex
	now, before map[assertionKey]*asserted
	turned      time.Time // when the period began
}

// assertionKey names the caller, not the session: a session that changed (its
// unionid is known now) has another caller.
type assertionKey struct {
	caller   *Caller
	audience string
}

// asserted is one assertion, or the wait for it.
type asserted struct {
	mu   sync.Mutex
	text string
	made time.Time      // to the second, as its iat is
	ring *token.Keyring // that signed it: a key that was taken out vouches for nobody
}

// NewAsserter returns an asserter for the callers of a gate.
func NewAsserter(g *Gate) *Asserter { return &Asserter{gate: g, seed: maphash.MakeSeed()} }

// Assert returns an assertion of the caller for an audience, with at least half a
// minute left.
func (a *Asserter) Assert(c *Caller, audience string) (string, error) {
	ring, now := a.gate.Ring(), time.Now()
	entry := a.entry(assertionKey{c, audience}, now)
	entry.mu.Lock() // the others of this session wait: one signature serves all
	defer entry.mu.Unlock()
	if age := now.Sub(entry.made); entry.ring == ring && age >= 0 && age < assertionUse {
		return entry.text, nil
	}
	text, err := ring.MintAssertion(token.Assertion{
		Subject: c.OpenID, AppID: c.AppID, UnionID: c.UnionID, SessionID: c.ID, Audience: audience,
	})
	if err != nil {
		return "", err
	}
	entry.text, entry.made, entry.ring = text, now.Truncate(time.Second), ring
	return text, nil
}

// entry finds the assertion of a key, or makes room for it.
func (a *Asserter) entry(key assertionKey, now time.Time) *asserted {
	shard := &a.shards[maphash.Comparable(a.seed, key)%assertedShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.now == nil || now.Sub(shard.turned) >= assertionUse || len(shard.now) >= maxAsserted/assertedShards/2 {
		shard.before, shard.now, shard.turned = shard.now, make(map[assertionKey]*asserted), now
	}
	entry := shard.now[key]
	if entry == nil {
		if entry = shard.before[key]; entry == nil {
			entry = new(asserted)
		}
		shard.now[key] = entry
	}
	return entry
}

// ErrNotSigned means that an assertion could not be made: the request must not go on
// without the one that its backend was promised.
var ErrNotSigned = errors.New("the assertion could not be signed")

// Assert returns the assertion that the site's backend gets with the caller's
// request to a host; empty on a site without assertions.
func (g *Rules) Assert(c *Caller, host string) (string, error) {
	if g.Asserter == nil {
		return "", nil
	}
	audience := g.Audience
	if audience == "" {
		audience = HostAudience(host)
	}
	text, err := g.Asserter.Assert(c, audience)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotSigned, err)
	}
	return text, nil
}

// HostAudience is the audience for a host: in lower case, without port.
func HostAudience(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	for i := range len(name) {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return strings.ToLower(name) // Caddy lets only ASCII hosts through
		}
	}
	return name
}
