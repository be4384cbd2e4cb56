package message

import (
	"bytes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// FuzzRead: whatever comes as a body, read in bounded time and depth, and its
// type fits into a header.
func FuzzRead(f *testing.F) {
	for _, s := range []string{textXML, textJSON, "", "{", "<xml>", `{"a":[[[]]]}`, "<!DOCTYPE a><xml/>", `{"MsgType":"event","Event":"user_authorization_revoke","RevokeInfo":["301"],"OpenID":" o "}`, inJSON("AAAA"), inXML("AAAA"),
		"<xml><MsgType>event</MsgType><Event>user_authorization_revoke</Event><RevokeInfo><a>301</a></RevokeInfo><OpenID>o</OpenID></xml>"} {
		f.Add([]byte(s))
	}
	r := receiver(f, "")
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		m, err := r.Open(clearQuery(now), "", body, now)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			if !errors.Is(err, ErrForged) || m != nil {
				t.Fatalf("%+v, %v", m, err)
			}
			return
		}
		typ := strings.TrimPrefix(m.Type(), "event/")
		for i := range len(typ) {
			if c := typ[i]; !isAlphanumeric(c) && c != '_' && c != '-' && c != '.' && c != '%' {
				t.Fatalf("type %q", typ)
			}
		}
		if typ == "" || len(typ) > 3*64 || m.Key() == "" {
			t.Fatalf("type %q, key %q", typ, m.Key())
		}
		if _, openID, ok := m.EndsUser(); ok && (openID == "" || trim(openID) != openID || !bytes.Contains(body, []byte("user_authorization_")) && !bytes.ContainsAny(body, `\&[`)) {
			t.Fatalf("ends %q", openID)
		}
		// What we take for JSON is JSON for others, and says the same to them.
		if m.fields.format == formatJSON {
			var other map[string]any
			d := json.NewDecoder(bytes.NewReader(bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")))
			d.UseNumber()
			if err := d.Decode(&other); err != nil {
				t.Fatalf("%v: %q", err, body)
			}
			if s, ok := other["Event"].(string); ok && trim(s) != m.fields.get("Event") {
				t.Fatalf("Event %q, %q", s, m.fields.get("Event"))
			}
		}
	})
}

// FuzzDecrypt: texts of whoever has the token but not the key.
func FuzzDecrypt(f *testing.F) {
	key, _ := newKey(testKey)
	good := encryptText(f, testKey, textJSON, testApp)
	f.Add(good)
	f.Add(good[:64])
	f.Add("")
	f.Add(strings.Repeat("A", 128))
	f.Add("%")
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := key.decrypt(text, testApp)
		if err != nil && !errors.Is(err, ErrForged) {
			t.Fatal(err)
		}
		if err == nil && strings.TrimRight(text, "\r\n") == good && string(plain) != textJSON {
			t.Fatalf("%q", plain)
		}
		if err == nil {
			if again := key.encrypt([randomSize]byte{}, plain, testApp); len(again) > len(text)+4 {
				t.Fatalf("%d bytes of plaintext from %d", len(plain), len(text))
			}
		}
	})
}

// FuzzSeal: what is encrypted opens, of every length.
func FuzzSeal(f *testing.F) {
	key, _ := newKey(testKey)
	for n := range 70 {
		f.Add(bytes.Repeat([]byte{byte(n)}, n), testApp)
	}
	f.Fuzz(func(t *testing.T, message []byte, appID string) {
		text := key.encrypt([randomSize]byte{}, message, appID)
		if plain, err := key.decrypt(text, appID); err != nil || !bytes.Equal(plain, message) {
			t.Fatalf("%q, %v", plain, err)
		}
		if _, err := key.decrypt(text, appID+"x"); !errors.Is(err, ErrForged) {
			t.Fatal("opens for another app")
		}
	})
}

// FuzzOpenSealed: what somebody sends who has the token and the key but is not WeChat:
// any plaintext with any padding, and any body around it. Nothing but a message for this
// app opens, and it is what was sealed.
func FuzzOpenSealed(f *testing.F) {
	key, _ := newKey(testKey)
	for _, s := range []string{textJSON, textXML, "", "{", "<!DOCTYPE a><xml/>"} {
		for _, pad := range []byte{0, 1, 16, 32, 33, 255} {
			f.Add([]byte(s), testApp, uint32(len(s)), pad, []byte(nil), true)
			f.Add([]byte(s), testApp+"x", uint32(len(s)), pad, []byte("\x02\x02"), false)
		}
	}
	f.Add([]byte(textJSON), testApp, uint32(1<<31), byte(1), []byte(nil), true)
	r := receiver(f, testKey)
	f.Fuzz(func(t *testing.T, message []byte, appID string, length uint32, pad byte, padding []byte, asJSON bool) {
		data := append([]byte("0123456789abcdef"), byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
		data = append(append(data, message...), appID...)
		data = append(data, padding...)
		for len(data)%padTo != padTo-1 {
			data = append(data, pad)
		}
		data = append(data, pad)
		plain := bytes.Clone(data)
		cipher.NewCBCEncrypter(key.block, key.iv).CryptBlocks(data, data)
		text := base64.StdEncoding.EncodeToString(data)
		around := inXML
		if asJSON {
			around = inJSON
		}
		m, err := r.Open(signedQuery(text, now), "", []byte(around(text)), now)
		if err != nil {
			if !errors.Is(err, ErrForged) || m != nil {
				t.Fatalf("%+v, %v", m, err)
			}
			return
		}
		// every byte of the padding is right, and before it stands this app behind the message
		n := int(plain[len(plain)-1])
		if n < 1 || n > padTo || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
			t.Fatalf("padding % x", plain[len(plain)-padTo:])
		}
		inside := plain[headSize : len(plain)-n]
		if string(inside) != string(m.Body)+testApp || uint32(len(m.Body)) != length || !m.Encrypted {
			t.Fatalf("%q opens as %q", inside, m.Body)
		}
	})
}
