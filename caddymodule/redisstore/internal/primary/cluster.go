// cluster.go: which server of a cluster has which slot.

package primary

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

const SlotCount = 16384

// lookCluster asks for the map of the cluster and follows it. Servers that stay
// keep their connections; leases on a server whose slots changed end.
func (l *Link) lookCluster(ctx context.Context) {
	old := l.top.Load()
	var addrs []string
	if old != nil {
		for addr, n := range old.nodes {
			if n.down() == nil {
				addrs = append(addrs, addr)
			}
		}
	}
	if len(addrs) == 0 {
		addrs = slices.Clone(l.d.Addrs)
		if old != nil {
			addrs = slices.AppendSeq(addrs, maps.Keys(old.nodes))
		}
		slices.Sort(addrs)
		addrs = slices.Compact(addrs)
	}
	view, err := l.vote(ctx, addrs, func(addr string) (string, error) { return l.mapOf(ctx, old, addr) })
	if err == nil && view == "" {
		err = errors.New("the cluster has no slots yet")
	}
	if err != nil {
		l.blame(err)
		return
	}
	l.follow(old, view)
}

// follow puts a map of the cluster in force.
func (l *Link) follow(old *topology, view string) {
	t := &topology{nodes: make(map[string]*Node), slots: make([]*Node, SlotCount)}
	for _, part := range strings.Fields(view) {
		var from, to int
		var addr string
		if _, err := fmt.Sscanf(part, "%d-%d=%s", &from, &to, &addr); err != nil {
			continue
		}
		n := t.nodes[addr]
		if n == nil && old != nil {
			n = old.nodes[addr]
		}
		if n == nil {
			n = newNode(l, addr)
		}
		t.nodes[addr] = n
		for slot := max(from, 0); slot <= min(to, SlotCount-1); slot++ {
			t.slots[slot] = n
		}
	}
	l.top.Store(t)
	if old == nil {
		return
	}
	changed := make(map[*Node]bool)
	for slot, n := range old.slots {
		if n != nil && n != t.slots[slot] {
			changed[n] = true
		}
	}
	for n := range changed {
		l.watch.Lost(n)
	}
	for addr, n := range old.nodes {
		if t.nodes[addr] == nil {
			l.retire(n)
		}
	}
}

// mapOf asks a server for its map of the cluster: on the connection that there is, or on
// a new one.
func (l *Link) mapOf(ctx context.Context, t *topology, addr string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	question := []string{"CLUSTER", "SLOTS"}
	if t == nil || t.nodes[addr] == nil || t.nodes[addr].down() != nil {
		answer, err := l.d.once(ctx, addr, question)
		if err != nil {
			return "", err
		}
		return mapIn(addr, answer)
	}
	answers, err := t.nodes[addr].read(ctx, question)
	if err != nil {
		return "", err
	}
	return mapIn(addr, answers[0])
}

// mapIn writes an answer to CLUSTER SLOTS as text that can be compared:
// "0-5460=127.0.0.1:7000 5461-…", primaries only.
func mapIn(asked string, m rueidis.RedisMessage) (string, error) {
	ranges, err := m.ToArray()
	if err != nil {
		return "", errors.New("a map of the cluster cannot be read")
	}
	host, _, _ := net.SplitHostPort(asked)
	var parts []string
	for _, r := range ranges {
		fields, err := r.ToArray()
		if err != nil || len(fields) < 3 {
			continue
		}
		from, err1 := fields[0].AsInt64()
		to, err2 := fields[1].AsInt64()
		primary, err3 := fields[2].ToArray()
		if errors.Join(err1, err2, err3) != nil || len(primary) < 2 {
			continue
		}
		name, _ := primary[0].ToString()
		port, err := primary[1].AsInt64()
		if err != nil || name == "?" {
			continue
		}
		if name == "" { // the one that was asked does not know its own name
			name = host
		}
		parts = append(parts, fmt.Sprintf("%05d-%05d=%s", from, to, net.JoinHostPort(name, strconv.FormatInt(port, 10))))
	}
	slices.Sort(parts)
	return strings.Join(parts, " "), nil
}

// SlotOf is the slot of a key: CRC16 of its hash tag, or of all of it.
func SlotOf(key string) int {
	if open := strings.IndexByte(key, '{'); open >= 0 {
		if end := strings.IndexByte(key[open+1:], '}'); end > 0 {
			key = key[open+1 : open+1+end]
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % SlotCount
}
