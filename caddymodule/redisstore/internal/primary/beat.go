// beat.go: what a server must answer to be trusted.

package primary

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// beat asks the server for a sign of life, and whether it is what it must be: a
// server that was demoted says so in no other way to those who only read.
func (n *Node) beat() error {
	sent := n.link.now()
	if n.link.d.Mode == ModeSingle || n.failure.Load() != nil {
		if err := n.identify(); err != nil {
			return err
		}
	}
	if n.link.d.Mode != ModeSingle {
		if err := n.role(); err != nil {
			return err
		}
	}
	n.prove(sent)
	return nil
}

// identify refuses a server that is not what the configuration says.
func (n *Node) identify() error {
	hello, err := n.reads.Do(context.Background(), command(n.reads, "HELLO")).AsMap()
	if err != nil {
		return connectError(n.addr, err)
	}
	text := func(name string) string {
		m := hello[name]
		s, _ := m.ToString()
		return s
	}
	mode, role := text("mode"), text("role")
	switch want := n.link.d.Mode; {
	case mode == "sentinel":
		return configError{fmt.Errorf("redis %s is a Sentinel: it needs  mode sentinel", n.addr)}
	case mode == "cluster" && want != ModeCluster:
		return configError{fmt.Errorf("redis %s belongs to a cluster: it needs  mode cluster", n.addr)}
	case mode != "cluster" && want == ModeCluster:
		return configError{fmt.Errorf("redis %s belongs to no cluster", n.addr)}
	case role != "master" && want == ModeSingle:
		return configError{fmt.Errorf("redis %s is a replica: the store needs its primary", n.addr)}
	}
	return nil
}

var errNotPrimary = errors.New("is no primary any more")

// role demands that the server is a primary, and counts its replicas.
func (n *Node) role() error {
	role, err := n.reads.Do(context.Background(), command(n.reads, "ROLE")).ToArray()
	if err != nil {
		return connectError(n.addr, err)
	}
	if len(role) < 3 {
		return fmt.Errorf("redis %s: %w", n.addr, errNotPrimary)
	}
	if who, _ := role[0].ToString(); who != "master" {
		return fmt.Errorf("redis %s: %w", n.addr, errNotPrimary)
	}
	replicas, _ := role[2].ToArray()
	if len(replicas) > 0 {
		n.followed.Store(int64(n.link.now()))
	}
	if n.replicas.Swap(int32(len(replicas))) > int32(len(replicas)) {
		n.link.poke() // perhaps it was promoted
	}
	return nil
}

// demanded is how many replicas must confirm a write where nobody said how many:
// one, but none of a server that has had none for so long that it is on its own.
// An old primary loses its replicas first and learns later that it is one no
// more; what it accepts meanwhile is lost.
func (n *Node) demanded() int {
	last := time.Duration(n.followed.Load())
	if last == 0 || n.link.now()-last > loneAfter {
		return 0
	}
	return 1
}
