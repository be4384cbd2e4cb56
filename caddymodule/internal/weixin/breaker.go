// breaker.go: when to stop asking a WeChat that does not answer.

package weixin

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// breakerOptions say when a breaker opens and how it recovers. The zero value is
// usable. Failures are the kinds busy, unreachable and timeout; every errcode but -1
// is a healthy answer. A caller that went away is not counted, and neither is an answer
// that nobody can read: it came at once, and asking less makes it no better.
//
// Negative values are refused.
type breakerOptions struct {
	// The sliding window in which results count. Default: 10s.
	Window time.Duration
	// So many failures in a row open the breaker. Default: 10.
	ConsecutiveFailures int
	// So many results in the window are needed before their share counts. Default: 20.
	MinRequests int
	// This share of failures, of at least MinRequests, opens the breaker: (0, 1].
	// Default: 0.6.
	FailureRatio float64
	// How long an open breaker refuses before it lets probes through. Default: 5s.
	OpenFor time.Duration
	// How many probes may be out at once, and how many must succeed in a row to close
	// the breaker. Default: 2.
	Probes int
}

func (o breakerOptions) withDefaults() (breakerOptions, error) {
	if o.Window < 0 || o.ConsecutiveFailures < 0 || o.MinRequests < 0 || o.OpenFor < 0 || o.Probes < 0 ||
		!(o.FailureRatio >= 0 && o.FailureRatio <= 1) {
		return o, errors.New("weixin: a breaker setting is out of range")
	}
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	defInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Window, 10*time.Second)
	def(&o.OpenFor, 5*time.Second)
	defInt(&o.ConsecutiveFailures, 10)
	defInt(&o.MinRequests, 20)
	defInt(&o.Probes, 2)
	if o.FailureRatio == 0 {
		o.FailureRatio = 0.6
	}
	return o, nil
}

// errNotCounted reports a slot that was given back unused, or a result that tells
// nothing of WeChat. It frees the probe's place without a verdict.
var errNotCounted = errors.New("not counted")

// breaker guards one group of calls.
type breaker struct {
	cb      *gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor time.Duration
	// openUntil is in Unix nanoseconds; only for Retry-After, the breaker has its own.
	openUntil atomic.Int64
}

func newBreaker(o breakerOptions) *breaker {
	b := &breaker{openFor: o.OpenFor}
	b.cb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:  uint32(o.Probes),
		Interval:     o.Window,
		BucketPeriod: max(o.Window/10, 1),
		Timeout:      o.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			finished := int(c.TotalSuccesses) + int(c.TotalFailures)
			return int(c.ConsecutiveFailures) >= o.ConsecutiveFailures ||
				finished >= o.MinRequests && float64(c.TotalFailures) >= o.FailureRatio*float64(finished)
		},
		// Runs under the breaker's lock: it must only take notes.
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.openUntil.Store(time.Now().Add(b.openFor).UnixNano())
			}
		},
		IsSuccessful: func(err error) bool { return !breaks(KindOf(err)) },
		IsExcluded: func(err error) bool {
			kind := KindOf(err)
			return errors.Is(err, errNotCounted) || kind == KindCanceled || kind == KindMalformed || kind == KindOverloaded
		},
	})
	return b
}

// breaks tells which kinds speak against WeChat's health.
func breaks(kind Kind) bool {
	switch kind {
	case KindBusy, KindUnreachable, KindTimeout:
		return true
	default:
		return false
	}
}

// open returns the error to shed with while the breaker refuses everything, else nil.
// It takes no probe, so it can be asked before queueing.
func (b *breaker) open(call Call) error {
	if b.cb.State() == gobreaker.StateOpen {
		return b.shed(call)
	}
	return nil
}

// allow asks for one call. done must be called exactly once with its outcome.
func (b *breaker) allow(call Call) (done func(error), err error) {
	done, err = b.cb.Allow()
	if err != nil {
		return nil, b.shed(call)
	}
	return done, nil
}

func (b *breaker) shed(call Call) *Error {
	wait := max(time.Until(time.Unix(0, b.openUntil.Load())), time.Second)
	return &Error{Call: call, Kind: KindShed, Cause: errors.New("WeChat has been failing; waiting for it to recover"), retryAfter: wait}
}

// verdict turns the outcome of a call into what the breaker is told. A call that timed
// out after more time in our own queue than on the wire says nothing about WeChat:
// without this a flood of logins would open the breaker of a healthy WeChat.
func verdict(err error, waited, onWire time.Duration) error {
	if KindOf(err) == KindTimeout && onWire < waited {
		return errNotCounted
	}
	return err
}
