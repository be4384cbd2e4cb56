package message

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
)

func read(t testing.TB, body string) *Message {
	t.Helper()
	m, err := receiver(t, "").Open(clearQuery(now), "", []byte(body), now)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return m
}

func TestType(t *testing.T) {
	for body, want := range map[string]string{
		`{"MsgType":"text"}`:                              "text",
		`{"MsgType":" image "}`:                           "image",
		`{"MsgType":"event","Event":"subscribe"}`:         "event/subscribe",
		`{"MsgType":"Event","Event":"CLICK"}`:             "event/CLICK",
		`{"Event":"x"}`:                                   "event/x",
		`{"MsgType":"event"}`:                             "event/unknown",
		`{"action":"CheckContainerPath"}`:                 "unknown",
		`{"MsgType":"a/b\r\nX-Evil: 1"}`:                  "a%2Fb%0D%0AX-Evil%3A%201",
		`{"MsgType":"消息"}`:                                "%E6%B6%88%E6%81%AF",
		`{"MsgType":"` + strings.Repeat("x", 1000) + `"}`: strings.Repeat("x", 64),
		"<xml><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[user_authorization_revoke]]></Event></xml>": "event/user_authorization_revoke",
	} {
		if got := read(t, body).Type(); got != want {
			t.Errorf("%s: %q; want %q", body, got, want)
		}
	}
}

// Repeats have one key, and two messages never do: 64 bits of a MsgId are not
// rounded, and two events of one second are two.
func TestKey(t *testing.T) {
	same := [][]string{
		{textXML, strings.Replace(textXML, "<Content>", "\n<Content>", 1)},
		{`{"MsgType":"text","MsgId":9223372036854775807,"Content":"a"}`, `{"Content":"b","MsgId":"9223372036854775807","MsgType":"text"}`, "<xml><MsgType>text</MsgType><MsgId>9223372036854775807</MsgId></xml>"},
		{`{"MsgType":"event","Event":"e","FromUserName":"o","CreateTime":1}`, `{"CreateTime":1, "MsgType":"event","Event":"e","FromUserName":"o"}`},
	}
	different := []string{
		`{"MsgType":"text","MsgId":9223372036854775807}`, `{"MsgType":"text","MsgId":9223372036854775806}`, `{"MsgType":"text","MsgId":9223372036854775000}`,
		`{"MsgType":"event","Event":"e","FromUserName":"o","CreateTime":1}`, `{"MsgType":"event","Event":"e","FromUserName":"o","CreateTime":2}`, `{"MsgType":"event","Event":"f","FromUserName":"o","CreateTime":1}`,
		`{"MsgType":"event","Event":"e","FromUserName":"p","CreateTime":1}`, `{"MsgType":"event","Event":"e","FromUserName":"o","CreateTime":1,"OpenID":"a"}`, `{"MsgType":"event","Event":"e","FromUserName":"o","CreateTime":1,"OpenID":"b"}`,
		`{"MsgType":"event","Event":"e","FromUserName":"o","CreateTime":1,"MsgID":7}`, `{"MsgType":"event","Event":"e","MsgId":9223372036854775807}`,
	}
	for _, group := range same {
		for _, body := range group[1:] {
			if read(t, group[0]).Key() != read(t, body).Key() {
				t.Errorf("%s and %s: two keys", group[0], body)
			}
		}
	}
	seen := map[string]string{}
	for _, body := range different {
		key := read(t, body).Key()
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s: one key", body, other)
		}
		seen[key] = body
	}
}

func TestEndsUser(t *testing.T) {
	event := func(event, rest string) string {
		return `{"ToUserName":"gh_1","FromUserName":"platform","CreateTime":1,"MsgType":"event","Event":"` + event + `"` + rest + `}`
	}
	const revoke, cancel = "user_authorization_revoke", "user_authorization_cancellation"
	who := `,"OpenID":" oUser ","AppID":"\twx1111111111111111 "`
	for body, want := range map[string]string{
		event(cancel, who):                                "wx1111111111111111 oUser",
		event(cancel, `,"OpenID":"oUser"`):                testApp + " oUser",
		event(" "+cancel+" ", who):                        "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":"301"`):          "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":301`):            "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":["205","301"]`):  "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":[205,301]`):      "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":" 205, 301 "`):   "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":"[\"301\"]"`):    "wx1111111111111111 oUser",
		event(revoke, who+`,"RevokeInfo":[{"code":301}]`): "wx1111111111111111 oUser",
		"<xml><MsgType>Event</MsgType><Event>" + revoke + "</Event><OpenID> oUser</OpenID><RevokeInfo>205</RevokeInfo><RevokeInfo>301</RevokeInfo></xml>":                        testApp + " oUser",
		"<xml><MsgType>event</MsgType><Event>" + revoke + "</Event><OpenID>oUser\n</OpenID><RevokeInfo><item>205</item><item>301</item></RevokeInfo></xml>":                      testApp + " oUser",
		"<xml><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[" + cancel + "]]></Event><OpenID><![CDATA[ oUser ]]></OpenID><AppID><![CDATA[" + testApp + "]]></AppID></xml>": testApp + " oUser",

		event(revoke, who):                                               "",
		event(revoke, who+`,"RevokeInfo":"205"`):                         "",
		event(revoke, who+`,"RevokeInfo":"1301"`):                        "",
		event(revoke, who+`,"RevokeInfo":3010`):                          "",
		event(revoke, who+`,"RevokeInfo":["3","0","1"]`):                 "",
		event(revoke, who+`,"RevokeInfo":null`):                          "",
		event(revoke, who+`,"revokeinfo":"301"`):                         "",
		event(cancel, ``):                                                "",
		event(cancel, `,"OpenID":"  "`):                                  "",
		event("user_info_modified", who+`,"RevokeInfo":"301"`):           "",
		event("USER_AUTHORIZATION_CANCELLATION", who):                    "",
		`{"MsgType":"text","Content":"` + cancel + `","OpenID":"oUser"}`: "",
		`{"MsgType":"text","Event":"` + cancel + `","OpenID":"oUser"}`:   "",
	} {
		appID, openID, ok := read(t, body).EndsUser()
		if got := appID + " " + openID; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v; want %q", body, got, ok, want)
		}
	}
}

func TestReply(t *testing.T) {
	secure := receiver(t, testKey)
	open := func(around func(string) string) *Message {
		q, body := push(t, textJSON, testApp, now, around)
		m, err := secure.Open(q, "", body, now)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	inClear, asJSON, asXML := read(t, textXML), open(inJSON), open(inXML)
	for _, m := range []*Message{inClear, asJSON, asXML} {
		for _, body := range []string{"", "success", " success\n", " \r\n"} {
			reply, contentType, err := m.Reply([]byte(body), "text/html", now)
			if err != nil || string(reply) != Success || contentType != "text/plain" {
				t.Errorf("%q: %s, %s, %v", body, reply, contentType, err)
			}
		}
	}
	answer := "<xml><Content><![CDATA[你好]]></Content></xml>"
	if reply, contentType, err := inClear.Reply([]byte(answer), "text/xml", now); err != nil || string(reply) != answer || contentType != "text/xml" {
		t.Errorf("in the clear: %s, %s, %v", reply, contentType, err)
	}
	type encrypted struct {
		XMLName                                 xml.Name `xml:"xml"`
		Encrypt, MsgSignature, Nonce, TimeStamp string
	}
	texts := map[string]bool{}
	check := func(name string, e encrypted) {
		plain, err := secure.secrets().key.decrypt(e.Encrypt, testApp)
		if err != nil || string(plain) != answer || e.MsgSignature != sign(testToken, e.TimeStamp, e.Nonce, e.Encrypt) || e.TimeStamp != unixText(now) || e.Nonce != "415670741" {
			t.Errorf("%s: %+v, %s, %v", name, e, plain, err)
		}
		if texts[e.Encrypt] {
			t.Errorf("%s: the same text twice: nothing random in it", name)
		}
		texts[e.Encrypt] = true
	}
	for range 2 {
		reply, contentType, err := asXML.Reply([]byte(answer), "text/html", now)
		var e encrypted
		if err != nil || contentType != "text/xml" || xml.Unmarshal(reply, &e) != nil {
			t.Fatalf("%s, %s, %v", reply, contentType, err)
		}
		check("XML", e)
		reply, contentType, err = asJSON.Reply([]byte(answer), "text/html", now)
		var j struct {
			Encrypt, MsgSignature, Nonce string
			TimeStamp                    json.Number
		}
		if err != nil || contentType != "application/json" || json.Unmarshal(reply, &j) != nil {
			t.Fatalf("%s, %s, %v", reply, contentType, err)
		}
		check("JSON", encrypted{Encrypt: j.Encrypt, MsgSignature: j.MsgSignature, Nonce: j.Nonce, TimeStamp: j.TimeStamp.String()})
	}
}
