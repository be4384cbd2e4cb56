// shared.go: a database that is opened when it is first used.

package localstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keylock"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// shared is a session file that configurations have named. Caddy also provisions
// configurations that it only validates, beside a gateway that has the file
// open. So it is opened when the first of them starts, or by a request that
// comes before that, and stays open until the last of them is cleaned up.
type shared struct {
	name string
	*tuning
	keylock.Locks                    // implement session.Locker: one process at a time has the file
	db            atomic.Pointer[DB] // nil until it was opened

	mu      sync.Mutex
	opening *attempt // nil when nobody is at it
	closed  bool
}

// attempt is one try to open the file, for all who wait for it.
type attempt struct {
	done chan struct{}
	err  error
}

// open returns the database, which it opens if need be. After an error the next
// call tries again.
func (s *shared) open(ctx context.Context) (*DB, error) {
	if d := s.db.Load(); d != nil {
		return d, nil
	}
	a, err := s.begin()
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return s.db.Load(), a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin joins the attempt that is under way, or makes one. It goes on when its
// callers give up: a large file may take longer than a request waits.
func (s *shared) begin() (*attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errClosed
	case s.opening != nil:
		return s.opening, nil
	}
	a := &attempt{done: make(chan struct{})}
	if s.db.Load() != nil { // meanwhile
		close(a.done)
		return a, nil
	}
	s.opening = a
	go func() {
		defer close(a.done)
		d, err := open(s.name, s.tuning)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.opening = nil; err != nil {
			a.err = fmt.Errorf("opening the session store: %w", err)
			return
		}
		s.db.Store(d)
	}()
	return a, nil
}

// close releases the file, if it was opened.
func (s *shared) close() error {
	s.mu.Lock()
	s.closed = true
	a := s.opening
	s.mu.Unlock()
	if a != nil {
		<-a.done
	}
	if d := s.db.Load(); d != nil {
		return d.Close()
	}
	return nil
}

// Start opens the file, unless that was done: one that cannot be had keeps a
// configuration from being loaded.
func (s *shared) Start() error {
	_, err := s.open(context.Background())
	return err
}

// Mark implements session.Store.
func (s *shared) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	d, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	return d.Mark(ctx, key, until)
}

// Create implements session.Store.
func (s *shared) Create(ctx context.Context, rec session.Record, limit int, change func([]byte) ([]byte, error)) error {
	d, err := s.open(ctx)
	if err != nil {
		return err
	}
	return d.Create(ctx, rec, limit, change)
}

// Get implements session.Store.
func (s *shared) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	d, err := s.open(ctx)
	if err != nil {
		return session.Record{}, nil, err
	}
	return d.Get(ctx, key)
}

// Update implements session.Store.
func (s *shared) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	d, err := s.open(ctx)
	if err != nil {
		return err
	}
	return d.Update(ctx, key, change)
}

// Delete implements session.Store.
func (s *shared) Delete(ctx context.Context, key string) error {
	d, err := s.open(ctx)
	if err != nil {
		return err
	}
	return d.Delete(ctx, key)
}

// List implements session.Store.
func (s *shared) List(ctx context.Context, user string) ([]session.Record, error) {
	d, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return d.List(ctx, user)
}

// DeleteUser implements session.Store.
func (s *shared) DeleteUser(ctx context.Context, user string) (int, error) {
	d, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	return d.DeleteUser(ctx, user)
}

// Value implements session.Store.
func (s *shared) Value(ctx context.Context, key string) ([]byte, error) {
	d, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return d.Value(ctx, key)
}

// UpdateValue implements session.Store.
func (s *shared) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	d, err := s.open(ctx)
	if err != nil {
		return err
	}
	return d.UpdateValue(ctx, key, until, change)
}

// Count implements session.Counter.
func (s *shared) Count(ctx context.Context) (map[string]int, error) {
	d := s.db.Load()
	if d == nil {
		return nil, errors.New("the session file is not open yet") // no reason to open it
	}
	return d.Count(ctx)
}

// Check implements session.Checker.
func (s *shared) Check(ctx context.Context) error {
	d, err := s.open(ctx)
	if err != nil {
		return err
	}
	return d.Check(ctx)
}
