// message.go: what a message tells the gateway and the backend.

package message

import (
	"strings"
)

// Message is a push that is genuine.
type Message struct {
	Body        []byte // in the clear
	ContentType string // of Body
	Encrypted   bool   // it came so, and its reply goes so

	receiver *Receiver
	format   format // of the request, and so of an encrypted reply
	nonce    string // of the request, when it was encrypted
	fields   fields
}

func newMessage(r *Receiver, nonce string, body []byte, contentType string, f fields) *Message {
	if contentType == "" {
		contentType = f.format.contentType()
	}
	return &Message{Body: body, ContentType: contentType, Encrypted: nonce != "",
		receiver: r, format: f.format, nonce: nonce, fields: f}
}

// AppID names the app that the message was pushed to.
func (m *Message) AppID() string { return m.receiver.appID }

// Type says what the message is: its MsgType, such as "text", or "event/" and
// the Event. Both are letters, digits, "_" and "-"; other bytes are
// percent-encoded, at most 64 of them are kept. A message without either is "unknown".
func (m *Message) Type() string {
	msgType, event := m.fields.get("MsgType"), m.fields.get("Event")
	if isEvent(msgType) || msgType == "" && event != "" {
		return "event/" + headerWord(event)
	}
	return headerWord(msgType)
}

func headerWord(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s) && i < 64; i++ {
		if c := s[i]; isAlphanumeric(c) || c == '_' || c == '-' || c == '.' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	if b.Len() == 0 {
		return "unknown"
	}
	return b.String()
}

// isEvent: WeChat's samples say "event", one of its tables says "Event".
func isEvent(msgType string) bool { return msgType == "event" || msgType == "Event" }

// Key is the same for a message and its repeats, and differs between messages.
// A user's message has a MsgId of its own. An event is named by its content:
// sender, time and event alone are the same for two withdrawals by two users
// within one second, of which neither may be lost.
func (m *Message) Key() string {
	if id := m.fields.get("MsgId"); id != "" {
		return "id\x00" + m.fields.get("MsgType") + "\x00" + m.fields.get("Event") + "\x00" + id
	}
	return "event\x00" + m.fields.get("FromUserName") + "\x00" + m.fields.get("CreateTime") + "\x00" +
		m.fields.get("Event") + "\x00" + m.fields.digest()
}

// everything is the RevokeInfo of a user who withdrew all that they had granted.
const everything = "301"

// EndsUser reports whether the message says that a user is gone for an app:
// they cancelled their account (user_authorization_cancellation), or withdrew
// everything (user_authorization_revoke with 301). The gateway then ends that
// user's sessions of that app.
func (m *Message) EndsUser() (appID, openID string, ok bool) {
	if t := m.fields.get("MsgType"); t != "" && !isEvent(t) {
		return "", "", false
	}
	switch m.fields.get("Event") {
	case "user_authorization_cancellation":
	case "user_authorization_revoke":
		if !m.revokes(everything) {
			return "", "", false
		}
	default:
		return "", "", false
	}
	if appID = m.fields.get("AppID"); appID == "" {
		appID = m.AppID()
	}
	openID = m.fields.get("OpenID")
	return appID, openID, openID != ""
}

// revokes looks for a code in RevokeInfo, which is a text, a number, a list of
// either, or a text that lists them.
func (m *Message) revokes(code string) bool {
	for _, f := range m.fields.list {
		if f.name != "RevokeInfo" {
			continue
		}
		for _, w := range m.fields.words[f.from:f.to] {
			if w.isName {
				continue
			}
			for number := range strings.FieldsFuncSeq(w.text, func(r rune) bool { return r < '0' || r > '9' }) {
				if number == code {
					return true
				}
			}
		}
	}
	return false
}
