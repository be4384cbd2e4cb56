// example_test.go: logins without WeChat.

package wechattest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// The phone calls wx.login, a server redeems the code, and a second time WeChat
// refuses it: with status 200 and an errcode.
func ExampleServer() {
	const appid = "wx0123456789abcdef"
	wechat := wechattest.New(wechattest.Options{Apps: map[string]string{appid: "secret"}})
	server := httptest.NewServer(wechat)
	defer server.Close()
	redeem := func(code string) (status int, body string) {
		query := url.Values{"appid": {appid}, "secret": {"secret"}, "js_code": {code}, "grant_type": {"authorization_code"}}
		response, err := http.Get(server.URL + wechattest.PathCode2Session + "?" + query.Encode())
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		return response.StatusCode, string(text)
	}

	code := wechat.Login(appid, "oAlice0000000000000000000000")
	_, body := redeem(code)
	fmt.Println(field(body, "openid"))
	status, body := redeem(code)
	fmt.Println(status, field(body, "errcode"))
	fmt.Println(wechat.CountCalls(wechattest.PathCode2Session))
	// Output:
	// oAlice0000000000000000000000
	// 200 40163
	// 2
}

// A test makes the next call go wrong as WeChat does.
func ExampleServer_Fault() {
	wechat := wechattest.New(wechattest.Options{Apps: map[string]string{"wx0123456789abcdef": "secret"}})
	if err := wechat.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: -1}); err != nil {
		log.Fatal(err)
	}
	answer := httptest.NewRecorder()
	wechat.ServeHTTP(answer, httptest.NewRequest("GET", "http://127.0.0.1"+wechattest.PathCode2Session, nil))
	fmt.Println(answer.Code, field(answer.Body.String(), "errcode"))
	// Output: 200 -1
}

// field is a member of a JSON object.
func field(body, name string) any {
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		log.Fatal(err)
	}
	return object[name]
}
