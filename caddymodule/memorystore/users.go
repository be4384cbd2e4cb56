// users.go: which sessions a user has, oldest first.

package memorystore

import (
	"hash/maphash"
	"iter"
	"sync"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// userIndex finds the sessions of a user. Each user's are a ring of entries, so
// that the index costs a session two words and no allocation.
type userIndex struct {
	seed    maphash.Seed
	stripes [shardCount]userStripe
}

// userStripe holds the rings of the users that share its lock.
type userStripe struct {
	mu     sync.Mutex
	oldest map[string]*entry
	apps   map[string]int // linked entries by app
}

func newUserIndex() *userIndex {
	x := &userIndex{seed: maphash.MakeSeed()}
	for i := range x.stripes {
		x.stripes[i].oldest = make(map[string]*entry)
		x.stripes[i].apps = make(map[string]int)
	}
	return x
}

func (x *userIndex) number(user string) int {
	return int(maphash.String(x.seed, user) % shardCount)
}

// lock locks the user's stripe.
func (x *userIndex) lock(user string) *userStripe {
	u := &x.stripes[x.number(user)]
	u.mu.Lock()
	return u
}

// lockBoth locks the stripes of two users, the lower one first, so that two
// calls that want the same two never wait for each other.
func (x *userIndex) lockBoth(a, b string) (ua, ub *userStripe, unlock func()) {
	i, j := x.number(a), x.number(b)
	ua, ub = &x.stripes[i], &x.stripes[j]
	if i == j {
		ua.mu.Lock()
		return ua, ub, ua.mu.Unlock
	}
	x.stripes[min(i, j)].mu.Lock()
	x.stripes[max(i, j)].mu.Lock()
	return ua, ub, func() { ua.mu.Unlock(); ub.mu.Unlock() }
}

// count adds up the sessions of each app.
func (x *userIndex) count() map[string]int {
	sum := make(map[string]int)
	for i := range x.stripes {
		u := &x.stripes[i]
		u.mu.Lock()
		for app, n := range u.apps {
			sum[app] += n
		}
		u.mu.Unlock()
	}
	return sum
}

// of yields the user's entries, oldest first, expired ones too. The yielded
// entry may be unlinked meanwhile.
func (u *userStripe) of(user string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		e := u.oldest[user]
		if e == nil {
			return
		}
		for last := e.prev; ; {
			next := e.next // before e is unlinked by the loop's body
			if !yield(e) || e == last {
				return
			}
			e = next
		}
	}
}

// name returns the user's name as its entries have it, so that there is one copy
// in memory.
func (u *userStripe) name(user string) string {
	if head := u.oldest[user]; head != nil {
		return head.user
	}
	return user
}

// link adds an entry behind all that were not issued later.
func (u *userStripe) link(e *entry) {
	u.apps[session.AppTagOf(e.user)]++
	head := u.oldest[e.user]
	if head == nil {
		e.prev, e.next = e, e
		u.oldest[e.user] = e
		return
	}
	after := head.prev
	for after.issued > e.issued {
		if after == head { // older than all
			after = head.prev
			u.oldest[e.user] = e
			break
		}
		after = after.prev
	}
	e.prev, e.next = after, after.next
	e.prev.next, e.next.prev = e, e
}

// unlink removes an entry that is linked.
func (u *userStripe) unlink(e *entry) {
	u.apps[session.AppTagOf(e.user)]--
	switch {
	case e.next == e:
		delete(u.oldest, e.user)
	case u.oldest[e.user] == e:
		u.oldest[e.user] = e.next
	}
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// replace puts e in the place of a linked entry of the same user.
func (u *userStripe) replace(old, e *entry) {
	if u.oldest[e.user] == old {
		u.oldest[e.user] = e
	}
	if old.next == old {
		e.prev, e.next = e, e
	} else {
		e.prev, e.next = old.prev, old.next
		e.prev.next, e.next.prev = e, e
	}
	old.prev, old.next = nil, nil
}
