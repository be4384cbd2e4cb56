// keylock.go: a lock for each name.

// Package keylock has locks by name, for any number of names: of all that lock one name,
// one has it at a time. A name that nobody has locked takes no memory.
//
// The locks are in this process's memory and end with it. They keep no order among those
// who wait.
package keylock

import (
	"context"
	"sync"
)

// Locks is safe for concurrent use. Its zero value is ready.
type Locks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // nil until somebody waits; closed when the lock is free
}

// Lock waits until nobody else has the name, and returns what gives it back, to be called
// once. An error is ctx's.
func (l *Locks) Lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		free := l.take(name)
		if free == nil {
			return func() { l.release(name) }, nil
		}
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes the name, and returns nil, or else what is closed when it is worth another try.
func (l *Locks) take(name string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	free, taken := l.held[name]
	switch {
	case !taken:
		if l.held == nil {
			l.held = make(map[string]chan struct{})
		}
		l.held[name] = nil
		return nil
	case free == nil:
		free = make(chan struct{})
		l.held[name] = free
	}
	return free
}

func (l *Locks) release(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if free := l.held[name]; free != nil {
		close(free)
	}
	delete(l.held, name)
}
