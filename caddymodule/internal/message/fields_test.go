package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestReadFields(t *testing.T) {
	for in, want := range map[string]string{
		textXML:                       "24536549847826563",
		textJSON:                      "9223372036854775807",
		"\xef\xbb\xbf \r\n" + textXML: "24536549847826563",
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + textXML:         "24536549847826563",
		"<!-- a --><xml><MsgId> 7 <!-- b --></MsgId></xml>\n":            "7",
		"<xml><MsgId>1<![CDATA[2]]>3</MsgId></xml>":                      "123",
		"<xml><A>&lt;&#65;</A><MsgId a=\"b\">7</MsgId></xml>":            "7",
		"<xml><List><MsgId>1</MsgId></List><MsgId>7</MsgId></xml>":       "7",
		`{"List":{"MsgId":1},"MsgId":7}`:                                 "7",
		`{"MsgId":" 7 ","Name":"\ud83d","Raw":"` + "\xff" + `"}` + " \n": "7",
		`{"msgid":1,"MSGID":2,"MsgID":3,"MsgId":7}`:                      "7",
		"<xml><msgid>1</msgid><MsgID>2</MsgID><MsgId>7</MsgId></xml>":    "7",
		`{"MsgId":18446744073709551615}`:                                 "18446744073709551615",
		`{"MsgId":null}`:                                                 "",
		`{}`:                                                             "",
		`<xml/>`:                                                         "",
		"<xml>" + strings.Repeat("<a>", maxDepth-1) + strings.Repeat("</a>", maxDepth-1) + "<MsgId>7</MsgId></xml>": "7",
		`{"a":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `,"MsgId":7}`:                 "7",
	} {
		f, err := readFields([]byte(in))
		if err != nil || f.get("MsgId") != want {
			t.Errorf("%.80s: %q, %v; want %q", in, f.get("MsgId"), err, want)
		}
	}
	deep := strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1)
	lol := `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;">]><xml><MsgId>&lol1;</MsgId></xml>`
	for _, in := range []string{
		"", " ", "\xef\xbb\xbf", "x", "null", "7", `"x"`, "[]", `[{"MsgId":7}]`, "{", `{"MsgId":7`, `{"MsgId":7}}`, `{"MsgId":7}{"MsgId":7}`, `{"MsgId":7}x`, `{MsgId:7}`, `{'MsgId':7}`, `{"MsgId":07}`, `{"MsgId":+7}`, `{"MsgId":7,}`,
		`{"MsgId":7,"MsgId":8}`, `{"MsgId":7,"Msg\u0049d":8}`, `{"Event":"a","Event":"a"}`, `{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
		"<xml>", "<xml><MsgId>7</MsgId>", "<xml><MsgId>7</xml>", "<xml><MsgId>7</msgid></xml>", "<xml></xml><xml></xml>", "<xml></xml>x", "<xml>x<MsgId>7</MsgId></xml>", "x<xml></xml>",
		"<xml><MsgId>7</MsgId><MsgId>8</MsgId></xml>", "<xml><MsgId>&foo;</MsgId></xml>", "<xml><MsgId>\x00</MsgId></xml>", "<xml><MsgId>\xff</MsgId></xml>", "<xml><MsgId a>7</MsgId></xml>",
		`<?xml version="1.0" encoding="GBK"?><xml/>`, `<?php x?><xml/>`, `<xml><?xml-stylesheet href="a"?></xml>`, `<!DOCTYPE xml><xml/>`, lol,
		`<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><MsgId>&a;</MsgId></xml>`, `<xml xmlns:a="b"><a:MsgId>7</a:MsgId></xml>`, "<xml><a:MsgId>7</a:MsgId></xml>", "<!-- x -->", "<?xml version=\"1.0\"?>",
		deep, "<xml>" + strings.Repeat("<a/>", maxFields+1) + "</xml>", strings.Repeat(" ", MaxBody+1) + textJSON, strings.Repeat(" ", MaxBody),
	} {
		if f, err := readFields([]byte(in)); err != errUnreadable {
			t.Errorf("%.80s: %+v, %v", in, f.list, err)
		}
	}
	var many strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&many, `"f%d":1,`, i)
	}
	if _, err := readFields([]byte("{" + many.String() + `"MsgId":7}`)); err != errUnreadable {
		t.Errorf("too many members: %v", err)
	}
}

// The same content has the same digest in whatever order and space, and other
// content another.
func TestDigest(t *testing.T) {
	digest := func(in string) string {
		f, err := readFields([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		return f.digest()
	}
	want := digest(`{"A":"1","B":["2","3"],"C":{"D":"4"}}`)
	if want != "4a655a9efc806039b4e8b523e0616ada" {
		t.Errorf("the digest is %s: that of earlier versions is another, and a repeat on a node of one would be delivered again", want)
	}
	for _, in := range []string{`{ "C" : { "D" : 4 } , "B":["2",3], "A":1}`, `{"A":1,"C":{"D":"4"},"B":["2","3"]}`} {
		if got := digest(in); got != want {
			t.Errorf("%s: another digest", in)
		}
	}
	for _, in := range []string{`{"A":"1","B":["2","3"],"C":{"D":"5"}}`, `{"A":"1","B":["3","2"],"C":{"D":"4"}}`, `{"A":"1","B":["23"],"C":{"D":"4"}}`, `{"A":"1","B":["2","3"],"C":{"D":"4"},"E":"x"}`, `{"B":["1","2","3"],"C":{"D":"4"}}`, `{"A":"1","B":["2","3"],"C":{"E":"4"}}`, `{}`} {
		if got := digest(in); got == want {
			t.Errorf("%s: the same digest", in)
		}
	}
	want = digest("<xml><A>1</A><B><i>2</i></B></xml>")
	if want != "0dd792ab15613770bd7aa8ac1f27ad47" {
		t.Errorf("XML: the digest is %s, another than that of earlier versions", want)
	}
	if got := digest("<xml>\n<B><i><![CDATA[2]]></i></B>\n<A> 1 </A></xml>"); got != want {
		t.Error("XML: another digest")
	}
	for _, in := range []string{"<xml><A>1</A><B><j>2</j></B></xml>", "<xml><A>1</A><B>2</B></xml>", "<xml><A>1</A><B><i>2</i><i>2</i></B></xml>"} {
		if got := digest(in); got == want {
			t.Errorf("%s: the same digest", in)
		}
	}
}
