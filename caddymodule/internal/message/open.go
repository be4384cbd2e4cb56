// open.go: a push's way from the request to a message.

package message

import (
	"net/url"
	"time"
)

// maxEcho bounds what a set-up request makes us say.
const maxEcho = 512

// Echo answers the request by which WeChat's console tries an address (GET with
// echostr): the text to send back, as text/plain. Its error is ErrForged.
func (r *Receiver) Echo(query url.Values, now time.Time) (string, error) {
	if err := r.checkStamp(query, now); err != nil {
		return "", err
	}
	echo, ok := single(query, "echostr")
	if !ok || len(echo) > maxEcho {
		return "", forged("echostr is missing, repeated or too long")
	}
	return echo, nil
}

// Open reads a push (POST). The body is at most [MaxBody] long; contentType is
// the request's. Its error is ErrForged, whatever is wrong.
//
// With an AES key nothing in the clear is accepted, and where a body has both
// (compatible mode, 兼容模式), only what is encrypted counts.
func (r *Receiver) Open(query url.Values, contentType string, body []byte, now time.Time) (*Message, error) {
	encrypted := false
	switch v := query["encrypt_type"]; {
	case len(v) == 0, len(v) == 1 && v[0] == "raw":
	case len(v) == 1 && v[0] == "aes":
		encrypted = true
	default:
		return nil, forged("encrypt_type is unknown")
	}
	switch {
	case encrypted && !r.Encrypted():
		return nil, forged("the message is encrypted, and the app has no aes_key: write it after the push token")
	case !encrypted && r.Encrypted():
		return nil, forged("the message is in the clear, and the app has an aes_key: choose the secure mode (安全模式) in WeChat's console")
	case encrypted:
		return r.openEncrypted(query, contentType, body, now)
	}
	if err := r.checkStamp(query, now); err != nil {
		return nil, err
	}
	f, err := readFields(body)
	if err != nil {
		return nil, forged(err.Error())
	}
	return newMessage(r, "", body, contentType, f), nil
}

// checkStamp checks the signature that covers time and nonce alone.
func (r *Receiver) checkStamp(query url.Values, now time.Time) error {
	s, err := readStamp(query, now)
	if err != nil {
		return err
	}
	sent, ok := single(query, "signature")
	if !ok || !equal(sent, sign(r.secrets().token, s.timestamp, s.nonce)) {
		return forged("the signature is not by the app's push token")
	}
	return nil
}

func (r *Receiver) openEncrypted(query url.Values, contentType string, body []byte, now time.Time) (*Message, error) {
	s, err := readStamp(query, now)
	if err != nil {
		return nil, err
	}
	outer, err := readFields(body)
	if err != nil {
		return nil, forged(err.Error())
	}
	text := outer.get("Encrypt")
	if !isBase64(text) {
		return nil, forged("the message has no encrypted part")
	}
	secrets := r.secrets()
	sent, ok := single(query, "msg_signature")
	if !ok || !equal(sent, sign(secrets.token, s.timestamp, s.nonce, text)) {
		return nil, forged("msg_signature is not by the app's push token")
	}
	plain, err := secrets.key.decrypt(text, r.appID)
	if err != nil {
		return nil, err
	}
	inner, err := readFields(plain)
	if err != nil {
		return nil, forged(err.Error())
	}
	if inner.format != outer.format {
		contentType = inner.format.contentType()
	}
	m := newMessage(r, s.nonce, plain, contentType, inner)
	m.format = outer.format
	return m, nil
}

// isBase64 reports whether a text, which is the longest part of a push, has no other
// characters than base64's.
func isBase64(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isAlphanumeric(c) && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return text != ""
}
