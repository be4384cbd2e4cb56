// phone.go: a phone number that has one reading.

package opendata

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Phone is a verified phone number in WeChat's own field names, all strings.
type Phone struct {
	// As WeChat shows it: national digits at home, abroad with the country code and
	// perhaps a plus. Blanks and dashes are taken out.
	PhoneNumber string `json:"phoneNumber"`

	// National digits, 3 to 15.
	PurePhoneNumber string `json:"purePhoneNumber"`

	// Country calling code, 1 to 4 digits, no leading plus or zero.
	CountryCode string `json:"countryCode"`
}

// OpenPhone is Open for phone data. Phone data holds no openId, so only the
// session key ties it to the user, and only its form guards it against blocks
// spliced from other data of that user: see parsePhone. The only error is
// ErrInvalid. Prefer WeChat's phone-number code, which has neither weakness.
func OpenPhone(req Request, want Expect, keys ...string) (Phone, Opened, error) {
	o, err := Open(req, want, keys...)
	if err != nil {
		return Phone{}, Opened{}, ErrInvalid
	}
	p, err := parsePhone(o.Object)
	if err != nil {
		return Phone{}, Opened{}, ErrInvalid
	}
	return p, o, nil
}

// parsePhone reads the object of phone data, or phone_info of the
// getuserphonenumber call. All three members must be there and agree:
// phoneNumber is purePhoneNumber, or countryCode and purePhoneNumber with or
// without a plus. An edited iv rewrites 16 bytes; no 16 bytes make three members
// agree, so a nickname of digits cannot be passed off as a number.
//
// countryCode may be a string, with or without a plus, or a number (WeChat has
// sent both). Blanks and dashes between digits count as none: see Clean. User info
// members refuse the object. Unknown members are ignored.
// The only error is ErrInvalid.
func parsePhone(object []byte) (Phone, error) {
	var in struct {
		PhoneNumber string         `json:"phoneNumber"`
		Pure        string         `json:"purePhoneNumber"`
		CountryCode jsontext.Value `json:"countryCode"`
		NickName    jsontext.Value `json:"nickName"`
		AvatarURL   jsontext.Value `json:"avatarUrl"`
	}
	if json.Unmarshal(object, &in) != nil || in.NickName != nil || in.AvatarURL != nil {
		return Phone{}, ErrInvalid
	}
	p := Phone{PhoneNumber: in.PhoneNumber, PurePhoneNumber: in.Pure}
	switch in.CountryCode.Kind() {
	case '"':
		p.CountryCode = string(unquote(in.CountryCode))
	case '0':
		if p.CountryCode = string(in.CountryCode); p.CountryCode[0] == '-' {
			return Phone{}, ErrInvalid // a number below zero, and no dash
		}
	}
	if p = p.Clean(); p.E164() == "" {
		return Phone{}, ErrInvalid
	}
	return p, nil
}

// Clean returns p without the blanks and dashes that WeChat puts into numbers abroad,
// and without the plus of "+852" as a country code. It decides nothing: what makes no
// number before makes none afterwards, but for these. ASCII blanks and dashes only.
func (p Phone) Clean() Phone {
	bare := strings.NewReplacer(" ", "", "-", "")
	return Phone{
		PhoneNumber:     bare.Replace(p.PhoneNumber),
		PurePhoneNumber: bare.Replace(p.PurePhoneNumber),
		CountryCode:     strings.TrimPrefix(bare.Replace(p.CountryCode), "+"),
	}
}

// E164 returns the number as "+" and at most 15 digits (ITU-T E.164), the form
// of the X-WeChat-Phone header, or "" when the fields, which Clean has cleaned, make no
// such number. It works as well for a Phone that was stored and read back.
func (p Phone) E164() string {
	full := p.CountryCode + p.PurePhoneNumber
	switch {
	case !digits(p.CountryCode, 1, 4) || p.CountryCode[0] == '0',
		!digits(p.PurePhoneNumber, 3, 15),
		len(full) > 15,
		p.PhoneNumber != p.PurePhoneNumber && p.PhoneNumber != full && p.PhoneNumber != "+"+full:
		return ""
	}
	return "+" + full
}

func digits(s string, shortest, longest int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return shortest <= len(s) && len(s) <= longest
}
