// store.go: the contract that every session store keeps.

package session

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound is a store's answer for a record or value that is absent,
	// expired or ended. It is the only error that means "there is none".
	ErrNotFound = errors.New("no such record")

	// ErrFull is a store's answer to a write for which its configured bound
	// leaves no room. Nothing was written, nothing else was given up for it.
	ErrFull = errors.New("the session store is full")
)

// Record is one session as a store sees it: opaque bytes under an opaque key.
//
// Key and User are characters of [A-Za-z0-9_-] that the Manager makes: User is a
// hash, 22 of them, and Key is User and 11 more, so that a store may have all of a
// user in one place. A store may use them in file names, in keys of its own and in
// logs; they tell nothing about who the user is. (A store that lasts longer than a
// version of this package may hold keys of 22 characters that do not tell the user.)
type Record struct {
	Key       string
	User      string // the same for all sessions of one (app, openid); see AppTag
	Value     []byte // never to be modified, neither by the store nor by its caller
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Store keeps the sessions of all users, the marks of redeemed codes, and
// small values that nodes share. Guests of namespace "wechat.stores" implement
// it; package sessiontest holds the conformance suite that each must pass.
//
// The rules for all methods:
//
//   - Absence is ErrNotFound (or, for List and DeleteUser, nothing found).
//     Every other error means "could not answer": the gateway then says 503 and
//     never treats the session as ended. An error never means absence.
//   - An expiry that is not in the future deletes: the entry is gone at once and
//     the call succeeds. It never means "keep forever".
//   - An expired entry is absent, whether or not it was swept yet.
//   - When a write returns nil, every later read sees it: on this node at once,
//     on every node that shares the store within one second. A store that is
//     durable has it on disk by then.
//   - When a write returns an error, it may or may not have happened. A store
//     must not leave half of it: either all of the call's effects or none.
//   - Nothing that was deleted ever comes back by an Update, a crash, a
//     failover that the store is documented to survive, or a sweep.
//   - What is damaged is absent: List and DeleteUser leave it out, and it counts for
//     no limit. It is in nobody's way: Create, Delete and UpdateValue put it aside,
//     other records of the user stay. Get, Update and Value of it give ErrForged,
//     an ErrNotFound that the Manager tells the operator, or ErrNotFound after the
//     store itself told.
//   - Values of up to 64 KiB are kept whole. Byte slices that a store was given
//     or has handed out are not modified by either side.
//   - Records, marks and values are three name spaces: one key may name one of each.
//   - The functions that callers pass must not call the store.
//   - All methods are safe for concurrent use, end soon after ctx is done, and
//     then return ctx.Err() wrapped or bare.
type Store interface {
	// Mark sets a mark that stays until the given time, and reports whether
	// this call was the one that set it. Of any number of calls for one key, on
	// all nodes together, exactly one gets true. It guards one-time codes, so
	// when in doubt (the answer of an earlier call was lost) it says false. With
	// an expiry that is not in the future it sets nothing, takes no mark away
	// and says false.
	Mark(ctx context.Context, key string, until time.Time) (first bool, err error)

	// Create adds a session, replacing any record under the same key. When the
	// user then has more than limit live sessions, the oldest by IssuedAt go (the
	// new one never does). limit <= 0 is no limit.
	//
	// value, unless nil, first makes of the value that is named rec.User what
	// UpdateValue would, until rec.ExpiresAt; a store that can does both at once. A
	// call that fails may have changed the value: without a session it is of no use.
	Create(ctx context.Context, rec Record, limit int, value func(old []byte) ([]byte, error)) error

	// Get returns the record and a lease on it. The store ends the lease when
	// the record is updated, deleted or pushed out, on whatever node: at once
	// for calls on this node, within one second for those of others, and as
	// well when it can no longer tell (a lost connection, say). It may end without
	// need, when another session of the user changed, say: the next Get gives a
	// new one.
	Get(ctx context.Context, key string) (Record, *Lease, error)

	// Update replaces the value of an existing record by what change makes of
	// it, atomically: no other Update or Delete of the record comes between, and
	// change may be called again when one did. Times stay as they are. It never
	// brings a record back: absent is ErrNotFound. An error of change is
	// returned as it is, and nothing is written.
	Update(ctx context.Context, key string, change func(value []byte) ([]byte, error)) error

	// Delete ends a session. Deleting an absent one succeeds.
	Delete(ctx context.Context, key string) error

	// List returns the live sessions of a user, oldest first; none is no error.
	List(ctx context.Context, user string) ([]Record, error)

	// DeleteUser ends all sessions of a user, and tells how many were live. A
	// session created while it runs may survive; one created before does not.
	DeleteUser(ctx context.Context, user string) (ended int, err error)

	// Value returns a shared value, or ErrNotFound.
	Value(ctx context.Context, key string) ([]byte, error)

	// UpdateValue sets a shared value to what change makes of the present one
	// (nil when absent), atomically as Update does, and lets it expire at until.
	// When change returns nil, the value is deleted; an empty one is kept. An
	// error of change is returned as it is, and nothing is written.
	UpdateValue(ctx context.Context, key string, until time.Time, change func(old []byte) ([]byte, error)) error
}

// Counter is what a store may offer for the operator's metrics.
type Counter interface {
	// Count returns how many live sessions there are by app, as AppTag names
	// it: the first four characters of Record.User. Sessions that expired
	// within the last minute may be among them. It is for charts: logins and logouts
	// of the last second that were under way on a node that crashed may be missing
	// until those sessions would have expired.
	Count(ctx context.Context) (map[string]int, error)
}

// Checker is what a store may offer for the operator's health check.
type Checker interface {
	// Check returns nil when a login could be kept now. It finds out by a write, on
	// a name of its own: a store that is there and reads well, but takes no writes (a
	// full disk, a full memory, a replica, a missing right), is not fit. It changes
	// nothing that lasts. The error is for the operator: it may name an address or a
	// file, never a password.
	Check(ctx context.Context) error
}

// Locker is what a store may offer that no other process can use at the same time.
type Locker interface {
	// Lock waits until nobody else has locked the name, and returns what gives it
	// back, to be called once. All who use the same data share the locks, those of
	// another configuration too; they are in memory, and end with the process. They
	// are no part of the store's other calls. The error is ctx.Err().
	Lock(ctx context.Context, name string) (unlock func(), err error)
}

// Volatile is what a store implements that writes nothing anywhere but into
// this process's memory. The values of every other store are sealed.
type Volatile interface{ Volatile() }
