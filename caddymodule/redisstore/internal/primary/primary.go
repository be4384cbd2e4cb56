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
// would save cluster.go and most of sentinel.go, some 350 lines; beats, retries,
// transactions and errors would be needed with them as well. Tests in rueidis_test.go of
// the store run them against the faults below, and fail when a version of rueidis no
// longer misses one. What would go, as of 1.0.79:
//
//   - Of several Sentinels one is asked, and believed for as long as it answers: cut off
//     with the old primary, it keeps the gateway there (TestOneSentinelOfThreeIsStale).
//   - A role that is wrong ends nothing: the client says no to the Sentinel, and goes on
//     reading from the demoted server (TestPrimaryIsDemotedBehindTheSentinelsBack).
//   - Nobody learns that slots moved, nor which server gave an answer. A lease on what a
//     server said that has no slots any more would live on, where that server hears
//     of no change itself (TestDemotedServerOfAClusterHearsNothing).
//   - OnInvalidations does not say which server is lost: one shard that fails would cost
//     all users of a Cluster their leases (TestClusterLosesAServer), and a million reads.
//
// The comments at node.go, single.go, exchange.go and tx.go say what is done there that
// the single-server client does not do.
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
