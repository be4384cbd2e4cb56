// push.go: a request that is a push of WeChat, and what the backend is told of it.

package gate

// HeaderPush names what WeChat pushes: a MsgType, or "event/" and an Event.
const HeaderPush = "X-Wechat-Push"

// Push is a push that was verified: nobody is behind it, and it needs no session. A
// sender is not a session. Handlers behind find it under CallerKey, in a caller's place.
type Push struct{ AppID, Type string }

// String is empty, as a caller's is.
func (*Push) String() string { return "" }

// IdentifyPush tells the backend which push a request is.
func (r Clean) IdentifyPush(p *Push) {
	values := [...]string{p.Type, p.AppID}
	r.Header[HeaderPush], r.Header[HeaderAppID] = values[:1:1], values[1:2:2]
}
