// userinfo_test.go: one pair, two pairs, and pairs that do not belong together.

package opendata

import (
	"strings"
	"testing"
)

const (
	rawBand  = `{"nickName":"Band","gender":1,"avatarUrl":"https://wx.qlogo.cn/mmopen/vi_32/abc/132"}`
	openBand = `{"openId":"` + testUser + `","nickName":"Band","gender":1,` +
		`"avatarUrl":"https://wx.qlogo.cn/mmopen/vi_32/abc/132","unionId":"` + testUnion + `",` + testMark + `}`
)

func both(t *testing.T, raw, rawKey, open, openKey string) UserInfoRequest {
	t.Helper()
	e := seal(t, openKey, open)
	return UserInfoRequest{raw, sign(raw, rawKey), e.EncryptedData, e.IV}
}

func TestOpenUserInfo(t *testing.T) {
	full := both(t, rawBand, keyA, openBand, keyA)
	kept := strings.Replace(openBand, ","+testMark, "", 1)
	with := func(edit func(*UserInfoRequest)) UserInfoRequest { r := full; edit(&r); return r }
	rawOnly := func(raw string) UserInfoRequest {
		return UserInfoRequest{RawData: raw, Signature: sign(raw, keyA)}
	}
	said := func(old, repl string) UserInfoRequest {
		return both(t, strings.Replace(rawBand, old, repl, 1), keyA, openBand, keyA)
	}
	for _, c := range []struct {
		name, want, union string // want "": refused
		req               UserInfoRequest
		keys              []string
	}{
		{"both", kept, testUnion, full, []string{keyA}},
		{"both, previous key", kept, testUnion, full, []string{keyB, keyA}},
		{"encrypted", kept, testUnion, UserInfoRequest{EncryptedData: full.EncryptedData, IV: full.IV}, []string{keyA}},
		{"signed", rawBand, "", rawOnly(rawBand), []string{keyA}},
		{"signed, with a watermark", `{"a":1}`, "", rawOnly(`{"a":1,` + testMark + `}`), []string{keyA}},
		{"signed, with a foreign openId", "", "", rawOnly(`{"openId":"` + otherUser + `"}`), []string{keyA}},
		{"signed, with a unionId", `{"unionId":"oX"}`, "", rawOnly(`{"unionId":"oX"}`), []string{keyA}},
		{"nothing", "", "", UserInfoRequest{}, []string{keyA}},
		{"no keys", "", "", full, nil},
		{"no keys, signed", "", "", rawOnly(rawBand), nil},
		{"no keys, encrypted", "", "", UserInfoRequest{EncryptedData: full.EncryptedData, IV: full.IV}, nil},
		{"signature bad", "", "", with(func(r *UserInfoRequest) { r.Signature = sign(rawBand, keyB) }), []string{keyA}},
		{"ciphertext bad", "", "", with(func(r *UserInfoRequest) { r.IV = "AAAAAAAAAAAAAAAAAAAAAA==" }), []string{keyA}},
		{"signature missing", "", "", with(func(r *UserInfoRequest) { r.Signature = "" }), []string{keyA}},
		{"rawData missing", "", "", with(func(r *UserInfoRequest) { r.RawData = "" }), []string{keyA}},
		{"iv missing", "", "", with(func(r *UserInfoRequest) { r.IV = "" }), []string{keyA}},
		{"encryptedData missing", "", "", with(func(r *UserInfoRequest) { r.EncryptedData = "" }), []string{keyA}},
		{"two keys, one pair each", "", "", both(t, rawBand, keyB, openBand, keyA), []string{keyA, keyB}},
		{"no user info", "", "", both(t, rawBand, keyA, `{"openGId":"x",`+testMark+`}`, keyA), []string{keyA}},

		{"another nickname", "", "", said("Band", "Bond"), []string{keyA}},
		{"another gender", "", "", said(`"gender":1`, `"gender":2`), []string{keyA}},
		{"gender as string", kept, testUnion, said(`"gender":1`, `"gender":"1"`), []string{keyA}},
		{"gender withheld", kept, testUnion, said(`"gender":1`, `"gender":0`), []string{keyA}},
		{"nickname withheld", kept, testUnion, said("Band", ""), []string{keyA}},
		{"nickname null", kept, testUnion, said(`"Band"`, "null"), []string{keyA}},
		{"nickname escaped", kept, testUnion, said("Band", `B\u0061nd`), []string{keyA}},
		{"another picture", "", "", said("vi_32/abc", "vi_32/abd"), []string{keyA}},
		{"picture in another size", kept, testUnion, said("/132", "/0"), []string{keyA}},
		{"picture by http", kept, testUnion, said("https:", "http:"), []string{keyA}},
		{"city on one side", kept, testUnion, said(`"gender":1`, `"city":"Guangzhou"`), []string{keyA}},
		{"new member", kept, testUnion, said(`"gender":1`, `"is_demote":true`), []string{keyA}},
	} {
		o, err := OpenUserInfo(c.req, sessionOf(testUser), c.keys...)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: accepted", c.name)
			}
			refused(t, err)
			continue
		}
		if err != nil || string(o.Object) != c.want || o.UnionID != c.union {
			t.Errorf("%s: OpenUserInfo = %s, unionId %q, %v; want %s, %q", c.name, o.Object, o.UnionID, err, c.want, c.union)
		}
		if err == nil && o.Key != len(c.keys)-1 {
			t.Errorf("%s: key %d; want %d", c.name, o.Key, len(c.keys)-1)
		}
	}
}

// H17: what a nickname may hold must reach the upstream in a header.
func TestHeaderValue(t *testing.T) {
	for _, in := range []string{"", `{}`, "{\"nickName\":\"\u200b 你\\r\\n\\u0000😀\x7f\"}"} {
		got := HeaderValue([]byte(in))
		if strings.Trim(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("HeaderValue(%q) = %q; want base64url without padding", in, got)
		}
		if back, ok := decodeText(got, 1000); !ok || string(back) != in {
			t.Errorf("HeaderValue(%q) decodes to %q", in, back)
		}
	}
	if got, want := HeaderValue([]byte("\xfb\xff\xbe\x01")), "-_--AQ"; got != want {
		t.Errorf("HeaderValue = %q; want %q", got, want)
	}
}
