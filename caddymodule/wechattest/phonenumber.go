// phonenumber.go: POST /wxa/business/getuserphonenumber, the exchange of the phone button's code.

package wechattest

import (
	"net/http"

	"github.com/go-json-experiment/json"
)

// phoneInfo is the same inside encryptedData and in the answer of the exchange (page getPhoneNumber).
type phoneInfo struct {
	PhoneNumber     string    `json:"phoneNumber"`
	PurePhoneNumber string    `json:"purePhoneNumber"`
	CountryCode     string    `json:"countryCode"`
	Watermark       watermark `json:"watermark"`
}

type phoneAnswer struct {
	refusal
	PhoneInfo phoneInfo `json:"phone_info"`
}

// getUserPhoneNumber follows the page api_getphonenumber. That page lists 40029 for any bad code, so a used one gets
// it too. The errcode of a wrong openid is not published: 40003 is our choice, and it leaves the code unused.
func (s *Server) getUserPhoneNumber(r request) answer {
	if r.method != http.MethodPost {
		return refuse(r.now, errNotPOST)
	}
	appid, errcode := s.authorize(r)
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	var in struct {
		Code   string `json:"code"`
		OpenID string `json:"openid"`
	}
	if json.Unmarshal(r.body, &in) != nil {
		return refuse(r.now, errNotJSON)
	}
	if in.Code == "" {
		return refuse(r.now, errCodeMissing)
	}
	c, ok := s.phoneCodes.get(r.now, in.Code)
	switch {
	case !ok || c.used:
		return refuse(r.now, errCode)
	case c.appid != appid:
		return refuse(r.now, errAppID)
	case in.OpenID != "" && in.OpenID != c.user.openid:
		return refuse(r.now, errOpenID)
	}
	c.used = true
	return succeed(phoneAnswer{refusal{0, "ok"}, c.user.phoneInfo(watermark{r.now.Unix(), appid})})
}
