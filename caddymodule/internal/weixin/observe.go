// observe.go: how a caller's metrics hear of each call.

package weixin

import "time"

// Call names a WeChat API in errors and metrics. The set is closed.
type Call string

// The calls this package makes.
const (
	CallCode2Session    Call = "code2session"
	CallOAuthToken      Call = "oauth_token"
	CallUserInfo        Call = "userinfo"
	CallStableToken     Call = "stable_token"
	CallPhoneNumber     Call = "phone_number"
	CallCheckSession    Call = "check_session"
	CallResetSessionKey Call = "reset_session_key"
	CallJSAPITicket     Call = "jsapi_ticket"
)

// ResultOK is what an Observer is told in place of a kind when a call succeeded.
const ResultOK = "ok"

// Observer receives the outcome of calls. It comes with each call because the
// Client outlives the configuration whose metrics it feeds. A nil *Observer and a
// nil Observe are silent.
type Observer struct {
	// Called once per finished call: a Call, ResultOK or a Kind, and the time
	// spent. A call that never got a slot counts with the time it waited for one.
	// Both texts are from closed sets and fit a metric label. It must be safe for
	// concurrent use and must not block.
	Observe func(call, result string, d time.Duration)
}

// done tells the observer how a call that began at start has ended.
func (o *Observer) done(call Call, start time.Time, err error) {
	if o == nil || o.Observe == nil {
		return
	}
	result := ResultOK
	if err != nil {
		result = string(KindOf(err))
	}
	o.Observe(string(call), result, time.Since(start))
}
