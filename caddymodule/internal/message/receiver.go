// receiver.go: what the operator configured for the pushes of one app.

package message

import (
	"encoding/base64"
	"errors"
)

// keyLength is the length of an EncodingAESKey.
const keyLength = 43

// Receiver opens the pushes for one app. It is immutable, safe for concurrent
// use, and shows nothing but the AppID however it is printed.
type Receiver struct {
	appID string
	// Behind a function, as no printer can walk into one.
	secrets func() secrets
}

type secrets struct {
	token string
	key   *aesKey // nil: messages come in the clear
}

// NewReceiver takes what WeChat's console shows: the Token, and the
// EncodingAESKey, which may be empty. Errors never show a value.
func NewReceiver(appID, token, encodingAESKey string) (*Receiver, error) {
	if token == "" || len(token) > 128 {
		return nil, errors.New("the push token is empty or too long: WeChat's console has 3 to 32 letters and digits")
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return nil, errors.New("the push token holds a character that WeChat's console does not allow: it takes letters and digits")
		}
	}
	s := secrets{token: token}
	if encodingAESKey != "" {
		key, err := newKey(encodingAESKey)
		if err != nil {
			return nil, err
		}
		s.key = key
	}
	return &Receiver{appID: appID, secrets: func() secrets { return s }}, nil
}

// parseKey decodes an EncodingAESKey: base64 of 32 bytes without its "=". The
// last character has two bits more than needed, and the console sets them at
// random, so they are not looked at.
func parseKey(text string) ([]byte, error) {
	if len(text) != keyLength {
		return nil, errors.New("the push aes_key (EncodingAESKey) must have 43 characters")
	}
	for i := range len(text) { // base64 skips line ends
		if c := text[i]; c == '\n' || c == '\r' {
			return nil, errors.New("the push aes_key (EncodingAESKey) holds a line end")
		}
	}
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, errors.New("the push aes_key (EncodingAESKey) is not base64")
	}
	return key, nil
}

// AppID names the app.
func (r *Receiver) AppID() string { return r.appID }

// Encrypted reports whether only encrypted messages are accepted.
func (r *Receiver) Encrypted() bool { return r.secrets().key != nil }
