// reply.go: what WeChat is answered.

package message

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"strconv"
	"time"
)

// Success tells WeChat that a message has arrived and needs no answer. It is
// never encrypted.
const Success = "success"

// Reply makes the answer of what a backend said: "success" in the clear for
// nothing or "success"; else its body, encrypted and signed if the message was
// encrypted, in the message's own format. contentType is the backend's.
func (m *Message) Reply(body []byte, contentType string, now time.Time) (reply []byte, replyType string, err error) {
	if trimmed := bytes.Trim(body, " \t\r\n"); len(trimmed) == 0 || string(trimmed) == Success {
		return []byte(Success), "text/plain", nil
	}
	if !m.Encrypted {
		return body, contentType, nil
	}
	var random [randomSize]byte
	_, _ = rand.Read(random[:]) // never fails
	return m.seal(body, random, now)
}

// envelope is an encrypted reply.
type envelope struct {
	XMLName      xml.Name `xml:"xml" json:"-"`
	Encrypt      string
	MsgSignature string
	TimeStamp    int64
	Nonce        string
}

func (m *Message) seal(body []byte, random [randomSize]byte, now time.Time) ([]byte, string, error) {
	s := m.receiver.secrets()
	text := s.key.encrypt(random, body, m.receiver.appID)
	e := envelope{
		Encrypt: text, TimeStamp: now.Unix(), Nonce: m.nonce,
		MsgSignature: sign(s.token, strconv.FormatInt(now.Unix(), 10), m.nonce, text),
	}
	marshal := xml.Marshal
	if m.format == formatJSON {
		marshal = json.Marshal
	}
	reply, err := marshal(e) // base64, hex, digits and letters: nothing is escaped
	return reply, m.format.contentType(), err
}
