// freeport.go: ports for the servers that tests start.

// Package freeport finds ports for the servers of tests that must be told theirs in a
// configuration. They are not among those that the system gives to outgoing connections and to
// listeners without a port (from 32768 on, by default): one of these would take the port
// between the search and the start of the server.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

const first, last = 10_000, 21_999

var (
	mu sync.Mutex
	// other processes of a test run search as well: each begins elsewhere
	next = first + rand.IntN(last-first)
)

// Take returns a port of 127.0.0.1 that is free for TCP and UDP; as are those above it
// by each of the offsets, 10,000 at most, for TCP. No port is given twice by a process.
func Take(t testing.TB, offsets ...int) int {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	for range last - first {
		port := next
		if next++; next > last {
			next = first
		}
		if free("tcp", port) && free("udp", port) && allFree(port, offsets) {
			return port
		}
	}
	t.Fatalf("no port from %d to %d is free for both TCP and UDP", first, last)
	return 0
}

func allFree(port int, offsets []int) bool {
	for _, offset := range offsets {
		if !free("tcp", port+offset) {
			return false
		}
	}
	return true
}

func free(network string, port int) bool {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	l, err := net.Listen(network, address)
	if err == nil {
		l.Close()
	}
	return err == nil
}
