// seen.go: tokens that were already verified, so that a token costs its
// signature once and a look-up from then on.

package gate

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// maxSeen bounds the memory: a caller with its session takes some 500 bytes.
// Beyond it, tokens are verified again when they come back.
const maxSeen = 1 << 20

// tokenName is what a token is found and recognised by.
//
// Anyone who can present the end of a signature, more than 130 bits that nobody can guess, has
// the token, so callers cannot be confused. The hash is there so that no
// other byte of the token may differ: it is not a cryptographic one, and whoever
// found, without the seed, another text with this hash and this end would only be
// taken for themselves. A cryptographic hash of every token would be a fourth of what
// the gate costs.
type tokenName struct {
	hash uint64 // of all bytes, under the table's secret seed
	end  tokenEnd
}

// tokenEnd is the last characters of a token, all of its signature.
type tokenEnd [24]byte

// seenTokens remembers callers by token. It holds only what a key of one ring
// has verified: a ring that lost a key gets a new, empty table.
//
// An entry is no promise: a caller who takes one must ask it whether it still lives.
// And a token that is not found may still be in there; see callerTable.
type seenTokens struct {
	seed  maphash.Seed
	table atomic.Pointer[callerTable]
	mu    sync.Mutex // held by who changes the table or what is in it
}

func newSeenTokens() *seenTokens {
	t := &seenTokens{seed: maphash.MakeSeed()}
	t.table.Store(newCallerTable(leastSlots))
	return t
}

// name returns the name of a token. A text that is too short to be one has the
// end that no token has.
func (t *seenTokens) name(text string) tokenName {
	n := tokenName{hash: maphash.String(t.seed, text)}
	if at := len(text) - len(n.end); at > 0 {
		copy(n.end[:], text[at:])
	}
	return n
}

func (t *seenTokens) get(n *tokenName) *Caller { return t.table.Load().get(n) }

// put remembers a caller that newCaller made for this name, unless the table is
// being changed: no request waits for one that makes it grow, which can take 50 ms,
// and to be forgotten only costs a token a second verification.
func (t *seenTokens) put(n *tokenName, c *Caller) {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	table := t.table.Load()
	switch {
	case table.find(n.hash) >= 0:
	case table.used >= maxSeen:
		table.delete(table.near(n.hash)) // any one will do
	case table.full():
		table = table.resized(2 * len(table.slots))
		t.table.Store(table)
	}
	table.set(n.hash, c)
}

// drop forgets a caller at once, unless the table is being changed: then the next
// sweep does.
func (t *seenTokens) drop(n *tokenName) {
	if t.mu.TryLock() {
		t.table.Load().delete(n.hash)
		t.mu.Unlock()
	}
}

// sweep forgets what is no longer alive, and gives back the room that a crowd
// has left. Looking is the long part, and all goes on meanwhile; what dies in
// between is found next time, and what comes back in between is verified again.
func (t *seenTokens) sweep(now time.Time) {
	dead := t.table.Load().dead(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	table := t.table.Load()
	for _, hash := range dead {
		table.delete(hash)
	}
	if size := table.fitting(); size < len(table.slots) {
		t.table.Store(table.resized(size))
	}
}
