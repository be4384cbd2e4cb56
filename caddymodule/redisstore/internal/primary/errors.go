// errors.go: what Redis and the network can say, and what follows from it.

package primary

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var (
	errSlow       = fmt.Errorf("redis did not answer within %v", CallLimit)
	errSilent     = errors.New("does not answer")
	errConnecting = errors.New("is not connected yet")
	errRetired    = errors.New("redis: the connection is closed")
	errLeft       = errors.New("the connection is lost, and no other is made in its place")

	// errAborted says that a transaction met another writer: nothing was
	// written, and it may be tried again.
	errAborted = errors.New("redis: another writer was faster")

	// ErrWrongType says that a key holds something else than the command is for.
	ErrWrongType = errors.New("redis: another type of value is under the key")

	// ErrUnconfirmed is a write that was made, and may be lost with the primary.
	ErrUnconfirmed = errors.New("redis: not enough replicas confirmed a write in time")
)

// configError is a failure that no waiting mends: wrong address, password, mode.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

// IsConfigError reports whether it is one.
func IsConfigError(err error) bool {
	var c configError
	return errors.As(err, &c)
}

// movedError says that the server is not, or not now, the one to ask: nothing
// was done. ask is the one to ask this once, if the server names it.
type movedError struct {
	error
	ask string
}

func (e movedError) Unwrap() error { return e.error }

// downError says why a server was not even asked.
type downError struct{ error }

func (e downError) Unwrap() error { return e.error }

// lostError is a connection that failed before the answer came. The command may
// or may not have been carried out.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// serverError gives an answer "-…" its meaning. Server texts name commands,
// users and keys (which are hashes), never a password.
func serverError(addr string, err error) error {
	var re *rueidis.RedisError
	if !errors.As(err, &re) {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errSilent // a limit of ours; the caller's context is another matter
		}
		return lostError{fmt.Errorf("redis %s: %w", addr, err)}
	}
	text := strings.TrimPrefix(re.Error(), "EXECABORT Transaction discarded because of: ")
	word, _, _ := strings.Cut(text, " ")
	err = fmt.Errorf("redis %s: %s", addr, text)
	switch word {
	case "OOM":
		return fmt.Errorf("redis %s has reached its maxmemory: %w", addr, session.ErrFull)
	case "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING":
		ask, _ := re.IsAsk()
		return movedError{err, ask}
	}
	if word == "WRONGTYPE" { // somebody else's key under a name of ours
		return fmt.Errorf("%w: %s", ErrWrongType, text)
	}
	if badConfig(word, text) {
		return configError{err}
	}
	return err
}

// badConfig tells what only another configuration, of the gateway or of Redis,
// will mend.
func badConfig(word, text string) bool {
	switch word {
	case "WRONGPASS", "NOAUTH", "NOPERM":
		return true
	}
	lower := strings.ToLower(text)
	return strings.Contains(lower, "db index is out of range") ||
		strings.Contains(lower, "select is not allowed") ||
		strings.Contains(lower, "unknown command") ||
		strings.Contains(lower, "cluster support disabled") ||
		strings.Contains(lower, "without any password configured")
}

// connectError says why a server could not be reached. A certificate that does
// not verify is a matter of configuration, a refused connection is not.
func connectError(addr string, err error) error {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &host),
		strings.Contains(err.Error(), "remote error: tls:"):
		return configError{fmt.Errorf("redis %s: TLS: %w", addr, err)}
	case errors.As(err, &record):
		return configError{fmt.Errorf("redis %s does not speak TLS: use redis://, or its TLS port", addr)}
	case errors.Is(err, rueidis.ErrNoCache):
		return configError{fmt.Errorf("redis %s refuses CLIENT TRACKING: it must be Redis 6.2 or newer, and its user may need +client|tracking", addr)}
	}
	return serverError(addr, err)
}
