// index.go: where everything is. It is made when the file is opened, and kept in
// step with each commit.

package localstore

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
)

// id is a key or user in the memory of a million: the 128 bits that the 22
// characters of session.Record stand for. Other names are hashed.
type id [16]byte

func idOf(name string) (i id) {
	if len(name) == 22 {
		var text [22]byte
		copy(text[:], name)
		if n, err := base64.RawURLEncoding.Strict().Decode(i[:], text[:]); err == nil && n == len(i) {
			return i
		}
	}
	sum := sha256.Sum256([]byte(name))
	return id(sum[:16])
}

// name is what idOf was given, if that had 22 characters as all names of the manager's.
func (i id) name() string { return base64.RawURLEncoding.EncodeToString(i[:]) }

// amount is so many entries, and so many bytes of values.
type amount struct{ entries, bytes int64 }

// spot is where a session is.
type spot struct {
	id
	due
}

// user is what a user has: the value of that name, and sessions. It is the largest
// part of the memory of a million sessions. It has no pointer, so that the garbage
// collector does not look at it, and room for one session, which is what most have.
type user struct {
	value due
	first spot // first.number is 0 where there is none
}

// table says where entries are and how many there are.
type table struct {
	users  map[id]user
	more   map[id][]spot // the sessions of a user but the first; the lists are never modified
	owners map[id]id     // the users of sessions whose key does not begin with them, as keys of before
	marks  map[id]due
	counts [3]amount        // of sessions, marks and values
	apps   map[string]int64 // sessions by session.AppTag
}

func newTable() table {
	return table{
		users: make(map[id]user), more: make(map[id][]spot), owners: make(map[id]id),
		marks: make(map[id]due), apps: make(map[string]int64),
	}
}

// account is all that a user has. Its list is never modified.
type account struct {
	value    due
	sessions []spot
}

func (a account) with(s spot) account {
	a.sessions = append(slices.Clip(a.sessions), s)
	return a
}

func (a account) without(i id) account {
	a.sessions = slices.DeleteFunc(slices.Clone(a.sessions), func(s spot) bool { return s.id == i })
	return a
}

// account returns what a user has.
func (t *table) account(u id) account {
	have := t.users[u]
	a := account{value: have.value}
	if have.first.number != 0 {
		a.sessions = append([]spot{have.first}, t.more[u]...)
	}
	return a
}

func (t *table) setAccount(u id, a account) {
	delete(t.more, u)
	if len(a.sessions) == 0 {
		if a.value.number == 0 {
			delete(t.users, u)
		} else {
			t.users[u] = user{value: a.value}
		}
		return
	}
	t.users[u] = user{a.value, a.sessions[0]}
	if len(a.sessions) > 1 {
		t.more[u] = slices.Clone(a.sessions[1:])
	}
}

// userLen is how many characters of a session's key are its user.
const userLen = 22

// namesUser reports whether the key of a session tells whose it is.
func namesUser(key, user string) bool { return len(user) == userLen && strings.HasPrefix(key, user) }

// owner returns the user of a session, if there is one of that key.
func (t *table) owner(key string) id {
	if len(t.owners) > 0 {
		if u, ok := t.owners[idOf(key)]; ok {
			return u
		}
	}
	return idOf(key[:min(userLen, len(key))])
}

// find returns where an entry is; number 0 is nowhere.
func (t *table) find(k kind, key string) due {
	i := idOf(key)
	switch k {
	case kindMark:
		return t.marks[i]
	case kindValue:
		return t.users[i].value
	}
	u := t.owner(key)
	if first := t.users[u].first; first.id == i {
		return first.due
	}
	for _, s := range t.more[u] {
		if s.id == i {
			return s.due
		}
	}
	return due{}
}

// slot is where a table has a kind of entries.
func slot(k kind) int {
	switch k {
	case kindSession:
		return 0
	case kindMark:
		return 1
	default:
		return 2
	}
}

// changes are what a transaction makes other than it was.
type changes struct {
	users  map[id]account
	owners map[id]id  // id{}: none any more
	marks  map[id]due // number 0: none any more
	counts [3]amount  // differences, as the next
	apps   map[string]int64
}

func newChanges() changes {
	return changes{users: make(map[id]account), owners: make(map[id]id), marks: make(map[id]due), apps: make(map[string]int64)}
}

func (c *changes) count(k kind, entries, size int) {
	n := &c.counts[slot(k)]
	n.entries += int64(entries)
	n.bytes += int64(size)
}

// index is the table of what was committed. The writer changes it, under the
// lock; it alone may read it without.
type index struct {
	mu sync.RWMutex
	table
}

// place returns where an entry is.
func (x *index) place(k kind, key string) (due, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	d := x.find(k, key)
	return d, d.number != 0
}

// sessionsOf returns where a user's sessions are.
func (x *index) sessionsOf(user string) []spot {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.account(idOf(user)).sessions
}

// apply makes the changes of a transaction.
func (x *index) apply(c *changes) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for u, a := range c.users {
		x.setAccount(u, a)
	}
	for i, u := range c.owners {
		if u == (id{}) {
			delete(x.owners, i)
		} else {
			x.owners[i] = u
		}
	}
	for i, d := range c.marks {
		if d.number == 0 {
			delete(x.marks, i)
		} else {
			x.marks[i] = d
		}
	}
	for k := range x.counts {
		x.counts[k].entries += c.counts[k].entries
		x.counts[k].bytes += c.counts[k].bytes
	}
	for app, n := range c.apps {
		if x.apps[app] += n; x.apps[app] == 0 {
			delete(x.apps, app)
		}
	}
}
