// oauth_test.go: the answers of sns/*, and what only looks like one.

package weixin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	userToken = "72_USERTOKENofAlice"
	goodOAuth = `{"access_token":"` + userToken + `","expires_in":7200,"refresh_token":"R","openid":"oALICE","scope":"snsapi_base"}`
)

func oauth(ctx context.Context, c *Client, code string) (OAuthAnswer, error) {
	slot, err := c.Acquire(ctx, CallOAuthToken, "", nil)
	if err != nil {
		return OAuthAnswer{}, err
	}
	defer slot.Release()
	return slot.OAuthToken(ctx, testApp, code)
}

func TestOAuthToken(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		want := "appid=" + testApp.ID + "&code=" + testCode + "&grant_type=authorization_code&secret=" + testSecret
		if r.Method != "GET" || r.URL.Path != "/sns/oauth2/access_token" || r.URL.RawQuery != want {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = w.Write([]byte(goodOAuth))
	})
	got, err := oauth(t.Context(), c, testCode)
	if err != nil || got.OpenID != "oALICE" || got.UnionID != "" || got.Scope != "snsapi_base" || got.Snapshot || got.UserToken.reveal() != userToken {
		t.Errorf("%+v, %v", got, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, got); strings.Contains(s, userToken) {
			t.Errorf("%s prints the token: %s", verb, s)
		}
	}
	if j, _ := json.Marshal(got); strings.Contains(string(j), userToken) {
		t.Errorf("JSON has the token: %s", j)
	}
	// A slot for one kind of code must not be used for the other: its metrics and
	// errors would speak of the wrong call.
	slot, err := c.Acquire(t.Context(), CallCode2Session, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slot.Release()
	_, err = slot.OAuthToken(t.Context(), testApp, testCode)
	wantKind(t, err, KindShed)
}

func TestReadOAuth(t *testing.T) {
	with := func(more string) string { return strings.Replace(goodOAuth, `{`, `{`+more+`,`, 1) }
	for body, want := range map[string]OAuthAnswer{
		goodOAuth:                  {OpenID: "oALICE", Scope: "snsapi_base"},
		with(`"unionid":"uALICE"`): {OpenID: "oALICE", UnionID: "uALICE", Scope: "snsapi_base"},
		with(`"errcode":0`):        {OpenID: "oALICE", Scope: "snsapi_base"},
		strings.Replace(goodOAuth, "_base", "_base,snsapi_userinfo", 1): {OpenID: "oALICE", Scope: "snsapi_base,snsapi_userinfo"},
		strings.Replace(goodOAuth, `"scope"`, `"other"`, 1):             {OpenID: "oALICE"},
		with(`"is_snapshotuser":1`):                                     {OpenID: "oALICE", Scope: "snsapi_base", Snapshot: true},
		with(`"is_snapshotuser":"1"`):                                   {OpenID: "oALICE", Scope: "snsapi_base", Snapshot: true},
		with(`"is_snapshotuser":true`):                                  {OpenID: "oALICE", Scope: "snsapi_base", Snapshot: true},
		with(`"is_snapshotuser":2`):                                     {OpenID: "oALICE", Scope: "snsapi_base", Snapshot: true},
		with(`"is_snapshotuser":[]`):                                    {OpenID: "oALICE", Scope: "snsapi_base", Snapshot: true},
		with(`"is_snapshotuser":0`):                                     {OpenID: "oALICE", Scope: "snsapi_base"},
		with(`"is_snapshotuser":"0"`):                                   {OpenID: "oALICE", Scope: "snsapi_base"},
		with(`"is_snapshotuser":null`):                                  {OpenID: "oALICE", Scope: "snsapi_base"},
		with(`"is_snapshotuser":false`):                                 {OpenID: "oALICE", Scope: "snsapi_base"},
	} {
		got, err := readOAuth(CallOAuthToken, answer{200, []byte(body)})
		got.UserToken = Secret{}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", body, got, err, want)
		}
	}
	for _, bad := range []string{
		``, `null`, `{}`, `[]`, goodOAuth + goodOAuth,
		strings.Replace(goodOAuth, "oALICE", "", 1), strings.Replace(goodOAuth, "oALICE", "o E", 1),
		strings.Replace(goodOAuth, userToken, "", 1), strings.Replace(goodOAuth, userToken, "a b", 1), strings.Replace(goodOAuth, `"access_token"`, `"Access_Token"`, 1),
		strings.Replace(goodOAuth, `"snsapi_base"`, `7`, 1), strings.Replace(goodOAuth, "snsapi_base", `snsapi\n`, 1),
		with(`"unionid":7`), with(`"openid":"oEVE"`), with(`"errcode":"0"`),
		with(`"is_snapshotuser":0,"is_snapshotuser":1`),
	} {
		got, err := readOAuth(CallOAuthToken, answer{200, []byte(bad)})
		if wantKind(t, err, KindMalformed); got != (OAuthAnswer{}) {
			t.Errorf("%s: an answer came with the error: %+v", bad, got)
		}
	}
}

func TestUserInfo(t *testing.T) {
	body := `{"openid":"oALICE","nickname":"A\ud800B 😀","sex":0,"privilege":[],"unionid":"uALICE","errcode":0,"errmsg":"ok"}`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "access_token=" + userToken + "&lang=zh_CN&openid=oALICE"; r.Method != "GET" || r.URL.Path != "/sns/userinfo" || r.URL.RawQuery != want {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = w.Write([]byte(body))
	})
	ask := func() (UserInfo, error) { return c.UserInfo(t.Context(), "", NewSecret(userToken), "oALICE", nil) }
	got, err := ask()
	if want := `{"openid":"oALICE","nickname":"A` + "\ufffd" + `B 😀","sex":0,"privilege":[],"unionid":"uALICE"}`; err != nil || string(got.Object) != want || got.UnionID != "uALICE" {
		t.Errorf("%s, %q, %v; want %s", got.Object, got.UnionID, err, want)
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{}`, `{"openid":"oEVE"}`, `{"openid":"oALICE","openid":"oALICE"}`, `{"openid":"oALICE","OPENID":"oALICE","unionid":1}`,
		`{"openid":"oALICE"}{}`, `{"openid":"oALICE","nickname":"` + "\xff" + `"}`, `{"openid":"oALICE","a":{"b":1,"b":2}}`,
		`{"openid":"oALICE","\ud800":1,"\ud801":2}`,
	} {
		body = bad
		got, err := ask()
		if wantKind(t, err, KindMalformed); got.Object != nil || got.UnionID != "" {
			t.Errorf("%s: an answer came with the error: %s", bad, got.Object)
		}
	}
	body = `{"errcode":48001,"errmsg":"api unauthorized, rid: 1-2-3"}`
	_, err = ask()
	if e := wantKind(t, err, KindRefused); e.RID != "1-2-3" {
		t.Errorf("rid %q", e.RID)
	}
}
