// guard_test.go: pages of the open network against a simulator on the developer's machine.

package wechattest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A page that the developer has open posts to the simulator (text/plain, so no preflight), or points a name of its own
// at 127.0.0.1 to read what comes back. Neither may get a code, spend one, or make trouble.
func TestNoForeignPageIsAnswered(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	own := strings.TrimPrefix(w.url, "http://")
	_, port, _ := strings.Cut(own, ":")
	for _, test := range []struct {
		host    string
		origins []string
		served  bool
	}{
		{own, nil, true},
		{own, []string{"http://" + own}, true},
		{own, []string{"https://" + own}, true},
		{own, []string{"http://localhost:3000"}, true},
		{own, []string{"http://LOCALHOST"}, true},
		{own, []string{"https://a.localhost:8443"}, true},
		{own, []string{"http://127.8.9.1:1"}, true},
		{own, []string{"http://[::1]:5173"}, true},
		{own, []string{"https://servicewechat.com"}, true},
		{"wechatsim:8089", nil, true},
		{"wechatsim:8089", []string{"http://wechatsim:8089"}, true},
		{"WechatSim:8089", []string{"http://wechatsim:8089"}, true},
		{"localhost:" + port, nil, true},
		{"192.0.2.7:8089", []string{"http://192.0.2.7:8089"}, true},
		{"[2001:db8::1]:8089", nil, true},
		{"[::ffff:192.0.2.7]", nil, true},

		{own, []string{"https://evil.example"}, false},
		{own, []string{"null"}, false},
		{own, []string{""}, false},
		{own, []string{"http://127.0.0.1.evil.example"}, false},
		{own, []string{"http://evil.example@127.0.0.1"}, false},
		{own, []string{"http://127.0.0.1/"}, false},
		{own, []string{"http://localhost.evil.example"}, false},
		{own, []string{"http://notlocalhost"}, false},
		{own, []string{"http://loca\u017fhost"}, false},
		{own, []string{"http://servicewechat.com"}, false},
		{own, []string{"https://servicewechat.com:8443"}, false},
		{own, []string{"https://servicewechat.com.evil.example"}, false},
		{own, []string{"file://127.0.0.1"}, false},
		{own, []string{"chrome-extension://abcdefgh"}, false},
		{own, []string{"http://192.168.1.9"}, false},
		{own, []string{"http://localhost", "https://evil.example"}, false},
		{"wechatsim:8089", []string{"http://wechatsim.evil.example:8089"}, false},
		{"wechatsim:8089", []string{"http://wechatsim:9090"}, false}, // another port is another origin
		{"evil.example:" + port, nil, false},
		{"evil.example:" + port, []string{"http://evil.example:" + port}, false},
		{"localhost.:" + port, nil, false},
		{"127.0.0.1.evil.example", nil, false},
		{"2130706433.evil.example", nil, false},
		{"api.weixin.qq.com", nil, false},
	} {
		for _, path := range []string{"/sim/login", wechattest.PathCode2Session + "?js_code=" + w.Login(appA, alice)} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = test.host
			r.Header["Origin"] = test.origins
			w.ResetCalls()
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatalf("Host %s, Origin %q: %v", test.host, test.origins, err)
			}
			response.Body.Close()
			if (response.StatusCode == http.StatusOK) != test.served || !test.served && response.StatusCode != http.StatusForbidden {
				t.Errorf("Host %s, Origin %q: %d; want served %t", test.host, test.origins, response.StatusCode, test.served)
			}
			if strings.HasPrefix(path, "/sns/") && (len(w.Calls()) == 1) != test.served {
				t.Errorf("Host %s, Origin %q: %d calls in the record; want served %t", test.host, test.origins, len(w.Calls()), test.served)
			}
		}
	}
}
