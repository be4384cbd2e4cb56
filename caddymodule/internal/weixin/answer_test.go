// answer_test.go: what is an answer of WeChat and what only looks like one (C17).

package weixin

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	oid = `"openid":"oALICE"`
	key = `"session_key":"tiihtNczf5v6AKRyjwEUhQ=="`
)

// Somebody between us and WeChat, or WeChat itself on a bad day, sends something that
// a lenient reader takes for a login. Each bad answer has a neighbour that is good.
func TestReadSession(t *testing.T) {
	plain := `{` + oid + `,` + key + `}`
	for _, tt := range []struct {
		name      string
		status    int
		bad, good string
	}{
		{"status 500", 500, plain, plain},
		{"status 201", 201, plain, plain},
		{"status 302", 302, plain, plain},
		{"empty body", 200, ``, plain},
		{"blank body", 200, "  \r\n", " \r\n" + plain + "\n"},
		{"HTML", 200, `<html><body>{"openid":"oALICE"}</body></html>`, plain},
		{"null", 200, `null`, plain},
		{"true", 200, `true`, plain},
		{"array", 200, `[` + plain + `]`, plain},
		{"string", 200, `"` + strings.ReplaceAll(plain, `"`, `\"`) + `"`, plain},
		{"empty object", 200, `{}`, plain},
		{"byte order mark", 200, "\xef\xbb\xbf" + plain, plain},
		{"UTF-16", 200, "\xff\xfe{\x00", plain},
		{"invalid UTF-8", 200, `{` + oid + `,` + key + `,"n":"` + "\xff" + `"}`, `{` + oid + `,` + key + `,"n":"é"}`},
		{"two documents", 200, plain + plain, plain},
		{"trailing word", 200, plain + ` x`, plain + ` `},
		{"trailing bracket", 200, plain + `}`, plain},
		{"truncated", 200, plain[:len(plain)-1], plain},
		{"comment", 200, `/**/` + plain, plain},
		{"JSONP", 200, `cb(` + plain + `)`, plain},
		{"openid twice", 200, `{` + oid + `,"openid":"oEVE",` + key + `}`, `{` + oid + `,` + key + `}`},
		{"openid twice, escaped", 200, `{` + oid + `,"\u006fpenid":"oEVE",` + key + `}`, `{"\u006fpenid":"oALICE",` + key + `}`},
		{"errcode twice", 200, `{"errcode":40029,` + oid + `,` + key + `,"errcode":0}`, `{"errcode":0,` + oid + `,` + key + `}`},
		{"unknown name twice", 200, `{` + oid + `,` + key + `,"a":1,"a":2}`, `{` + oid + `,` + key + `,"a":1,"A":2}`},
		{"name twice deeper down", 200, `{` + oid + `,` + key + `,"a":{"b":1,"b":2}}`, `{` + oid + `,` + key + `,"a":{"b":1},"c":{"b":2}}`},
		{"only OPENID", 200, `{"OPENID":"oEVE",` + key + `}`, `{"OPENID":"oEVE",` + oid + `,` + key + `}`},
		{"only Session_Key", 200, `{` + oid + `,"Session_Key":"tiihtNczf5v6AKRyjwEUhQ=="}`, `{` + oid + `,"Session_Key":1,` + key + `}`},
		{"errcode as string", 200, `{"errcode":"0",` + oid + `,` + key + `}`, `{"errcode":0,` + oid + `,` + key + `}`},
		{"errcode null", 200, `{"errcode":null,` + oid + `,` + key + `}`, `{"errcode":0,` + oid + `,` + key + `}`},
		{"errcode false", 200, `{"errcode":false,` + oid + `,` + key + `}`, `{"errmsg":false,` + oid + `,` + key + `}`},
		{"errcode 0.0", 200, `{"errcode":0.0,` + oid + `,` + key + `}`, `{"errcode":0,"errmsg":"ok",` + oid + `,` + key + `}`},
		{"errcode 0e9", 200, `{"errcode":0e9,` + oid + `,` + key + `}`, `{"errcode":0,` + oid + `,` + key + `}`},
		{"errcode out of range", 200, `{"errcode":4294967296,` + oid + `,` + key + `}`, `{"errcode":0,` + oid + `,` + key + `}`},
		{"openid null", 200, `{"openid":null,` + key + `}`, `{` + oid + `,` + key + `,"nick":null}`},
		{"openid empty", 200, `{"openid":"",` + key + `}`, `{"openid":"o",` + key + `}`},
		{"openid number", 200, `{"openid":7,` + key + `}`, `{"openid":"7",` + key + `}`},
		{"openid array", 200, `{"openid":["oALICE"],` + key + `}`, plain},
		{"openid too long", 200, `{"openid":"` + strings.Repeat("o", 65) + `",` + key + `}`, `{"openid":"` + strings.Repeat("o", 64) + `",` + key + `}`},
		{"openid with line break", 200, `{"openid":"oALICE\n",` + key + `}`, plain},
		{"openid with colon", 200, `{"openid":"o:x",` + key + `}`, `{"openid":"o-_x",` + key + `}`},
		{"openid not ASCII", 200, `{"openid":"oАLICE",` + key + `}`, plain},
		{"session_key absent", 200, `{` + oid + `}`, plain},
		{"session_key null", 200, `{` + oid + `,"session_key":null}`, plain},
		{"session_key empty", 200, `{` + oid + `,"session_key":""}`, plain},
		{"session_key of 15 bytes", 200, `{` + oid + `,"session_key":"AAAAAAAAAAAAAAAAAAAA"}`, plain},
		{"session_key of 17 bytes", 200, `{` + oid + `,"session_key":"AAAAAAAAAAAAAAAAAAAAAAA="}`, `{` + oid + `,"session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}`},
		{"session_key of the URL alphabet", 200, `{` + oid + `,"session_key":"o0q0otL8aEzpcZL_FT9WsQ=="}`, `{` + oid + `,"session_key":"o0q0otL8aEzpcZL/FT9WsQ=="}`},
		{"session_key unpadded", 200, `{` + oid + `,"session_key":"tiihtNczf5v6AKRyjwEUhQ"}`, plain},
		{"session_key with loose bits", 200, `{` + oid + `,"session_key":"tiihtNczf5v6AKRyjwEUhR=="}`, plain},
		{"session_key with line break", 200, `{` + oid + `,"session_key":"tiihtNczf5v6\nAKRyjwEUhQ=="}`, plain},
		{"unionid null", 200, `{` + oid + `,` + key + `,"unionid":null}`, `{` + oid + `,` + key + `,"unionid":""}`},
		{"unionid with space", 200, `{` + oid + `,` + key + `,"unionid":"o x"}`, `{` + oid + `,` + key + `,"unionid":"o_x"}`},
		{"unionid number", 200, `{` + oid + `,` + key + `,"unionid":1}`, `{` + oid + `,` + key + `,"UnionID":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readSession(CallCode2Session, answer{tt.status, []byte(tt.bad)})
			wantKind(t, err, KindMalformed)
			if got != (SessionAnswer{}) {
				t.Errorf("an error came with a session: %v", got)
			}
			if _, err := readSession(CallCode2Session, answer{200, []byte(tt.good)}); err != nil {
				t.Errorf("the good neighbour %s: %v", tt.good, err)
			}
		})
	}
}

// An attacker who can add a member in another case must not change who logged in.
func TestReadSessionCaseVariantsDoNotOverwrite(t *testing.T) {
	got, err := readSession(CallCode2Session, answer{200, []byte(
		`{"OPENID":"oEVE",` + oid + `,"OpenId":"oEVE",` + key + `,"SESSION_KEY":"AAAA","UnionId":"oEVE","Errcode":1}`)})
	want := SessionAnswer{OpenID: "oALICE", SessionKey: "tiihtNczf5v6AKRyjwEUhQ=="}
	if err != nil || got != want {
		t.Errorf("readSession = %v, %v; want %v", got, err, want)
	}
}

// An errcode wins over whatever else is in the answer.
func TestReadSessionErrcodeWins(t *testing.T) {
	_, err := readSession(CallCode2Session, answer{200, []byte(`{"errcode":40029,` + oid + `,` + key + `}`)})
	wantKind(t, err, KindBadCode)
}

// What is no object has no members to miss, and so must fail before they are looked for.
func TestReadWantsAnObject(t *testing.T) {
	for _, bad := range []string{`null`, ` null `} {
		_, _, err := read(CallCode2Session, answer{200, []byte(bad)})
		wantKind(t, err, KindMalformed)
	}
}

func TestReadToken(t *testing.T) {
	token, life, err := readToken(CallStableToken, answer{200, []byte(`{"access_token":"72_x-Y","expires_in":345}`)})
	if token != "72_x-Y" || life != 345*time.Second || err != nil {
		t.Errorf("readToken = %q, %v, %v", token, life, err)
	}
	for _, bad := range []string{
		`{"expires_in":7200}`, `{"access_token":"","expires_in":7200}`, `{"access_token":null,"expires_in":7200}`,
		`{"access_token":"a b","expires_in":7200}`, `{"access_token":"a\nb","expires_in":7200}`,
		`{"access_token":"` + strings.Repeat("a", 2049) + `","expires_in":7200}`,
		`{"access_token":"a"}`, `{"access_token":"a","expires_in":0}`, `{"access_token":"a","expires_in":-1}`,
		`{"access_token":"a","expires_in":"7200"}`, `{"access_token":"a","expires_in":86401}`,
		`{"access_token":"a","expires_in":9223372036854775807}`, `{"access_token":"a","expires_in":72.5}`,
	} {
		_, _, err := readToken(CallStableToken, answer{200, []byte(bad)})
		wantKind(t, err, KindMalformed)
	}
}

// "{}" and "null" must not pass for "the session_key is valid".
func TestReadOKNeedsErrcode(t *testing.T) {
	if err := readOK(CallCheckSession, answer{200, []byte(`{"errcode":0,"errmsg":"ok"}`)}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{`{}`, `null`, `{"errmsg":"ok"}`, `{"ERRCODE":0}`, `{"errcode":"0"}`} {
		wantKind(t, readOK(CallCheckSession, answer{200, []byte(bad)}), KindMalformed)
	}
}

func TestReadPhone(t *testing.T) {
	const mark = `"watermark":{"appid":"wx4f4bc4dec97d474b","timestamp":1637744274}`
	good := func(country string) string {
		return `{"errcode":0,"errmsg":"ok","phone_info":{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":` + country + `,` + mark + `}}`
	}
	want := PhoneInfo{"13580006666", "13580006666", "86", Watermark{"wx4f4bc4dec97d474b", 1637744274}}
	for _, country := range []string{`86`, `"86"`, `"+86"`, `" + 86"`} {
		if got, err := readPhone(CallPhoneNumber, answer{200, []byte(good(country))}); got != want || err != nil {
			t.Errorf("countryCode %s: %+v, %v; want %+v", country, got, err, want)
		}
	}
	marked := strings.NewReplacer(`"phoneNumber":"13580006666"`, `"phoneNumber":"+852 5123-4567"`, `"purePhoneNumber":"13580006666"`, `"purePhoneNumber":"5123-4567"`).
		Replace(good(`"+852"`))
	want = PhoneInfo{"+85251234567", "51234567", "852", want.Watermark}
	if got, err := readPhone(CallPhoneNumber, answer{200, []byte(marked)}); got != want || err != nil {
		t.Errorf("%s: %+v, %v; want %+v", marked, got, err, want)
	}
	bad := []string{
		good(`"++86"`), good(`"86+"`), good(`"+"`), good(`" "`), strings.Replace(good(`86`), `"13580006666"`, `" - "`, 1),
		strings.Replace(good(`86`), `"13580006666"`, `"135 80006666"`, 1),
		`{"errcode":0}`, `{"errcode":0,"phone_info":null}`, `{"errcode":0,"phone_info":{}}`,
		good(`null`), good(`""`), good(`8.6`), good(`"86\n"`), good(`-86`),
		strings.Replace(good(`86`), mark, `"watermark":null`, 1),
		strings.Replace(good(`86`), `"13580006666"`, `"1358000\r\n6666"`, 1),
		strings.Replace(good(`86`), `"13580006666"`, `13580006666`, 1),
		strings.Replace(good(`86`), `1637744274`, `"1637744274"`, 1),
		strings.Replace(good(`86`), `"phoneNumber"`, `"PhoneNumber"`, 1),
	}
	for _, b := range bad {
		if got, err := readPhone(CallPhoneNumber, answer{200, []byte(b)}); KindOf(err) != KindMalformed || got != (PhoneInfo{}) {
			t.Errorf("%s: %+v, %v; want malformed", b, got, err)
		}
	}
}

func TestValidCode(t *testing.T) {
	for code, want := range map[string]bool{
		"0a1B2c3D4e5F6g7H-_": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, "a\n": false, "a b": false, "a&appid=wxEVIL": false, "a%26": false, "é": false,
	} {
		if got := ValidCode(code); got != want {
			t.Errorf("ValidCode(%q) = %v", code, got)
		}
	}
}

func TestSessionAnswerPrintsNoKey(t *testing.T) {
	a := SessionAnswer{OpenID: "oALICE", SessionKey: testKey}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if s := fmt.Sprintf(verb, a) + fmt.Sprintf(verb, &a) + fmt.Sprintf(verb, struct{ A SessionAnswer }{a}); strings.Contains(s, testKey) {
			t.Errorf("%s prints the session_key: %s", verb, s)
		}
	}
}
