// open_test.go: app, user, time, strictness of JSON, what is handed on.

package opendata

import (
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOpenChecks(t *testing.T) {
	mark := func(s string) string { return `{"a":1,"watermark":` + s + `}` }
	user := `{"openId":"` + testUser + `",`
	bound := func(w Expect) Expect { w.UnionID = testUnion; return w }
	s := sessionOf(testUser)
	for _, c := range []struct {
		name, text string
		want       Expect
		ok         bool
	}{
		{"nothing but a watermark", `{` + testMark + `}`, s, true},
		{"own openId", user + testMark + `}`, s, true},
		{"foreign openId", `{"openId":"` + otherUser + `",` + testMark + `}`, s, false},
		{"foreign openId, escaped name", `{"\u006fpenId":"` + otherUser + `",` + testMark + `}`, s, false},
		{"own openId, escaped value", `{"openId":"\u006f` + testUser[1:] + `",` + testMark + `}`, s, true},
		{"openId prefix", `{"openId":"` + testUser[:20] + `",` + testMark + `}`, s, false},
		{"openId null", `{"openId":null,` + testMark + `}`, s, false},
		{"openId number", `{"openId":1,` + testMark + `}`, s, false},
		{"openId array", `{"openId":["` + testUser + `"],` + testMark + `}`, s, false},
		{"openId empty", `{"openId":"",` + testMark + `}`, s, false},
		{"openId, session has none", user + testMark + `}`, sessionOf(""), false},
		{"openId empty, session has none", `{"openId":"",` + testMark + `}`, sessionOf(""), false},
		{"no openId, session has none", `{` + testMark + `}`, sessionOf(""), true},
		{"own unionId", user + `"unionId":"` + testUnion + `",` + testMark + `}`, bound(s), true},
		{"foreign unionId", user + `"unionId":"oX",` + testMark + `}`, bound(s), false},
		{"unionId not known yet", user + `"unionId":"oX",` + testMark + `}`, s, true},
		{"unionId absent", user + testMark + `}`, bound(s), true},
		{"unionId empty", user + `"unionId":"",` + testMark + `}`, bound(s), true},
		{"unionId number", user + `"unionId":1,` + testMark + `}`, s, false},
		{"unionId null", user + `"unionId":null,` + testMark + `}`, bound(s), false},

		{"no watermark", `{"a":1}`, s, false},
		{"watermark null", mark(`null`), s, false},
		{"watermark string", mark(`"` + testApp + `"`), s, false},
		{"watermark array", mark(`[{"timestamp":1700000000,"appid":"` + testApp + `"}]`), s, false},
		{"watermark one level down", `{"a":{` + testMark + `}}`, s, false},
		{"appid at top level", `{"appid":"` + testApp + `","timestamp":1700000000}`, s, false},
		{"watermark without appid", mark(`{"timestamp":1700000000}`), s, false},
		{"watermark without time", mark(`{"appid":"` + testApp + `"}`), s, false},
		{"foreign appid", mark(`{"timestamp":1700000000,"appid":"wx0123456789abcdee"}`), s, false},
		{"appid in another case", mark(`{"timestamp":1700000000,"appid":"WX0123456789ABCDEF"}`), s, false},
		{"appID", mark(`{"timestamp":1700000000,"appID":"` + testApp + `"}`), s, false},
		{"appid number", mark(`{"timestamp":1700000000,"appid":1}`), s, false},
		{"time as string", mark(`{"timestamp":"1700000000","appid":"` + testApp + `"}`), s, false},
		{"time with fraction", mark(`{"timestamp":1700000000.0,"appid":"` + testApp + `"}`), s, false},
		{"time with exponent", mark(`{"timestamp":17e8,"appid":"` + testApp + `"}`), s, false},
		{"time negative", mark(`{"timestamp":-1,"appid":"` + testApp + `"}`), s, false},
		{"time in ms", mark(`{"timestamp":1700000000000,"appid":"` + testApp + `"}`), s, false},
		{"unknown watermark members", mark(`{"timestamp":1700000000,"x":{"y":[1]},"appid":"` + testApp + `"}`), s, true},
		{"no app configured", mark(`{"timestamp":1700000000,"appid":""}`), Expect{OpenID: testUser}, false},
		{"any time", mark(`{"timestamp":1,"appid":"` + testApp + `"}`), Expect{AppID: testApp}, true},
		{"any time, but in ms", mark(`{"timestamp":1700000000000,"appid":"` + testApp + `"}`), Expect{AppID: testApp}, false},
		{"any time, but none", mark(`{"appid":"` + testApp + `"}`), Expect{AppID: testApp}, false},

		{"duplicate name", `{"a":1,"a":1,` + testMark + `}`, s, false},
		{"duplicate by escape", `{"a":1,"\u0061":1,` + testMark + `}`, s, false},
		{"duplicate openId", user + `"openId":"` + testUser + `",` + testMark + `}`, s, false},
		{"duplicate watermark", `{` + testMark + `,` + testMark + `}`, s, false},
		{"duplicate appid", mark(`{"appid":"x","timestamp":1700000000,"appid":"` + testApp + `"}`), s, false},
		{"duplicate deep inside", `{"a":[{"b":{"c":1,"c":2}}],` + testMark + `}`, s, false},
		{"invalid UTF-8", "{\"a\":\"\xff\"," + testMark + `}`, s, false},
		{"invalid UTF-8 in a name", "{\"\xc0\xaf\":1," + testMark + `}`, s, false},
		{"lone surrogate", `{"a":"\ud800",` + testMark + `}`, s, true},
		{"control character", "{\"a\":\"\n\"," + testMark + `}`, s, false},
		{"byte order mark", "\ufeff{" + testMark + `}`, s, false},
		{"two objects", `{` + testMark + `}{` + testMark + `}`, s, false},
		{"text behind", `{` + testMark + `}x`, s, false},
		{"zero byte behind", `{` + testMark + "}\x00", s, false},
		{"blanks around", " \n{ " + testMark + " }\t\r\n", s, true},
		{"array", `[{` + testMark + `}]`, s, false},
		{"string", `"x"`, s, false},
		{"null", `null`, s, false},
		{"nothing", ``, s, false},
		{"cut off", `{` + testMark, s, false},
		{"trailing comma", `{` + testMark + `,}`, s, false},
		{"comment", `{/**/` + testMark + `}`, s, false},
		{"depth", `{"a":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `,` + testMark + `}`, s, true},
	} {
		o, err := Open(seal(t, keyA, c.text), c.want, keyA)
		switch {
		case !c.ok:
			refused(t, err)
			if err == nil {
				t.Errorf("%s: accepted", c.name)
			}
			if o.Object != nil || o.UnionID != "" || o.Fingerprint != "" {
				t.Errorf("%s: %+v beside an error", c.name, o)
			}
		case err != nil:
			t.Errorf("%s: refused", c.name)
		}
	}
}

func TestOpenAge(t *testing.T) {
	stamp := time.Unix(1700000000, 0)
	req := seal(t, keyA, `{`+testMark+`}`)
	for _, c := range []struct {
		max, age time.Duration
		ok       bool
	}{
		{5 * time.Minute, 0, true},
		{5 * time.Minute, 5 * time.Minute, true},
		{5 * time.Minute, 5*time.Minute + 1, false},
		{5 * time.Minute, -5 * time.Minute, true},
		{5 * time.Minute, -5*time.Minute - 1, false},
		{time.Hour, time.Hour, true},
		{time.Hour, -5 * time.Minute, true},
		{time.Hour, -5*time.Minute - 1, false}, // ahead: never more than the skew
		{time.Minute, -time.Minute, true},
		{time.Minute, -time.Minute - 1, false},
		{math.MaxInt64, 100 * 365 * 24 * time.Hour, true},
		{math.MaxInt64, -time.Hour, false},
		{0, 100 * 365 * 24 * time.Hour, true},
		{0, -100 * 365 * 24 * time.Hour, true},
		{-1, 0, false},
		{math.MinInt64, 0, false},
	} {
		w := Expect{AppID: testApp, MaxAge: c.max, Now: stamp.Add(c.age)}
		if _, err := Open(req, w, keyA); (err == nil) != c.ok {
			t.Errorf("max %v, age %v: %v; want accepted = %v", c.max, c.age, err, c.ok)
		}
	}
	_, err := Open(req, Expect{AppID: testApp, MaxAge: time.Hour}, keyA) // clock forgotten
	refused(t, err)
}

// Numbers beyond float64, odd escapes and member order survive; the watermark
// goes wherever it stands, and only at the top.
func TestOpenObject(t *testing.T) {
	for in, want := range map[string]string{
		`{` + testMark + `}`:                                            `{}`,
		`{` + testMark + `,"b":1,"a":2}`:                                `{"b":1,"a":2}`,
		`{"b":1,` + testMark + `,"a":2}`:                                `{"b":1,"a":2}`,
		`{"b":1,"a":2,` + testMark + `}`:                                `{"b":1,"a":2}`,
		"{ \"b\" : [1, 2] ,\n" + testMark + "\n}":                       `{"b":[1, 2]}`,
		`{"a":{"watermark":1},` + testMark + `}`:                        `{"a":{"watermark":1}}`,
		`{"n":12345678901234567890.10e+1,` + testMark + `}`:             `{"n":12345678901234567890.10e+1}`,
		`{"s":"\/\u4f60<\ud83d\ude00",` + testMark + `}`:                `{"s":"\/\u4f60<\ud83d\ude00"}`,
		`{"\u0061":"",` + testMark + `}`:                                `{"\u0061":""}`,
		`{"\u0077atermark"` + testMark[len(`"watermark"`):] + `,"a":1}`: `{"a":1}`,
	} {
		o, err := Open(seal(t, keyA, in), sessionOf(testUser), keyA)
		if err != nil || string(o.Object) != want {
			t.Errorf("Open(%s) = %s, %v; want %s", in, o.Object, err, want)
		}
	}
}

// C13: whatever goes wrong, the error is a constant without key or text.
func TestErrorSaysNothing(t *testing.T) {
	for _, s := range []string{keyA, keyA[:8], testUser, "pad", "json", "appid", "openid", "sign"} {
		if strings.Contains(strings.ToLower(ErrInvalid.Error()), strings.ToLower(s)) {
			t.Errorf("ErrInvalid %q tells %q", ErrInvalid, s)
		}
	}
}

// Readers and the decoy are shared by all requests; with -race this shows that
// nobody writes to what another reads.
func TestOpenInParallel(t *testing.T) {
	good := seal(t, keyA, `{"openId":"`+testUser+`","a":1,`+testMark+`}`)
	bad := seal(t, keyA, `{"openId":"`+otherUser+`","b":2,"b":2}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				o, err := Open(good, sessionOf(testUser), keyB, keyA)
				if want := `{"openId":"` + testUser + `","a":1}`; err != nil || string(o.Object) != want {
					t.Errorf("Open = %s, %v; want %s", o.Object, err, want)
				}
				_, err = Open(bad, sessionOf(testUser), keyA, keyB)
				refused(t, err)
			}
		})
	}
	wg.Wait()
}
