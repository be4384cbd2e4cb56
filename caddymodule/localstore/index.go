// index.go: where everything is. It is made when the file is opened, and kept in
// step with each commit.

package localstore

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"sync"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
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

// table says where entries are and how many there are. As the changes of a
// transaction it holds what is other than before: a place of number 0 and a user
// without sessions are gone, and counts are differences.
type table struct {
	places [3]map[id]due // of sessions, marks and values
	users  map[id][]id   // the sessions of each user; once loaded, a list is never modified
	counts [3]amount
	apps   map[string]int64 // sessions by session.AppTag
}

func newTable() table {
	t := table{users: make(map[id][]id), apps: make(map[string]int64)}
	for i := range t.places {
		t.places[i] = make(map[id]due)
	}
	return t
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

func (t *table) count(k kind, entries, size int) {
	c := &t.counts[slot(k)]
	c.entries += int64(entries)
	c.bytes += int64(size)
}

// index is the table of what was committed. The writer changes it, under the
// lock; it alone may read it without.
type index struct {
	mu sync.RWMutex
	table
}

// place returns where an entry is.
func (x *index) place(k kind, i id) (due, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	d, ok := x.places[slot(k)][i]
	return d, ok
}

// placesOf returns where a user's sessions are.
func (x *index) placesOf(user string) []due {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var places []due
	for _, i := range x.users[idOf(user)] {
		places = append(places, x.places[slot(kindSession)][i])
	}
	return places
}

// apply makes the changes of a transaction.
func (x *index) apply(t *table) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for k, places := range t.places {
		for i, d := range places {
			if d.number == 0 {
				delete(x.places[k], i)
			} else {
				x.places[k][i] = d
			}
		}
		x.counts[k].entries += t.counts[k].entries
		x.counts[k].bytes += t.counts[k].bytes
	}
	for u, sessions := range t.users {
		if len(sessions) == 0 {
			delete(x.users, u)
		} else {
			x.users[u] = sessions
		}
	}
	for app, n := range t.apps {
		if x.apps[app] += n; x.apps[app] == 0 {
			delete(x.apps, app)
		}
	}
}

// load adds an entry that is read when the file is opened, and is not there yet.
// Nobody else uses the index yet.
func (x *index) load(r record) {
	i := idOf(r.key)
	x.places[slot(r.kind)][i] = r.due
	x.count(r.kind, 1, len(r.value))
	if r.kind == kindSession {
		u := idOf(r.user)
		x.users[u] = append(x.users[u], i)
		x.apps[session.AppTagOf(r.user)]++
	}
}

// unload takes out an entry that was loaded, for a newer version of it.
func (x *index) unload(r record) {
	i := idOf(r.key)
	delete(x.places[slot(r.kind)], i)
	x.count(r.kind, -1, -len(r.value))
	if r.kind != kindSession {
		return
	}
	u := idOf(r.user)
	if x.users[u] = slices.DeleteFunc(x.users[u], func(have id) bool { return have == i }); len(x.users[u]) == 0 {
		delete(x.users, u)
	}
	tag := session.AppTagOf(r.user)
	if x.apps[tag]--; x.apps[tag] == 0 {
		delete(x.apps, tag)
	}
}
