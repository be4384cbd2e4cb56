// pushform.go: the JSON and the XML around a pushed message and around a reply (page message-push).

package wechattest

import (
	"bytes"
	"encoding/xml"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// isXML: an app chooses between the two at WeChat; here the message shows it.
func isXML(message []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(message, " \t\r\n"), []byte("<"))
}

// ends are the two names that WeChat repeats outside of the message; a message without them has none.
type ends struct {
	XMLName      xml.Name `xml:"xml" json:"-"`
	ToUserName   string   `xml:"ToUserName" json:"ToUserName"`
	FromUserName string   `xml:"FromUserName" json:"FromUserName"`
}

func endsOf(message []byte) (e ends) {
	if isXML(message) {
		_ = xml.Unmarshal(message, &e) // text that is no message may be pushed all the same
		return e
	}
	_ = json.Unmarshal(message, &e)
	return e
}

type cdata struct {
	Text string `xml:",cdata"`
}

// envelope is the body in secure mode.
func envelope(message []byte, encrypted string) []byte {
	to := endsOf(message).ToUserName
	if !isXML(message) {
		return encode(struct {
			ToUserName string
			Encrypt    string
		}{to, encrypted})
	}
	b, err := xml.Marshal(struct {
		XMLName    xml.Name `xml:"xml"`
		ToUserName cdata
		Encrypt    cdata
	}{ToUserName: cdata{to}, Encrypt: cdata{encrypted}})
	if err != nil {
		panic("wechattest: an envelope cannot be encoded: " + err.Error())
	}
	return b
}

// both is the body in compatible mode: the message in the clear, and Encrypt in it.
func both(message []byte, encrypted string) ([]byte, error) {
	end, insert := []byte("}"), `,"Encrypt":`+string(encode(encrypted))
	if isXML(message) {
		end, insert = []byte("</xml>"), "<Encrypt><![CDATA["+encrypted+"]]></Encrypt>"
	}
	at := bytes.LastIndex(message, end)
	if at < 0 {
		return nil, errors.New("a message in compatible mode must be a JSON object or <xml>…</xml>")
	}
	if !isXML(message) && bytes.Equal(bytes.TrimSpace(message[:at]), []byte("{")) {
		insert = insert[1:]
	}
	return append(append(bytes.Clone(message[:at]), insert...), message[at:]...), nil
}

// sealedReply is what a server answers in secure mode.
type sealedReply struct {
	XMLName      xml.Name       `xml:"xml" json:"-"`
	Encrypt      string         `xml:"Encrypt" json:"Encrypt"`
	MsgSignature string         `xml:"MsgSignature" json:"MsgSignature"`
	TimeStamp    string         `xml:"TimeStamp" json:"-"`
	JSONTime     jsontext.Value `xml:"-" json:"TimeStamp"` // a number on the page, a text in SDKs
	Nonce        string         `xml:"Nonce" json:"Nonce"`
}

// readSealed reads a reply of the message's own form; ok says whether it has an Encrypt at all.
func readSealed(body []byte, asXML bool) (reply sealedReply, ok bool) {
	if asXML {
		err := xml.Unmarshal(body, &reply)
		return reply, err == nil && reply.Encrypt != ""
	}
	err := json.Unmarshal(body, &reply)
	reply.TimeStamp = string(bytes.Trim(reply.JSONTime, `"`))
	return reply, err == nil && reply.Encrypt != ""
}

// isDocument reports whether the body is XML or a JSON object: a reply in the clear to a message in the clear.
func isDocument(body []byte, asXML bool) bool {
	if asXML {
		return isXML(body) && xml.Unmarshal(body, new(struct {
			XMLName xml.Name `xml:"xml"`
		})) == nil
	}
	return jsontext.Value(body).Kind() == '{' && jsontext.Value(body).IsValid()
}
