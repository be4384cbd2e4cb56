// seen.go: tokens that were already verified, so that a token costs its
// signature once and a look-up from then on.

package caddymodule

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// seenShards is how many values the first byte of a digest has. A table of a
	// shard grows at once, so there are enough of them that none grows for long.
	seenShards = 256

	// maxSeen bounds the memory: a caller with its session takes some 500 bytes.
	// Beyond it, tokens are verified again when they come back.
	maxSeen = 1 << 20
)

// tokenDigest names a token by all of its bytes: two tokens with one digest
// would be a SHA-256 collision. Nothing in the table gives a token back.
type tokenDigest [sha256.Size]byte

func digestToken(text string) tokenDigest {
	// a token of the allowed length fits on the stack; a longer one is not ours
	var buf [1024]byte
	if len(text) > len(buf) {
		return sha256.Sum256([]byte(text))
	}
	return sha256.Sum256(buf[:copy(buf[:], text)])
}

// head is what the table is keyed by; tail is what a caller carries to be
// recognised by. Both together are the whole digest.
func (d *tokenDigest) head() uint64 { return binary.LittleEndian.Uint64(d[:]) }

func (d *tokenDigest) tail() digestTail { return digestTail(d[8:]) }

type digestTail [sha256.Size - 8]byte

// seenTokens remembers callers by token. It holds only what a key of one ring
// has verified: a ring that lost a key gets a new, empty table.
//
// A table with the whole digest for a key would be three times as large and so
// wait longer for memory. Two tokens whose heads are the same, which nobody will
// see, push each other out.
//
// An entry is no promise: whoever takes one must ask it whether it still lives.
type seenTokens struct{ shards [seenShards]seenShard }

// seenShard fills a cache line, so that the locks of neighbours do not meet.
type seenShard struct {
	mu      sync.RWMutex
	callers callerTable
	_       [8]byte
}

func newSeenTokens() *seenTokens { return new(seenTokens) }

func (t *seenTokens) shard(d *tokenDigest) *seenShard { return &t.shards[d[0]] }

func (t *seenTokens) get(d *tokenDigest) *caller {
	s := t.shard(d)
	s.mu.RLock()
	c := s.callers.get(d.head())
	s.mu.RUnlock()
	if c == nil || c.tail != d.tail() {
		return nil
	}
	return c
}

// put remembers a caller that newCaller made for this digest.
func (t *seenTokens) put(d *tokenDigest, c *caller) {
	s, head := t.shard(d), d.head()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.callers.used >= maxSeen/seenShards && s.callers.get(head) == nil {
		// any one will do: it only costs that token a second verification
		s.callers.delete(s.callers.near(head))
	}
	s.callers.set(head, c)
}

func (t *seenTokens) drop(d *tokenDigest) {
	s := t.shard(d)
	s.mu.Lock()
	s.callers.delete(d.head())
	s.mu.Unlock()
}

// sweep forgets what is no longer alive. Looking is the long part, and requests
// may read meanwhile; what died or was put back in between is found next time.
func (t *seenTokens) sweep(now time.Time) {
	var dead []uint64
	for i := range t.shards {
		s := &t.shards[i]
		dead = dead[:0]
		s.mu.RLock()
		for _, slot := range s.callers.slots {
			if slot.c != nil && !slot.c.Live(now) {
				dead = append(dead, slot.head)
			}
		}
		s.mu.RUnlock()
		s.mu.Lock()
		for _, head := range dead {
			s.callers.delete(head)
		}
		s.callers.shrink()
		s.mu.Unlock()
	}
}
