// userinfo.go: nickname and picture, signed, encrypted or both.

package opendata

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// UserInfoRequest is the result of wx.getUserProfile or wx.getUserInfo. A pair
// is given whole or not at all, and at least one pair is given.
type UserInfoRequest struct {
	RawData, Signature string
	EncryptedData, IV  string
}

// OpenUserInfo verifies every pair given. Of two pairs, both must verify under
// the same key and tell the same user; the decrypted object is what is kept.
//
// Encrypted user info must hold an openId, WeChat always writes it: other kinds
// of open data are no user info. From rawData alone Time and UnionID are empty,
// and want is used only to refuse a foreign openId or unionId, should there be
// one. Keys as for Open; the only error is ErrInvalid.
func OpenUserInfo(req UserInfoRequest, want Expect, keys ...string) (Opened, error) {
	signed := req.RawData != "" || req.Signature != ""
	encrypted := req.EncryptedData != "" || req.IV != ""
	if !signed && !encrypted {
		return Opened{}, ErrInvalid
	}
	pass := [maxKeys]int{1, 1}
	if signed {
		pass = verifyAll(req.RawData, req.Signature, keys)
	}
	if !encrypted {
		return fromRawData(req.RawData, want, first(pass))
	}

	in, ok := unseal(Request{EncryptedData: req.EncryptedData, IV: req.IV}, keys)
	if !ok {
		return Opened{}, ErrInvalid
	}
	tries, bits := in.openAll(want, keys)
	for i := range pass {
		pass[i] &= bits[i].all() & tries[i].object.openID.present
	}
	i := first(pass)
	if i < 0 || signed && !agree(mended(req.RawData), tries[i].text) {
		return Opened{}, ErrInvalid
	}
	return in.opened(tries[i], i), nil
}

func fromRawData(rawData string, want Expect, key int) (Opened, error) {
	o, _ := scan(mended(rawData))
	c := want.check(attempt{ok: o.ok, object: o})
	if key < 0 || c.form&c.openID&c.unionID == 0 {
		return Opened{}, ErrInvalid
	}
	return Opened{Object: o.rest, Key: key, Fingerprint: fingerprint([]byte(rawData)), SignedOnly: true}, nil
}

// profile is the part of the user info that both forms carry.
type profile struct {
	NickName  jsontext.Value `json:"nickName"`
	AvatarURL jsontext.Value `json:"avatarUrl"`
	Gender    jsontext.Value `json:"gender"`
	Language  jsontext.Value `json:"language"`
	City      jsontext.Value `json:"city"`
	Province  jsontext.Value `json:"province"`
	Country   jsontext.Value `json:"country"`
}

// agree reports whether two user infos tell the same where both tell something.
// Since 2021 WeChat blanks fields one by one, so "" and 0 tell nothing. A
// picture may be linked by http or https and in another size.
func agree(a, b []byte) bool {
	var p, q profile
	if json.Unmarshal(a, &p) != nil || json.Unmarshal(b, &q) != nil {
		return false
	}
	pairs := [][2]jsontext.Value{
		{p.NickName, q.NickName}, {p.Gender, q.Gender}, {p.Language, q.Language},
		{p.City, q.City}, {p.Province, q.Province}, {p.Country, q.Country},
	}
	for _, v := range pairs {
		if !same(plain(v[0]), plain(v[1])) {
			return false
		}
	}
	return same(picture(plain(p.AvatarURL)), picture(plain(q.AvatarURL)))
}

func same(a, b string) bool { return a == "" || b == "" || a == b }

// plain returns a string's text or another value as written; "" when it tells
// nothing.
func plain(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return string(unquote(v))
	case '0':
		if string(v) != "0" {
			return string(v)
		}
		return ""
	case 'n':
		return ""
	}
	return string(v)
}

// picture strips scheme and size: …//wx.qlogo.cn/mmopen/<id>/132.
func picture(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	if i := strings.LastIndexByte(url, '/'); i >= 0 {
		url = url[:i]
	}
	return url
}

// HeaderValue encodes user info for an HTTP header: base64url without padding.
// A nickname may hold anything, and control characters or raw UTF-8 in a header
// make proxies refuse every request of that user.
func HeaderValue(object []byte) string {
	return base64.RawURLEncoding.EncodeToString(object)
}
