// bundle.go: all that is kept of a user, as the fields of one hash.

package redisstore

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Redis keeps a hash in one block of memory while no field is longer than 64 bytes
// (hash-max-listpack-value) and there are no more than 512 of them (hash-max-listpack-entries). So
// a session is its head, under the part of its key that is not the user, and pieces
// of 64 bytes, under a tag and a number. A logout needs no memory and no look at
// the rest: it deletes those fields.
//
//	head: how many pieces follow, 1 byte; tag, 3 bytes, if any do; expires, issued: varints; data
//	piece: data
//
// The value of a user is the same, under a name that is no session's.
const (
	valueName = "v"
	minName   = 8 // of a session, longer than tag and number
	tagLen    = 3
	pieceLen  = 64
	maxPieces = 32 // more are kept in the head alone, and Redis then uses more memory for the hash
)

// part is a session, or the value.
type part struct {
	name            string
	expires, issued int64 // in Unix milliseconds
	data            []byte
	tag             string
	fields          []string // that it takes in the hash
	damaged         bool
}

func (p *part) live() bool { return !p.damaged && !over(p.expires) }

func (p *part) record(user string) session.Record {
	return session.Record{
		Key: user + p.name, User: user, Value: p.data,
		IssuedAt: time.UnixMilli(p.issued), ExpiresAt: time.UnixMilli(p.expires),
	}
}

// bundle is what is kept of a user.
type bundle struct {
	parts   []*part  // sessions, oldest first, and the value; expired and damaged ones, too
	strays  []string // fields that belong to nothing
	foreign bool     // the key holds no hash: it is not ours
	until   int64    // Redis keeps the hash at least so long
}

// bundleIn reads a hash. What is damaged in it is known as such, and no more.
func bundleIn(m rueidis.RedisMessage) (*bundle, error) {
	fields, err := m.AsStrMap()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, errDamaged
	}
	b, used := &bundle{}, make(map[string]bool, len(fields))
	for name, head := range fields {
		if name != valueName && len(name) < minName {
			continue
		}
		p := readPart(name, head, fields)
		for _, field := range p.fields {
			used[field] = true
		}
		b.parts, b.until = append(b.parts, p), max(b.until, p.expires)
	}
	for name := range fields {
		if !used[name] {
			b.strays = append(b.strays, name)
		}
	}
	slices.SortFunc(b.parts, func(x, y *part) int {
		return cmp.Or(cmp.Compare(x.issued, y.issued), cmp.Compare(x.name, y.name))
	})
	return b, nil
}

func readPart(name, head string, fields map[string]string) *part {
	p, rest := &part{name: name, fields: []string{name}, damaged: true}, []byte(head)
	if len(rest) == 0 || rest[0] > maxPieces {
		return p
	}
	pieces := int(rest[0])
	rest = rest[1:]
	if pieces > 0 {
		if len(rest) < tagLen {
			return p
		}
		p.tag, rest = string(rest[:tagLen]), rest[tagLen:]
	}
	for _, to := range []*int64{&p.expires, &p.issued} {
		v, n := binary.Varint(rest)
		if n <= 0 {
			return p
		}
		*to, rest = v, rest[n:]
	}
	p.damaged, p.data = false, rest
	for i := range pieces {
		field := p.tag + string(rune(i))
		piece, there := fields[field]
		if !there {
			p.damaged = true
			continue
		}
		p.data, p.fields = append(p.data, piece...), append(p.fields, field)
	}
	return p
}

// find returns a part by its name, or nil.
func (b *bundle) find(name string) *part {
	for _, p := range b.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// session returns a live session, or why there is none.
func (b *bundle) session(name string) (*part, error) {
	switch p := b.find(name); {
	case b.foreign, p != nil && p.damaged:
		return nil, errDamaged
	case p == nil || !p.live():
		return nil, session.ErrNotFound
	default:
		return p, nil
	}
}

// value returns the user's value, or nil.
func (b *bundle) value() []byte {
	if p := b.find(valueName); p != nil && p.live() {
		return append([]byte{}, p.data...)
	}
	return nil
}

// sessions are the live ones, oldest first.
func (b *bundle) sessions() (live []*part) {
	for _, p := range b.parts {
		if p.name != valueName && p.live() {
			live = append(live, p)
		}
	}
	return live
}

// put writes a part in the place of one of its name, and returns the fields to set.
func (b *bundle) put(p *part) (set []string) {
	if old := b.find(p.name); old != nil {
		p.tag = old.tag // pieces are written over
		b.drop(old)
	}
	head := make([]byte, 1, pieceLen)
	times := binary.AppendVarint(binary.AppendVarint(nil, p.expires), p.issued)
	data, room := p.data, pieceLen-1-tagLen-len(times)
	if pieces := (len(data) - room + pieceLen - 1) / pieceLen; len(data) > room+tagLen && pieces <= maxPieces {
		if p.tag == "" {
			p.tag = b.newTag()
		}
		head[0] = byte(pieces)
		head = append(head, p.tag...)
	} else {
		p.tag, room = "", len(data)
	}
	head = append(append(head, times...), data[:room]...)
	set, p.fields = []string{p.name, rueidis.BinaryString(head)}, []string{p.name}
	i := 0
	for piece := range slices.Chunk(data[room:], pieceLen) {
		field := p.tag + string(rune(i))
		set, p.fields = append(set, field, rueidis.BinaryString(piece)), append(p.fields, field)
		i++
	}
	b.parts = append(b.parts, p)
	return set
}

// drop takes a part off; its fields belong to nothing then.
func (b *bundle) drop(p *part) {
	b.parts = slices.DeleteFunc(b.parts, func(other *part) bool { return other == p })
	b.strays = append(b.strays, p.fields...)
}

// tidy takes off what is over or damaged.
func (b *bundle) tidy() {
	for _, p := range slices.Clone(b.parts) {
		if !p.live() {
			b.drop(p)
		}
	}
}

// newTag makes a tag that no part has. It is random: a logout, which deletes by
// tag without a look, must not meet the pieces of another session.
func (b *bundle) newTag() string {
	for {
		var tag [tagLen]byte
		rand.Read(tag[:])
		if !slices.ContainsFunc(b.parts, func(p *part) bool { return p.tag == string(tag[:]) }) {
			return string(tag[:])
		}
	}
}

// writes are the commands that bring the hash to what the bundle is now, when the
// given fields are set.
func (b *bundle) writes(key string, set []string) (cmds [][]string) {
	if b.foreign {
		cmds = append(cmds, []string{"DEL", key})
	}
	if len(set) > 0 {
		cmds = append(cmds, append([]string{"HSET", key}, set...))
	}
	strays := slices.DeleteFunc(b.strays, func(field string) bool {
		return slices.ContainsFunc(b.parts, func(p *part) bool { return slices.Contains(p.fields, field) })
	})
	if len(strays) > 0 {
		cmds = append(cmds, append([]string{"HDEL", key}, strays...))
	}
	until := int64(0)
	for _, p := range b.parts {
		until = max(until, p.expires)
	}
	if until != b.until && until != 0 {
		cmds = append(cmds, []string{"PEXPIREAT", key, pxat(until)})
	}
	return cmds
}
