// primary.go: which servers there are, and what bounds a call to them.

// Package primary knows the one Redis server to ask for a key, and whether it can be
// trusted now: behind one address, as Sentinels name it, or in a Cluster. It proves
// five times a second, on the very connection that would tell of changes, that the
// server is there and is a primary, and follows when another one is.
//
// It knows nothing of sessions. It never reads from a replica, and repeats no write
// of a transaction whose answer was lost.
//
// Of rueidis only the single-server client is used. Its Sentinel and Cluster clients
// would save a third of this package, and with it the promise that a logout is
// everywhere within a second, also through a failover: OnInvalidations does not tell
// from which server an invalidation, or the end of all, came; the first Sentinel is
// believed, where two of three may say otherwise; no role is looked at again while a
// connection lives, so that a demoted server is read for good (TestDemotedServerIsLeftAtOnce
// with the look at the role taken out); and retries are one switch for all commands.
package primary

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

// Modes of a deployment.
const (
	ModeSingle   = "single"
	ModeSentinel = "sentinel"
	ModeCluster  = "cluster"
)

// Deployment is where the servers are and how to log in there.
type Deployment struct {
	Mode, Master                   string
	Addrs                          []string
	User, Password                 string
	DB                             int
	TLS                            *tls.Config
	SentinelUser, SentinelPassword string
	SentinelOwnAccount             bool
}

const (
	// CallLimit is the longest that any call takes.
	CallLimit = 1500 * time.Millisecond

	// connectWait is how long a server may take to show that it is a primary.
	connectWait = 2 * time.Second
)

// Bounded runs a call within CallLimit. Its own limit is a failure of Redis; the
// end of the caller's context is the caller's.
func Bounded(ctx context.Context, call func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner, cancel := context.WithTimeout(ctx, CallLimit)
	defer cancel()
	err := call(inner)
	if over := inner.Err(); err != nil && over != nil && errors.Is(err, over) {
		if own := ctx.Err(); own != nil {
			return own
		}
		return errSlow
	}
	return err
}
