package message

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	textXML  = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oUser]]></FromUserName><CreateTime>1714112445</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[<b>&amp;]]></Content><MsgId>24536549847826563</MsgId></xml>"
	textJSON = `{"ToUserName":"gh_1","FromUserName":"oUser","CreateTime":1714112445,"MsgType":"text","Content":"hi","MsgId":9223372036854775807}`
)

func TestOpen(t *testing.T) {
	for _, c := range []struct{ name, key, message, outer, contentType, wantType, want string }{
		{"XML in the clear", "", textXML, "", "text/xml", "text/xml", "text"},
		{"JSON in the clear", "", textJSON, "", "application/json; charset=utf-8", "application/json; charset=utf-8", "text"},
		{"no Content-Type", "", textJSON, "", "", "application/json", "text"},
		{"XML", testKey, textXML, "xml", "text/xml", "text/xml", "text"},
		{"JSON", testKey, textJSON, "json", "application/json", "application/json", "text"},
		{"JSON in XML", testKey, textJSON, "xml", "text/xml", "application/json", "text"},
		{"XML in JSON", testKey, textXML, "json", "application/json", "text/xml", "text"},
	} {
		r := receiver(t, c.key)
		query, body := clearQuery(now), []byte(c.message)
		switch c.outer {
		case "xml":
			query, body = push(t, c.message, testApp, now, inXML)
		case "json":
			query, body = push(t, c.message, testApp, now, inJSON)
		}
		m, err := r.Open(query, c.contentType, body, now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(m.Body) != c.message || m.ContentType != c.wantType || m.Type() != c.want || m.Encrypted != (c.key != "") || m.AppID() != testApp {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}

// Compatible mode: a forged message in the clear beside a genuine encrypted one.
func TestCompatibleMode(t *testing.T) {
	r := receiver(t, testKey)
	for _, around := range []func(string) string{
		func(text string) string {
			return `{"FromUserName":"forged","MsgType":"event","Event":"user_authorization_cancellation","OpenID":"oVictim","Encrypt":"` + text + `"}`
		},
		func(text string) string {
			return "<xml><FromUserName>forged</FromUserName><MsgType>event</MsgType><Encrypt>" + text + "</Encrypt></xml>"
		},
	} {
		query, body := push(t, textXML, testApp, now, around)
		m, err := r.Open(query, "text/xml", body, now)
		if err != nil || string(m.Body) != textXML || m.Type() != "text" {
			t.Errorf("%s: %+v, %v", body, m, err)
		}
		// The attacker who saw one leaves the encrypted part out.
		for _, typ := range [][]string{nil, {"raw"}} {
			q := clearQuery(now)
			q["encrypt_type"] = typ
			m, err = r.Open(q, "text/xml", body, now)
			wantForged(t, "in the clear", m, err)
		}
	}
}

// Every single fault of a request is refused, and the refusals say nothing of it.
func TestForged(t *testing.T) {
	clear, secure := receiver(t, ""), receiver(t, testKey)
	set := func(q url.Values, name string, values ...string) url.Values {
		q[name] = values
		return q
	}
	for _, r := range []*Receiver{clear, secure} {
		make := func() (url.Values, []byte) { return push(t, textJSON, testApp, now, inJSON) }
		signature := "msg_signature"
		if r == clear {
			make = func() (url.Values, []byte) { return clearQuery(now), []byte(textJSON) }
			signature = "signature"
		}
		good, body := make()
		if _, err := r.Open(good, "", body, now); err != nil {
			t.Fatal(err)
		}
		genuine := good.Get(signature)
		for name, change := range map[string]func(q url.Values){
			"no signature":           func(q url.Values) { delete(q, signature) },
			"empty signature":        func(q url.Values) { set(q, signature, "") },
			"two signatures":         func(q url.Values) { set(q, signature, genuine, genuine) },
			"capitals":               func(q url.Values) { set(q, signature, strings.ToUpper(genuine)) },
			"cut":                    func(q url.Values) { set(q, signature, genuine[:39]) },
			"one bit":                func(q url.Values) { set(q, signature, flip(genuine)) },
			"no timestamp":           func(q url.Values) { delete(q, "timestamp") },
			"two timestamps":         func(q url.Values) { set(q, "timestamp", unixText(now), unixText(now)) },
			"no nonce":               func(q url.Values) { delete(q, "nonce") },
			"another nonce":          func(q url.Values) { set(q, "nonce", "1") },
			"two nonces":             func(q url.Values) { set(q, "nonce", "415670741", "415670741") },
			"unknown encryption":     func(q url.Values) { set(q, "encrypt_type", "AES") },
			"encryption twice":       func(q url.Values) { set(q, "encrypt_type", "aes", "aes") },
			"the other encrypt_type": func(q url.Values) { set(q, "encrypt_type", map[bool]string{true: "aes", false: "raw"}[r == clear]) },
			"digits moved": func(q url.Values) { // sorted and joined, this is the same text
				set(q, "timestamp", unixText(now)+"4")
				set(q, "nonce", "15670741")
			},
			"digits moved back": func(q url.Values) {
				set(q, "timestamp", "1714112")
				set(q, "nonce", "445415670741")
			},
			"sign":  func(q url.Values) { set(q, "timestamp", "+714112445") },
			"blank": func(q url.Values) { set(q, "timestamp", " 714112445") },
		} {
			q, body := make()
			change(q)
			m, err := r.Open(q, "", body, now)
			wantForged(t, name, m, err)
			if err != nil && (strings.Contains(err.Error(), genuine) || strings.Contains(err.Error(), testToken)) {
				t.Errorf("%s: the error shows a secret: %v", name, err)
			}
			if r == clear {
				echo, err := r.Echo(set(q, "echostr", "1"), now)
				if len(q["encrypt_type"]) == 0 {
					wantForged(t, "echo: "+name, echo, err)
				}
			}
		}
		for name, off := range map[string]time.Duration{"late": maxAge + time.Second, "early": -maxAge - time.Second} {
			q, body := make()
			m, err := r.Open(q, "", body, now.Add(off))
			wantForged(t, name, m, err)
			if _, err := r.Open(q, "", body, now.Add(off/time.Duration(maxAge/time.Second+1)*time.Duration(maxAge/time.Second))); err != nil {
				t.Errorf("not yet %s: %v", name, err)
			}
		}
	}
	for _, echo := range [][]string{nil, {""}, {"1", "2"}, {strings.Repeat("1", maxEcho+1)}} {
		got, err := clear.Echo(set(clearQuery(now), "echostr", echo...), now)
		wantForged(t, fmt.Sprintf("echostr %.20q", echo), got, err)
	}
	// Two spellings of one time, each signed by somebody who can.
	for _, timestamp := range []string{"0" + unixText(now), unixText(now) + ".0"} {
		q := url.Values{"timestamp": {timestamp}, "nonce": {"1"}, "signature": {sign(testToken, timestamp, "1")}}
		m, err := clear.Open(q, "", []byte(textJSON), now)
		wantForged(t, timestamp, m, err)
	}
	// Compatible mode, and no key to read it with.
	q, body := push(t, textJSON, testApp, now, func(text string) string { return `{"MsgType":"text","Encrypt":"` + text + `"}` })
	m, err := clear.Open(q, "", body, now)
	wantForged(t, "encrypted, without a key", m, err)
	// Another token, key, app.
	for name, args := range map[string][3]string{
		"token": {testApp, "BBBBB", testKey},
		"key":   {testApp, testToken, strings.Repeat("B", 43)},
		"app":   {"wx0000000000000000", testToken, testKey},
	} {
		r, err := NewReceiver(args[0], args[1], args[2])
		if err != nil {
			t.Fatal(err)
		}
		q, body := push(t, textJSON, testApp, now, inJSON)
		m, err := r.Open(q, "", body, now)
		wantForged(t, "another "+name, m, err)
	}
	for _, app := range []string{"", testApp[1:], testApp + "0", strings.ToUpper(testApp), testApp + "\x00"} {
		q, body := push(t, textJSON, app, now, inJSON)
		m, err := secure.Open(q, "", body, now)
		wantForged(t, "for "+app, m, err)
	}
}

func flip(hexText string) string {
	if hexText[0] == 'a' {
		return "b" + hexText[1:]
	}
	return "a" + hexText[1:]
}

// Sealed by somebody who has token and key, but wrong in one place.
func TestCiphertexts(t *testing.T) {
	r := receiver(t, testKey)
	key, _ := parseKey(testKey)
	block, _ := aes.NewCipher(key)
	sealRaw := func(data []byte) string {
		out := slices.Clone(data)
		cipher.NewCBCEncrypter(block, key[:16]).CryptBlocks(out, out)
		return base64.StdEncoding.EncodeToString(out)
	}
	plain := func(length int, message, app string, pad []byte) []byte {
		data := append([]byte("0123456789abcdef"), 0, 0, 0, 0)
		binary.BigEndian.PutUint32(data[16:], uint32(length))
		return append(append(append(data, message...), app...), pad...)
	}
	pad := func(n int) []byte { return []byte(strings.Repeat(string(rune(n)), n)) }
	open := func(text string) (*Message, error) {
		return r.Open(signedQuery(text, now), "", []byte(inJSON(text)), now)
	}
	message := `{"MsgType":"text"}` // 18; with head and AppID 56
	if m, err := open(sealRaw(plain(18, message, testApp, pad(8)))); err != nil || string(m.Body) != message {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := open(sealRaw(plain(18+24+8, message+strings.Repeat(" ", 32), testApp, pad(8)))); err != nil {
		t.Fatal(err)
	}
	spaced := message + strings.Repeat(" ", 8) // ends on a block: 32 of padding
	if _, err := open(sealRaw(plain(len(spaced), spaced, testApp, pad(32)))); err != nil {
		t.Errorf("32 bytes of padding: %v", err)
	}
	bad := map[string][]byte{
		"length too long":      plain(19, message, testApp, pad(8)),
		"length too short":     plain(17, message, testApp, pad(8)),
		"length huge":          plain(-1, message, testApp, pad(8)),
		"length 2^31":          plain(1<<31, message, testApp, pad(8)),
		"no message":           plain(0, "", testApp, pad(26))[:64],
		"first padding byte":   plain(18, message, testApp, append([]byte{7}, pad(8)[1:]...)),
		"middle padding byte":  plain(18, message, testApp, []byte{8, 8, 8, 0, 8, 8, 8, 8}),
		"padding of zero":      plain(18, message, testApp, []byte{8, 8, 8, 8, 8, 8, 8, 0}),
		"padding of 33":        plain(25, message+strings.Repeat(" ", 7), testApp, []byte(strings.Repeat("!", 33))),
		"padding longer":       []byte(strings.Repeat("\x20", 32)),
		"padded to 16":         plain(26, message+strings.Repeat(" ", 8), testApp, pad(16)),
		"not a message":        plain(18, "hello, hello, hell", testApp, pad(8)),
		"a message cut":        plain(18, `{"MsgType":"text"`+" ", testApp, pad(8)),
		"only the head's half": append([]byte(strings.Repeat("x", 14)), pad(18)...),
	}
	for name, data := range bad {
		if len(data)%16 != 0 {
			data = data[:len(data)/16*16]
		}
		m, err := open(sealRaw(data))
		wantForged(t, name, m, err)
	}
	good := sealRaw(plain(18, message, testApp, pad(8)))
	for name, text := range map[string]string{
		"empty": "", "no base64": "%%%%", "not padded": strings.TrimRight(good, "="), "cut": good[:44], "half a block": base64.StdEncoding.EncodeToString(make([]byte, 24)),
		"line ends": good[:40] + "\n" + good[40:], "URL alphabet": strings.NewReplacer("+", "-", "/", "_").Replace(good) + "-",
	} {
		body := strings.ReplaceAll(inJSON(text), "\n", `\n`)
		m, err := r.Open(signedQuery(text, now), "", []byte(body), now)
		wantForged(t, name, m, err)
	}
	for _, body := range []string{"", "{}", `{"Encrypt":1}`, `{"Encrypt":null}`, `{"Encrypt":["` + good + `"]}`, `{"encrypt":"` + good + `"}`,
		`{"Encrypt":"` + good + `","Encrypt":"` + good + `"}`, inJSON(good) + "x", inJSON(good)[1:], "<xml><Encrypt>" + good + "</Encrypt>", "<xml><a><Encrypt>" + good + "</Encrypt></a></xml>",
		"<xml><Encrypt>" + good + "</Encrypt><Encrypt>" + good + "</Encrypt></xml>", `<xml xmlns="a"><Encrypt>` + good + "</Encrypt></xml>", "<xml><a:Encrypt>" + good + "</a:Encrypt></xml>",
		"<xml><Encrypt>" + good + "</Encrypt></xml><xml/>"} {
		m, err := r.Open(signedQuery(good, now), "", []byte(body), now)
		wantForged(t, body, m, err)
	}
}

func TestReceiver(t *testing.T) {
	for name, args := range map[string][2]string{
		"no token":     {"", testKey},
		"blank":        {"tok en", ""},
		"long token":   {strings.Repeat("x", 129), ""},
		"42":           {testToken, testKey[1:]},
		"44":           {testToken, testKey + "="},
		"no base64":    {testToken, testKey[1:] + "-"},
		"line end":     {testToken, testKey[1:] + "\n"},
		"Unicode":      {"tök", ""},
		"two line end": {testToken, "\r\n" + testKey[2:]},
	} {
		r, err := NewReceiver(testApp, args[0], args[1])
		if err == nil || r != nil || args[0] != "" && strings.Contains(err.Error(), args[0]) || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The last character has two bits too many; WeChat's console sets them.
	for _, last := range []string{"A", "B", "C", "D"} {
		r := receiver(t, testKey[1:]+last)
		q, body := push(t, textJSON, testApp, now, inJSON)
		if _, err := r.Open(q, "", body, now); err != nil {
			t.Errorf("key ending in %s: %v", last, err)
		}
	}
	r := receiver(t, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
	if s := fmt.Sprintf("%v %+v %#v %+v", r, r, *r, *r); strings.Contains(s, "AAAAA") || strings.Contains(s, "abcdef") || strings.Contains(s, "[105") {
		t.Errorf("shows its secrets: %s", s)
	}
}
