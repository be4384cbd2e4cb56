// phone_test.go: one number, one reading.

package opendata

import (
	"encoding/json"
	"testing"
)

func TestParsePhone(t *testing.T) {
	for _, c := range []struct{ phone, pure, code, want string }{ // raw JSON values; want "": refused
		{`"13580006666"`, `"13580006666"`, `"86"`, "+8613580006666"},
		{`"+8613580006666"`, `"13580006666"`, `"86"`, "+8613580006666"},
		{`"8613580006666"`, `"13580006666"`, `"86"`, "+8613580006666"},
		{`"13580006666"`, `"13580006666"`, `86`, "+8613580006666"},
		{`"13580006666"`, `"13580006666"`, `"+86"`, "+8613580006666"},
		{`"+15550100"`, `"5550100"`, `"1"`, "+15550100"},
		{`"123"`, `"123"`, `"1684"`, "+1684123"},
		{`"0612345678"`, `"0612345678"`, `"39"`, "+390612345678"},
		{`"12345678901"`, `"12345678901"`, `"1684"`, "+168412345678901"}, // 15 digits
		{`"123456789012"`, `"123456789012"`, `"1684"`, ""},               // 16
		{`"12345678901234"`, `"12345678901234"`, `"1"`, "+112345678901234"},
		{`"123456789012345"`, `"123456789012345"`, `"1"`, ""},
		{`"12"`, `"12"`, `"86"`, ""},
		{`""`, `""`, `"86"`, ""},
		{`"13580006666"`, `"13580006666"`, `""`, ""},
		{`"13580006666"`, `"13580006666"`, `"+"`, ""},
		{`"13580006666"`, `"13580006666"`, `"++86"`, ""},
		{`"13580006666"`, `"13580006666"`, `"086"`, ""},
		{`"13580006666"`, `"13580006666"`, `0`, ""},
		{`"13580006666"`, `"13580006666"`, `-86`, ""},
		{`"13580006666"`, `"13580006666"`, `86.0`, ""},
		{`"13580006666"`, `"13580006666"`, `8.6e1`, ""},
		{`"13580006666"`, `"13580006666"`, `"12345"`, ""},
		{`"13580006666"`, `"13580006666"`, `null`, ""},
		{`"13580006666"`, `"13580006666"`, `["86"]`, ""},
		{`"+852 6123 4567"`, `"61234567"`, `"+852"`, "+85261234567"},
		{`"6123-4567"`, `"6123-4567"`, `"852"`, "+85261234567"},
		{`"+1 202-555-0100"`, `"202 555-0100"`, `1`, "+12025550100"},
		{`"1-2025550100"`, `"2025550100"`, `"1"`, "+12025550100"},
		{`"135 8000"`, `"135 8000"`, `"86"`, "+861358000"},
		{`"1684 123"`, `"123"`, `"1-684"`, "+1684123"},
		{`" - "`, `" - "`, `"86"`, ""},
		{`"13580006666"`, `"13580006666"`, `" "`, ""},
		{`"13580006666"`, `"13580006666"`, `"8\u00a06"`, ""},
		{`"135\t8000"`, `"135\t8000"`, `"86"`, ""},
		{`"135–8000"`, `"135–8000"`, `"86"`, ""}, // en dash
		{`"+86 13800001111"`, `"135-8000-6666"`, `"86"`, ""},
		{`"+13580006666"`, `"13580006666"`, `"86"`, ""}, // would read as +1 358…
		{`"13800001111"`, `"13580006666"`, `"86"`, ""},  // members disagree
		{`"13580006666"`, `"+13580006666"`, `"86"`, ""},
		{`"1358000666x"`, `"1358000666x"`, `"86"`, ""},
		{`"１３５８０００６６６６"`, `"１３５８０００６６６６"`, `"86"`, ""}, // full-width digits
		{`"1358000\u000a"`, `"1358000\u000a"`, `"86"`, ""},
		{`13580006666`, `13580006666`, `"86"`, ""},
		{`null`, `null`, `"86"`, ""},
	} {
		in := `{"phoneNumber":` + c.phone + `,"purePhoneNumber":` + c.pure + `,"countryCode":` + c.code + `,"new":[1]}`
		p, err := parsePhone([]byte(in))
		if c.want == "" {
			if err == nil {
				t.Errorf("parsePhone(%s) = %+v; want refused", in, p)
			}
			refused(t, err)
			continue
		}
		if err != nil || p.E164() != c.want {
			t.Errorf("parsePhone(%s) = %q, %v; want %q", in, p.E164(), err, c.want)
		}
	}
	for _, in := range []string{
		``, `null`, `[]`, `{}`, `{"phoneNumber":"13580006666"}`,
		`{"phoneNumber":"13580006666","purePhoneNumber":"13580006666"}`,
		`{"phoneNumber":"13580006666","countryCode":"86"}`,
		`{"PhoneNumber":"13580006666","PurePhoneNumber":"13580006666","CountryCode":"86"}`,
		`{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","countryCode":"1"}`,
		`{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","nickName":"x"}`,
		`{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","avatarUrl":"x"}`,
	} {
		_, err := parsePhone([]byte(in))
		if err == nil {
			t.Errorf("parsePhone(%s) accepted", in)
		}
		refused(t, err)
	}
	if got := (Phone{}).E164(); got != "" {
		t.Errorf("zero Phone: E164 = %q; want none", got)
	}
}

func TestOpenPhone(t *testing.T) {
	for name, want := range map[string]string{
		"made-phone":         `{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86"}`,
		"made-phone-foreign": `{"phoneNumber":"+15550100","purePhoneNumber":"5550100","countryCode":"1"}`,
	} {
		v := vectorNamed(t, name)
		p, o, err := OpenPhone(Request{v.EncryptedData, v.IV}, sessionOf(testUser), v.SessionKey)
		out, _ := json.Marshal(p)
		if err != nil || string(out) != want || o.Time.Unix() != 1700000000 {
			t.Errorf("%s: OpenPhone = %s, %v, %v; want %s", name, out, o.Time, err, want)
		}
	}
	v := vectorNamed(t, "made-opengid")
	p, o, err := OpenPhone(Request{v.EncryptedData, v.IV}, sessionOf(testUser), v.SessionKey)
	refused(t, err)
	if p != (Phone{}) || o.Object != nil {
		t.Errorf("%+v, %+v beside an error", p, o)
	}
}
