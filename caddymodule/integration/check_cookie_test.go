// check_cookie_test.go: the session cookie as the credential, through the real proxies.

package integration

import (
	"strings"
	"testing"
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
	got := d.c.do(t, loginCall(d.gw, appA, openid))
	requireStatus(t, got, 200)
	lines := got.Header.Values("Set-Cookie")
	if len(lines) != 1 || !strings.HasPrefix(lines[0], cookieName+"=") || !strings.Contains(lines[0], "; HttpOnly; Secure; SameSite=Lax") {
		t.Fatalf("%s: Set-Cookie %q", d.kind, lines)
	}
	token, _, _ := strings.Cut(lines[0][len(cookieName)+1:], ";")
	return token
}

// A page logs in, works and logs out by its cookie alone, through the proxy; another
// user's cookie beside it, a name that only resembles, and another credential are refused.
func TestDoorCookie(t *testing.T) {
	for _, kind := range doorKinds {
		t.Run(kind, func(t *testing.T) {
			d := startDoor(t, kind, inMemory, withCookie...)
			token, hers := d.cookieLogin(t, alice), d.cookieLogin(t, eve)
			ask := func(list []field) reply {
				t.Helper()
				d.gw.up.Reset()
				got, err := d.c.exact(t, exactCall{Target: "/api/me", Fields: list})
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				return got
			}
			for _, list := range [][]field{
				fields("Cookie", cookieName+"="+token),
				fields("Cookie", "a=b; "+cookieName+"="+token+"; c=d"),
				fields("Cookie", "a=b", "Cookie", cookieName+"="+token),
				fields("Cookie", cookieName+"="+token, "X-WeChat-OpenID", eve, "x-wechat-unionid", "forged"),
				fields("Cookie", cookieName+"="+token, "Authorization", "Bearer "+token), // both are one session's
			} {
				requireStatus(t, ask(list), 200)
				seen := d.gw.up.only(t)
				// proxies cannot take one cookie out of many: the backend gets it, and
				// docs/doors.md says so
				if !strings.Contains(seen.Raw, cookieName+"="+token) {
					t.Errorf("%s takes the cookie away, and docs/doors.md says that it does not:\n%s", kind, seen.Raw)
				}
				seen.Raw = strings.ReplaceAll(seen.Raw, cookieName+"="+token, "")
				seen.Raw = strings.ReplaceAll(seen.Raw, cookieName, "")
				d.requireKnown(t, seen, alice, token)
			}
			for _, list := range [][]field{
				nil,
				fields("Cookie", "a=b"),
				fields("Cookie", cookieName+"=garbage"),
				fields("Cookie", cookieName+"="),
				// tossed by a sibling domain, beside the site's own and alone
				fields("Cookie", cookieName+"="+token+"; "+cookieName+"="+hers),
				fields("Cookie", cookieName+"="+hers, "Cookie", cookieName+"="+token),
				fields("Cookie", strings.TrimPrefix(cookieName, "__Host-")+"="+hers),
				fields("Cookie", strings.ToLower(cookieName)+"="+hers),
				fields("Cookie", "__Secure-"+strings.TrimPrefix(cookieName, "__Host-")+"="+hers),
				fields("Cookie", "\u00a0"+cookieName+"="+hers),
				fields("Cookie", cookieName+"="+token, "Authorization", "Bearer "+hers),
				fields("Cookie", cookieName+"="+token, "Authorization", "Bearer garbage"),
				fields("X-WeChat-OpenID", alice, "X-Cookie", cookieName+"="+token),
			} {
				if got := ask(list); got.Status != 401 && got.Status != 400 {
					t.Errorf("%s: %q gets %d", kind, list, got.Status)
				}
				requireNoUpstream(t, d.gw)
			}
			// what a page is and does is the same as without a proxy: the endpoints are the
			// gateway's own
			own := header("Cookie", cookieName+"="+token)
			got := d.c.do(t, call{Target: "/wechat/session", Header: own})
			if got.Status != 200 || !strings.Contains(got.Body, alice) {
				t.Errorf("%s: /wechat/session: %d %s", kind, got.Status, got.Body)
			}
			foreign := header("Cookie", cookieName+"="+token, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
			if got := d.c.do(t, call{Method: "POST", Target: "/wechat/logout", Header: foreign}); got.Status != 403 {
				t.Errorf("%s: a page of another origin logs the user out: %d", kind, got.Status)
			}
			requireStatus(t, d.c.do(t, call{Method: "POST", Target: "/wechat/logout", Header: own}), 204)
			requireTurnedAway(t, d.c.do(t, call{Target: "/api/me", Header: own}), 401, "invalid_token")
			requireStatus(t, d.c.do(t, call{Target: "/api/me", Header: header("Cookie", cookieName+"="+hers)}), 200)
		})
	}
}
