// surrogate_test.go: half a character in a nickname.

package opendata

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMendHalves(t *testing.T) {
	for in, want := range map[string]string{
		``:                          ``,
		`\`:                         `\`,
		`\u`:                        `\u`,
		`\ud80`:                     `\ud80`,
		`\ud800`:                    `\ufffd`,
		`x\uDBFFy`:                  `x\ufffdy`,
		`\udc00`:                    `\ufffd`,
		`\uDfFf\n`:                  `\ufffd\n`,
		`\ud83d\ude00`:              `\ud83d\ude00`, // a pair
		`\ud83d\ud83d\ude00`:        `\ufffd\ud83d\ude00`,
		`\ude00\ud83d`:              `\ufffd\ufffd`,
		`\ud83d \ude00`:             `\ufffd \ufffd`,
		`\ud83d\n`:                  `\ufffd\n`,
		`\ud83d\u0041`:              `\ufffd\u0041`,
		`\ud83d\ude0`:               `\ufffd\ude0`, // for the reader to refuse
		`\\ud800`:                   `\\ud800`,     // a backslash, and text
		`\\\ud800`:                  `\\\ufffd`,
		`\\\\ud800`:                 `\\\\ud800`,
		`\ud83d\\ude00`:             `\ufffd\\ude00`,
		`\ud7ff\ue000\ufffd\uFFFF`:  `\ud7ff\ue000\ufffd\uFFFF`,
		`\u d800`:                   `\u d800`,
		"\xed\xa0\x80":              "\xed\xa0\x80",
		`{"a":"\ud800","b":"\""}`:   `{"a":"\ufffd","b":"\""}`,
		strings.Repeat(`\udead`, 9): strings.Repeat(`\ufffd`, 9),
	} {
		if got := string(mended(in)); got != want {
			t.Errorf("mended(%s) = %s; want %s", in, got, want)
		}
	}
}

// A nickname was cut in the middle of an emoji, and WeChat signs and seals what is
// left. It is accepted in each form, the signature over the bytes that were signed,
// and everybody who reads on finds valid JSON.
func TestHalfACharacterInANickname(t *testing.T) {
	const half, whole = `"nickName":"Band \ud83d"`, `"nickName":"Band \ufffd"`
	raw := strings.Replace(rawBand, `"nickName":"Band"`, half, 1)
	open := strings.Replace(openBand, `"nickName":"Band"`, half, 1)
	full := both(t, raw, keyA, open, keyA)
	for name, c := range map[string]struct {
		req  UserInfoRequest
		want string
	}{
		"both":      {full, open},
		"signed":    {UserInfoRequest{RawData: raw, Signature: sign(raw, keyA)}, raw},
		"encrypted": {UserInfoRequest{EncryptedData: full.EncryptedData, IV: full.IV}, open},
		"signed whole, sealed half": {
			both(t, strings.Replace(rawBand, `"nickName":"Band"`, whole, 1), keyA, open, keyA), open},
	} {
		want := strings.Replace(strings.Replace(c.want, ","+testMark, "", 1), half, whole, 1)
		o, err := OpenUserInfo(c.req, sessionOf(testUser), keyA)
		if err != nil || string(o.Object) != want || !json.Valid(o.Object) {
			t.Errorf("%s: OpenUserInfo = %s, %v; want %s", name, o.Object, err, want)
		}
	}
	for name, req := range map[string]UserInfoRequest{
		"signature over the mended text": {RawData: raw, Signature: sign(strings.Replace(raw, half, whole, 1), keyA)},
		"signature of another key":       {RawData: raw, Signature: sign(raw, keyB)},
		"another nickname beside":        both(t, strings.Replace(rawBand, `"Band"`, `"Bond \ud83d"`, 1), keyA, open, keyA),
	} {
		if _, err := OpenUserInfo(req, sessionOf(testUser), keyA); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// It makes no openid of another spelling good.
	if _, err := Open(seal(t, keyA, `{"openId":"\ud800",`+testMark+`}`), sessionOf("\ufffd"+testUser), keyA); err == nil {
		t.Error("an openid with half a character is taken for another one")
	}
	// Names are told apart as they are read.
	if _, err := Open(seal(t, keyA, `{"\ud800":1,"\udc00":2,`+testMark+`}`), sessionOf(testUser), keyA); err == nil {
		t.Error("two names that read alike are accepted")
	}
}
