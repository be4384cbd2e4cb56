// document.go: what a node knows of the document, and how it keeps up.

// Package keydoc keeps one document of keys in Caddy's storage (certmagic.Storage),
// the same for all nodes that share the storage, and a decoded copy of it in memory.
//
// It promises that a node never uses what is not in storage: a change is made under
// the storage's lock, written, read back, and only then taken over. A document that
// is absent is told apart from one that cannot be read, and one that cannot be read
// never replaces what was read before. Whatever is asked of it, it reads storage for
// keys that are not known here at most once a second.
//
// Reading order: document.go (reading), change.go (writing), find.go (looking for
// what is not known yet), json.go (the form that documents have in common).
//
// It refuses to know what keys are good for, and when: that, and all times, are the
// business of packages token and seal. Nothing happens by itself.
package keydoc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
)

// storageTimeout bounds one operation, waiting for the lock included. A lock of a
// node that crashed goes stale well within it.
const storageTimeout = time.Minute

// ErrAbsent says that there is no document. It is apart from all other failures, as
// only it allows to make one.
var ErrAbsent = errors.New("the document is absent")

// Form is what makes one kind of document.
type Form[T any] struct {
	Storage certmagic.Storage
	// Names in storage, the same on all nodes.
	Path, Lock string
	// What it holds, and what ends when it is made anew; for errors: "token keys".
	What, Ends string
	// Decode trusts nothing, and does not quote the document in its errors. have is
	// what was read before, or the zero T: parts of it may be used again.
	Decode func(data []byte, have T) (T, error)
	Encode func(T) ([]byte, error)
	// Has tells whether a key is in a document, which may be the zero T.
	Has func(value T, id string) bool
}

// Document is one document and what it held when it was last read. What it returns
// is shared and must not be changed. It is safe for concurrent use.
type Document[T any] struct {
	redact.Shown
	form Form[T]
	// One change at a time within the process: waiting for ourselves on a storage
	// lock costs a second with files. A channel, to wait with a context. Reading
	// does not wait for it: the lock may be another node's for long.
	busy chan struct{}
	held atomic.Pointer[content[T]] // nil until it was read
	asks asks[T]
}

// content is one version of the document.
type content[T any] struct {
	value  T
	digest [sha256.Size]byte
}

// New returns a document that was not read yet.
func New[T any](form Form[T]) *Document[T] {
	return &Document[T]{Shown: redact.Shown(form.What + " at " + form.Path), form: form, busy: make(chan struct{}, 1)}
}

// Held returns what was read last, or the zero T.
func (d *Document[T]) Held() T {
	if c := d.held.Load(); c != nil {
		return c.value
	}
	var none T
	return none
}

// Follow reads the document, and never waits for a lock. What was in storage when it
// was called, or something newer, is held when it returns nil. After an error the
// document holds what it held, also when it has vanished from storage. Reading one
// that has not changed costs little more than the reading.
func (d *Document[T]) Follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	for {
		before := d.held.Load()
		c, err := d.load(ctx, before)
		if err != nil {
			return err
		}
		if d.held.CompareAndSwap(before, c) {
			return nil
		}
		// replaced meanwhile, and nobody knows by something older or newer
	}
}

// load reads the document. have, which may be nil, is what it held before.
func (d *Document[T]) load(ctx context.Context, have *content[T]) (*content[T], error) {
	data, err := d.form.Storage.Load(ctx, d.form.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there are no %s in storage: %w at %s", d.form.What, ErrAbsent, d.form.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %s from storage: %w", d.form.What, d.form.Path, err)
	}
	if have == nil {
		have = new(content[T])
	}
	c := &content[T]{digest: sha256.Sum256(data)}
	if have.digest == c.digest {
		return have, nil
	}
	if c.value, err = d.form.Decode(data, have.value); err != nil {
		return nil, fmt.Errorf("%s %s in storage: %w; restore the document, or delete it and reload to start anew, which ends %s",
			d.form.What, d.form.Path, err, d.form.Ends)
	}
	return c, nil
}
