// errors.go: the one error type, its closed set of kinds, and what it says.

package weixin

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Kind says what went wrong, in the terms a gateway acts on. The set is closed.
type Kind string

// The kinds. "Healthy" kinds are answers of a working WeChat and never open the
// breaker.
const (
	// KindBadCode: the code is wrong, expired, used or of another app (40029,
	// 40163; 42003 and 41008 for a code of web or app login; 40013 for a phone code).
	// The client must get a new one. Healthy.
	KindBadCode Kind = "bad_code"
	// KindBlocked: WeChat blocks this high-risk user (40226). Healthy.
	KindBlocked Kind = "blocked"
	// KindRateLimited: a minute or day quota is used up (45011, 45009). Healthy.
	KindRateLimited Kind = "rate_limited"
	// KindRefused: WeChat refuses the gateway itself (wrong secret, IP not listed,
	// frozen account, any errcode without a kind of its own). An operator must act.
	// Healthy.
	KindRefused Kind = "refused"
	// KindBadToken: the access_token is invalid, replaced or expired (40001, 40014,
	// 42001, 41001 on the calls that use one; for a user's own token 42007, too, after
	// a change of the user's password). Healthy.
	KindBadToken Kind = "bad_token"
	// KindBadSignature: the session_key that signed is not the user's (87009). Healthy.
	KindBadSignature Kind = "bad_signature"
	// KindKeyGone: the user has no session_key any more (87007). Healthy.
	KindKeyGone Kind = "key_gone"
	// KindMalformed: what came back is no answer: not 200, a redirect, not strict
	// JSON, too large, fields missing or of the wrong form.
	KindMalformed Kind = "malformed"
	// KindBusy: WeChat says it is busy (-1). The code may be consumed all the same.
	KindBusy Kind = "busy"
	// KindUnreachable: no connection, no TLS, or the connection broke.
	KindUnreachable Kind = "unreachable"
	// KindTimeout: the deadline passed on the wire, or before the call began.
	KindTimeout Kind = "timeout"
	// KindShed: not sent, because WeChat has been failing and the breaker is open.
	KindShed Kind = "shed"
	// KindOverloaded: not sent, because this gateway has too many calls to WeChat out
	// or waiting, in all or for this client's network, or because so little time was
	// left after the queue that no call fits in. It says nothing of WeChat. The code
	// is unspent.
	KindOverloaded Kind = "overloaded"
	// KindCanceled: the caller gave up; the client went away.
	KindCanceled Kind = "canceled"
)

// Error is what every call of this package returns when it fails. Reach it with
//
//	var e *weixin.Error
//	if errors.As(err, &e) && e.Kind == weixin.KindBadCode { … }
//
// It carries no secret, no URL and no text chosen by WeChat except a request id and
// an IP address, both matched against their form. It is immutable.
type Error struct {
	// The call that failed.
	Call Call
	// What went wrong.
	Kind Kind
	// WeChat's errcode. 0: it sent none.
	Errcode int
	// WeChat's request id ("rid", formerly "req_id"), which its support asks for.
	// Empty: it sent none of a known form.
	RID string
	// The address WeChat saw, for 40164. The zero Addr otherwise.
	EgressIP netip.Addr
	// Why, for failures without errcode: context.DeadlineExceeded,
	// context.Canceled, io.EOF, a syscall.Errno and the like can be found in it by
	// errors.Is. May be nil.
	Cause error

	retryAfter time.Duration
}

// Error says in plain words what happened and, where an operator can help, how.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "WeChat %s: %s", e.Call, kindText[e.Kind])
	if e.Errcode != 0 {
		fmt.Fprintf(&b, " (errcode %d", e.Errcode)
		if e.RID != "" {
			fmt.Fprintf(&b, ", rid %s", e.RID)
		}
		b.WriteString(")")
	}
	if hint := e.hint(); hint != "" {
		b.WriteString(": " + hint)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

var kindText = map[Kind]string{
	KindBadCode:      "the code is invalid, expired or already used",
	KindBlocked:      "WeChat blocks this user as high risk",
	KindRateLimited:  "a WeChat quota is used up",
	KindRefused:      "WeChat refuses the gateway",
	KindBadToken:     "the access_token is not valid",
	KindBadSignature: "the session_key is not the user's current one",
	KindKeyGone:      "the user's session_key is gone or expired",
	KindMalformed:    "WeChat's answer is not usable",
	KindBusy:         "WeChat is busy",
	KindUnreachable:  "WeChat cannot be reached",
	KindTimeout:      "WeChat did not answer in time",
	KindShed:         "not sent, to spare WeChat",
	KindOverloaded:   "not sent, the gateway has too many calls to WeChat",
	KindCanceled:     "the caller gave up",
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// RetryAfter says how long to wait before trying again, with a new code; a
// Retry-After header for the client. 0: waiting does not help.
func (e *Error) RetryAfter() time.Duration {
	if e.retryAfter > 0 {
		return e.retryAfter
	}
	switch e.Kind {
	case KindRateLimited:
		if e.Errcode == errcodeDailyQuota {
			// The quota returns at midnight in Beijing; an hour spares WeChat and still
			// notices soon that an operator raised or cleared it.
			return time.Hour
		}
		return time.Minute
	case KindBusy, KindUnreachable, KindMalformed, KindTimeout:
		return 5 * time.Second
	case KindShed, KindOverloaded:
		return time.Second
	default:
		return 0
	}
}

// KindOf returns the kind of an error of this package and "" for any other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
