// web_sealed.go: pushes in the secure mode, as WeChat makes them, and wrong in one thing.

package main

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	webSealed     = "wx00000000000000a5"
	webSealedPush = "sealedpush93cb22"
	webAESKey     = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	otherAESKey   = "ABCDEFGabcdefghijklmnopqrstuvwxyz0123456789"
)

// sealedPush is the query and the body of a push to the app with an AES key. how says
// what is wrong with it; good: nothing.
type sealedPush struct {
	token, key, appid, message   string
	at                           time.Time
	signedNonce, nonce           string
	tamper                       func(plain []byte) []byte // padded, before it is encrypted
	change                       func(text string) string  // encrypted, before it is signed
	behind                       func(text string) string  // and after it
	clear, plainToo, xml, entity bool
	length                       int // said inside instead of the true one
}

// sealedWrong is what can be wrong, by name.
var sealedWrong = map[string]func(p *sealedPush){
	"good":        func(*sealedPush) {},
	"goodxml":     func(p *sealedPush) { p.xml = true },
	"othertoken":  func(p *sealedPush) { p.token = "anothertoken0000" },
	"webtoken":    func(p *sealedPush) { p.token = webPush }, // of another app of this gateway
	"otherkey":    func(p *sealedPush) { p.key = otherAESKey },
	"otherapp":    func(p *sealedPush) { p.appid = webMini },
	"noapp":       func(p *sealedPush) { p.appid = "" },
	"longerapp":   func(p *sealedPush) { p.appid += "x" },
	"old":         func(p *sealedPush) { p.at = p.at.Add(-11 * time.Minute) },
	"future":      func(p *sealedPush) { p.at = p.at.Add(11 * time.Minute) },
	"othernonce":  func(p *sealedPush) { p.nonce = newNonce() },
	"clear":       func(p *sealedPush) { p.clear = true },
	"pad0":        func(p *sealedPush) { p.tamper = setLast(0) },
	"pad33":       func(p *sealedPush) { p.tamper = setLast(33) },
	"pad255":      func(p *sealedPush) { p.tamper = setLast(255) },
	"padmiddle":   func(p *sealedPush) { p.tamper = setByteOfPadding },
	"padtoolong":  func(p *sealedPush) { p.tamper = func(b []byte) []byte { return append(b, b[len(b)-32:]...) } },
	"longlength":  func(p *sealedPush) { p.length = 1 << 30 },
	"hugelength":  func(p *sealedPush) { p.length = -1 },
	"shortlength": func(p *sealedPush) { p.length = 5 },
	"swapped":     func(p *sealedPush) { p.behind = flip }, // the signature is of another text
	"cut":         func(p *sealedPush) { p.change = func(s string) string { return s[:len(s)-4] } },
	"cutblock":    func(p *sealedPush) { p.change = cutBlock },
	"empty":       func(p *sealedPush) { p.change = func(string) string { return "" } },
	"urlbase64":   func(p *sealedPush) { p.change = func(s string) string { return "-_" + s[2:] } },
	"lineends":    func(p *sealedPush) { p.behind = func(s string) string { return s[:8] + "\r\n" + s[8:] } },
	"twice":       func(p *sealedPush) { p.behind = func(s string) string { return s + `","Encrypt":"` + s } },
	"compatible":  func(p *sealedPush) { p.plainToo = true }, // what is in the clear beside it is not signed
	"bomb":        func(p *sealedPush) { p.xml, p.message = true, xmlBomb(0) },
	"entity":      func(p *sealedPush) { p.xml, p.message = true, xmlBomb(1) },
	"outerbomb":   func(p *sealedPush) { p.entity = true },
	"deep": func(p *sealedPush) {
		p.message = `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}"
	},
	"doubled": func(p *sealedPush) {
		p.message = `{"MsgType":"text","Event":"x","Event":"user_authorization_revoke","CreateTime":1}`
	},
	"nothing": func(p *sealedPush) { p.message = "" },
	"noxml":   func(p *sealedPush) { p.message = "hello" },
}

func setLast(v byte) func([]byte) []byte {
	return func(b []byte) []byte { b[len(b)-1] = v; return b }
}

func setByteOfPadding(b []byte) []byte {
	if pad := int(b[len(b)-1]); pad > 1 {
		b[len(b)-pad]++
	} else { // one byte of padding has no middle: make it the end of a longer one
		b[len(b)-1] = 2
	}
	return b
}

func flip(text string) string {
	other := byte('A')
	if text[20] == other {
		other = 'B'
	}
	return text[:20] + string(other) + text[21:]
}

func cutBlock(text string) string {
	data, _ := base64.StdEncoding.DecodeString(text)
	return base64.StdEncoding.EncodeToString(data[:len(data)-aes.BlockSize])
}

// xmlBomb is a message whose entities grow, or read a file.
func xmlBomb(kind int) string {
	begin := `<!DOCTYPE xml [<!ENTITY a "0123456789">`
	for i := range 8 {
		begin += fmt.Sprintf(`<!ENTITY %c "%s">`, 'b'+i, strings.Repeat(fmt.Sprintf("&%c;", 'a'+i), 10))
	}
	if kind == 1 {
		begin = `<!DOCTYPE xml [<!ENTITY i SYSTEM "file:///etc/passwd">`
	}
	return begin + `]><xml><MsgType>text</MsgType><Content>&i;</Content><CreateTime>1</CreateTime></xml>`
}

// newSealedPush makes a push that is wrong in what how says.
func newSealedPush(how string) (query, body string, err error) {
	wrong, ok := sealedWrong[how]
	if !ok {
		return "", "", fmt.Errorf("no push is wrong by %q", how)
	}
	nonce := newNonce()
	p := &sealedPush{token: webSealedPush, key: webAESKey, appid: webSealed, at: time.Now(), signedNonce: nonce, nonce: nonce}
	p.message = fmt.Sprintf(`{"ToUserName":"gh_1","FromUserName":"%s","CreateTime":1700000000,"MsgType":"text","Content":"hello","MsgId":%d}`, alice, rand.Int64())
	wrong(p)
	if p.xml && strings.HasPrefix(p.message, "{") {
		p.message = fmt.Sprintf(`<xml><ToUserName>gh_1</ToUserName><FromUserName>%s</FromUserName><CreateTime>1700000000</CreateTime><MsgType>text</MsgType><Content>hello</Content><MsgId>%d</MsgId></xml>`, alice, rand.Int64())
	}
	stamp := strconv.FormatInt(p.at.Unix(), 10)
	query = "signature=" + sha1Sorted(p.token, stamp, p.signedNonce) + "&timestamp=" + stamp + "&nonce=" + p.nonce
	if p.clear {
		return query, p.message, nil
	}
	text, err := p.encrypt()
	if err != nil {
		return "", "", err
	}
	if p.change != nil {
		text = p.change(text)
	}
	query += "&encrypt_type=aes&msg_signature=" + sha1Sorted(p.token, stamp, p.signedNonce, text)
	if p.behind != nil {
		text = p.behind(text)
	}
	switch {
	case p.entity:
		body = strings.Replace(xmlBomb(0), "<Content>&i;</Content>", "<Encrypt>"+text+"</Encrypt>", 1)
	case p.xml:
		body = "<xml><ToUserName>gh_1</ToUserName><Encrypt>" + text + "</Encrypt></xml>"
	case p.plainToo:
		body = fmt.Sprintf(`{"ToUserName":"gh_1","FromUserName":"%s","CreateTime":1700000000,"MsgType":"event","Event":"smuggled","MsgId":1,"Encrypt":"%s"}`, eve, text)
	default:
		body = `{"ToUserName":"gh_1","Encrypt":"` + text + `"}`
	}
	return query, body, nil
}

// encrypt is 消息加解密说明: random (16), length (4), message, AppID, padded to 32 bytes.
func (p *sealedPush) encrypt() (string, error) {
	key, err := base64.StdEncoding.DecodeString(p.key + "=")
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	length := len(p.message)
	if p.length != 0 {
		length = p.length
	}
	data := binary.BigEndian.AppendUint32([]byte("0123456789abcdef"), uint32(length))
	data = append(append(data, p.message...), p.appid...)
	pad := 32 - len(data)%32
	data = append(data, slices.Repeat([]byte{byte(pad)}, pad)...)
	if p.tamper != nil {
		data = p.tamper(data)
	}
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data), nil
}

func sha1Sorted(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// sealedValue is a part of the one push of a shot, which is wrong in what the variable
// "how" says.
func (s *webShot) sealedValue(part string) (string, error) {
	query, body, err := newSealedPush(cmp.Or(s.values["how"], "good"))
	if err != nil {
		return "", err
	}
	s.kept["sealedquery"], s.kept["sealedbody"] = query, body
	return s.kept[part], nil
}
