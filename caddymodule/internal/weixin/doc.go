// doc.go: what the package promises and what it refuses.

// Package weixin is the gateway's client of api.weixin.qq.com. It exchanges a
// login code, of any kind of app, once and only once, keeps an app's access_token and
// jsapi_ticket, lets no client network have all the places, reads WeChat's answers strictly, and turns
// everything that can go wrong into one *Error of a closed set of kinds.
//
// A code exchange takes two steps, so that the caller can mark the code as
// redeemed when it is certain to be sent and not sent yet:
//
//	slot, err := client.Acquire(ctx, weixin.CallCode2Session, network, observer)
//	if err != nil {
//		return err // shed, overloaded or out of time: the code is unspent
//	}
//	defer slot.Release()
//	if err := markRedeemed(code); err != nil {
//		return err
//	}
//	answer, err := slot.Code2Session(ctx, app, code)
//
// Reading order: client.go (what lives), slot.go (the exchange), gate.go (whose
// turn it is), transport.go (the wire), answer.go and oauth.go (what counts as an
// answer), errcode.go and errors.go (what went wrong), calls.go, accesstoken.go,
// kept.go and jssdk.go (the calls with an access_token).
//
// A Client survives configuration reloads, so it holds no logger, no metrics
// and no context of a configuration: all of that comes with the call.
//
// The package knows no Caddy, no session and no HTTP client of ours. It never
// repeats a request, never follows a redirect, and lets no secret, URL or word
// of WeChat's errmsg into an error.
package weixin
