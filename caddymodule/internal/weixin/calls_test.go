// calls_test.go: the calls with an access_token, as WeChat's pages describe them.

package weixin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The key is the base64 text, not its bytes: the vector was made by hand from the
// official rule, and the text form agrees with WeChat's own examples.
func TestSessionSignature(t *testing.T) {
	const want = "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"
	if got := sessionSignature(testKey); got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
}

func TestPhoneNumberRequest(t *testing.T) {
	var got map[string]any
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = nil
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &got)
		if r.Method != "POST" || r.URL.Path != "/wxa/business/getuserphonenumber" || r.URL.RawQuery != "access_token=T%261" ||
			r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header)
		}
		_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok","phone_info":{"phoneNumber":"+6581234567","purePhoneNumber":"81234567","countryCode":"65","watermark":{"timestamp":1,"appid":"wx"}}}`)
	})
	info, err := c.PhoneNumber(t.Context(), "", "T&1", `c"ode`, "oALICE", nil)
	if err != nil || info.PhoneNumber != "+6581234567" || info.PurePhoneNumber != "81234567" || info.CountryCode != "65" || info.Watermark != (Watermark{"wx", 1}) {
		t.Errorf("%+v, %v", info, err)
	}
	if len(got) != 2 || got["code"] != `c"ode` || got["openid"] != "oALICE" {
		t.Errorf("body %v", got)
	}
	if _, err = c.PhoneNumber(t.Context(), "", "T&1", "code", "", nil); err != nil || len(got) != 1 {
		t.Errorf("without openid: body %v, %v", got, err)
	}
	// JSON cannot carry it; it must be refused here, not sent mangled.
	if _, err = c.PhoneNumber(t.Context(), "", "T&1", "\xff", "", nil); KindOf(err) != KindRefused {
		t.Errorf("a code that is not UTF-8: %v", err)
	}
}

func TestSessionKeyCalls(t *testing.T) {
	body := `{"errcode":0,"errmsg":"ok"}`
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	if err := c.CheckSession(t.Context(), "", "T", "oALICE", testKey, nil); err != nil {
		t.Error(err)
	}
	for answer, want := range map[string]Kind{
		`{"errcode":87009,"errmsg":"invalid signature"}`: KindBadSignature,
		`{"errcode":87007,"errmsg":"x"}`:                 KindKeyGone,
		`{"errcode":40001,"errmsg":"x"}`:                 KindBadToken,
		`{}`:                                             KindMalformed,
	} {
		body = answer
		wantKind(t, c.CheckSession(t.Context(), "", "T", "oALICE", testKey, nil), want)
		_, err := c.ResetSessionKey(t.Context(), "", "T", "oALICE", testKey, nil)
		wantKind(t, err, want)
	}
	body = `{"errcode":0,"errmsg":"ok",` + oid + `,` + key + `}`
	if got, err := c.ResetSessionKey(t.Context(), "", "T", "oALICE", testKey, nil); got != "tiihtNczf5v6AKRyjwEUhQ==" || err != nil {
		t.Errorf("new key %q, %v", got, err)
	}
	// Another user's key must not end up in this one's session.
	body = strings.Replace(body, "oALICE", "oEVE", 1)
	got, err := c.ResetSessionKey(t.Context(), "", "T", "oALICE", testKey, nil)
	if wantKind(t, err, KindMalformed); got != "" {
		t.Errorf("a key came with the error")
	}
}
