// doc.go: what the package promises and what it refuses.

// Package weixin is the gateway's client of api.weixin.qq.com. It exchanges a
// login code once and only once, reads WeChat's answers strictly, and turns
// everything that can go wrong into one *Error of a closed set of kinds.
//
// A code exchange takes two steps, so that the caller can mark the code as
// redeemed when it is certain to be sent and not sent yet:
//
//	slot, err := client.Acquire(ctx, observer)
//	if err != nil {
//		return err // shed, or the time ran out in the queue: the code is unspent
//	}
//	defer slot.Release()
//	if err := markRedeemed(code); err != nil {
//		return err
//	}
//	answer, err := slot.Code2Session(ctx, app, code)
//
// Reading order: client.go (what lives), slot.go (the exchange), transport.go
// (the wire), answer.go (what counts as an answer), errcode.go and errors.go
// (what went wrong), calls.go and accesstoken.go (the calls with an
// access_token).
//
// A Client survives configuration reloads, so it holds no logger, no metrics
// and no context of a configuration: all of that comes with the call.
//
// The package knows no Caddy, no session and no HTTP client of ours. It never
// repeats a request, never follows a redirect, and lets no secret, URL or word
// of WeChat's errmsg into an error.
package weixin
