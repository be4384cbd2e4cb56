// Package message reads what WeChat pushes to an app's server and writes the
// answers: set-up requests, messages and events, in the clear and encrypted, in
// XML and JSON (消息推送 and 消息加解密说明 pages of developers.weixin.qq.com).
//
// It promises that a message it opens carries a signature by the app's token of
// the last ten minutes, and, where the app has an AES key, was encrypted for
// this very app; and, with [Deliveries], that a message is handed on until it is
// accepted once, also when nodes die, and not again after that. The signature of
// a message in the clear does not cover its body: that is WeChat's design, and
// the reason to configure an AES key.
//
// Reading order: receiver.go (what is configured), signature.go, open.go (a
// request's way), crypt.go, fields.go with xml.go and json.go (what is read of a
// message), message.go (what it tells), reply.go, deliveries.go with claim.go and
// lock.go (whose turn it is).
//
// It refuses to do HTTP, to keep sessions, and to say to a sender why something
// was refused: there is one error, [ErrForged]. It knows no Caddy and no time but
// the one it is given.
package message
