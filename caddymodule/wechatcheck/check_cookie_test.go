// check_cookie_test.go: the session cookie as the credential, through the real proxies.

package wechatcheck_test

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// withCookie is what the examples say about the option cookie of wechat_check.
var withCookie = []string{
	"\twechat_check\n", "\twechat_check {\n\t\tcookie\n\t}\n", "\twechat_auth\n", "\twechat_auth {\n\t\tcookie\n\t}\n",
	"proxy_set_header Authorization $http_authorization;", "proxy_set_header Authorization $http_authorization; proxy_set_header Cookie $http_cookie;",
	"\tlocal ok, answer = pcall", "\tlocal cookies = values(txn.http:req_get_headers(), \"cookie\")\n\tif #cookies > 0 then headers[\"cookie\"] = cookies end\n\tlocal ok, answer = pcall",
}

// cookieLogin logs a user in through the proxy, as a page does: the token is that of the
// cookie.
func (d *door) cookieLogin(t *testing.T, openid string) string {
	t.Helper()
	got := d.c.Do(t, gatewaytest.LoginCall(d.gw, gatewaytest.AppA, openid))
	gatewaytest.RequireStatus(t, got, 200)
	lines := got.Header.Values("Set-Cookie")
	if len(lines) != 1 || !strings.HasPrefix(lines[0], gatewaytest.CookieName+"=") || !strings.Contains(lines[0], "; HttpOnly; Secure; SameSite=Lax") {
		t.Fatalf("%s: Set-Cookie %q", d.kind, lines)
	}
	token, _, _ := strings.Cut(lines[0][len(gatewaytest.CookieName)+1:], ";")
	return token
}

// A page logs in, works and logs out by its cookie alone, through the proxy; another
// user's cookie beside it, a name that only resembles, and another credential are refused.
func TestDoorCookie(t *testing.T) {
	for _, kind := range doorKinds {
		t.Run(kind, func(t *testing.T) {
			d := startDoor(t, kind, gatewaytest.InMemory, withCookie...)
			token, hers := d.cookieLogin(t, gatewaytest.Alice), d.cookieLogin(t, gatewaytest.Eve)
			ask := func(list []gatewaytest.Field) gatewaytest.Reply {
				t.Helper()
				d.gw.Upstream.Reset()
				got, err := d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: list})
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				return got
			}
			for _, list := range [][]gatewaytest.Field{
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token),
				gatewaytest.Fields("Cookie", "a=b; "+gatewaytest.CookieName+"="+token+"; c=d"),
				gatewaytest.Fields("Cookie", "a=b", "Cookie", gatewaytest.CookieName+"="+token),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token, "X-WeChat-OpenID", gatewaytest.Eve, "x-wechat-unionid", "forged"),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token, "Authorization", "Bearer "+token), // both are one session's
			} {
				gatewaytest.RequireStatus(t, ask(list), 200)
				seen := d.gw.Upstream.Only(t)
				// proxies cannot take one cookie out of many: the backend gets it, and
				// docs/doors.md says so
				if !strings.Contains(seen.Raw, gatewaytest.CookieName+"="+token) {
					t.Errorf("%s takes the cookie away, and docs/doors.md says that it does not:\n%s", kind, seen.Raw)
				}
				seen.Raw = strings.ReplaceAll(seen.Raw, gatewaytest.CookieName+"="+token, "")
				seen.Raw = strings.ReplaceAll(seen.Raw, gatewaytest.CookieName, "")
				d.requireKnown(t, seen, gatewaytest.Alice, token)
			}
			for _, list := range [][]gatewaytest.Field{
				nil,
				gatewaytest.Fields("Cookie", "a=b"),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"=garbage"),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="),
				// tossed by a sibling domain, beside the site's own and alone
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token+"; "+gatewaytest.CookieName+"="+hers),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+hers, "Cookie", gatewaytest.CookieName+"="+token),
				gatewaytest.Fields("Cookie", strings.TrimPrefix(gatewaytest.CookieName, "__Host-")+"="+hers),
				gatewaytest.Fields("Cookie", strings.ToLower(gatewaytest.CookieName)+"="+hers),
				gatewaytest.Fields("Cookie", "__Secure-"+strings.TrimPrefix(gatewaytest.CookieName, "__Host-")+"="+hers),
				gatewaytest.Fields("Cookie", "\u00a0"+gatewaytest.CookieName+"="+hers),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token, "Authorization", "Bearer "+hers),
				gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token, "Authorization", "Bearer garbage"),
				gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Alice, "X-Cookie", gatewaytest.CookieName+"="+token),
			} {
				if got := ask(list); got.Status != 401 && got.Status != 400 {
					t.Errorf("%s: %q gets %d", kind, list, got.Status)
				}
				gatewaytest.RequireNoUpstream(t, d.gw)
			}
			// what a page is and does is the same as without a proxy: the endpoints are the
			// gateway's own
			own := gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+token)
			got := d.c.Do(t, gatewaytest.Call{Target: "/wechat/session", Header: own})
			if got.Status != 200 || !strings.Contains(got.Body, gatewaytest.Alice) {
				t.Errorf("%s: /wechat/session: %d %s", kind, got.Status, got.Body)
			}
			foreign := gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+token, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
			if got := d.c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Header: foreign}); got.Status != 403 {
				t.Errorf("%s: a page of another origin logs the user out: %d", kind, got.Status)
			}
			gatewaytest.RequireStatus(t, d.c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Header: own}), 204)
			requireTurnedAway(t, d.c.Do(t, gatewaytest.Call{Target: "/api/me", Header: own}), 401, "invalid_token")
			gatewaytest.RequireStatus(t, d.c.Do(t, gatewaytest.Call{Target: "/api/me", Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+hers)}), 200)
		})
	}
}
