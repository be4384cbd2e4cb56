// credentials_test.go: two credentials on one request, and bad ones (C7, C18,
// L3 of the threat list).

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A request with two credentials: whichever the gateway took, a backend or a
// log might take the other. They must name one session; and a bad one must not
// be passed over for a good one. What goes on holds neither.
func TestTwoCredentials(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	w := gatewaytest.NewWallet(t, gw)
	for name, test := range map[string]struct {
		list   []gatewaytest.Field
		status int
	}{
		"one bearer":                    {gatewaytest.Fields("Authorization", "Bearer <alice>"), 200},
		"lower-case scheme":             {gatewaytest.Fields("Authorization", "bearer <alice>"), 200},
		"shouted scheme":                {gatewaytest.Fields("Authorization", "BEARER   <alice>"), 200},
		"no scheme":                     {gatewaytest.Fields("Authorization", "<alice>"), 401},
		"other scheme":                  {gatewaytest.Fields("Authorization", "Token <alice>"), 401},
		"basic":                         {gatewaytest.Fields("Authorization", "Basic <alice>"), 401},
		"tab for a space":               {gatewaytest.Fields("Authorization", "Bearer\t<alice>"), 401},
		"scheme only":                   {gatewaytest.Fields("Authorization", "Bearer"), 401},
		"empty token":                   {gatewaytest.Fields("Authorization", "Bearer "), 401},
		"empty":                         {gatewaytest.Fields("Authorization", ""), 401},
		"quoted":                        {gatewaytest.Fields("Authorization", `Bearer "<alice>"`), 401},
		"list":                          {gatewaytest.Fields("Authorization", "Bearer <alice>, Bearer <alice>"), 401},
		"list of two":                   {gatewaytest.Fields("Authorization", "Bearer <alice>,Bearer <eve>"), 401},
		"two words":                     {gatewaytest.Fields("Authorization", "Bearer <alice> <alice>"), 401},
		"same bearer twice":             {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <alice>"), 200},
		"two users":                     {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <eve>"), 401},
		"two users, reversed":           {gatewaytest.Fields("Authorization", "Bearer <eve>", "Authorization", "Bearer <alice>"), 401},
		"two sessions of a user":        {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <alice2>"), 401},
		"good, bad":                     {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <bad>"), 401},
		"bad, good":                     {gatewaytest.Fields("Authorization", "Bearer <bad>", "Authorization", "Bearer <alice>"), 401},
		"good, another's":               {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", "Bearer api-key-of-another"), 401},
		"another's, good":               {gatewaytest.Fields("Authorization", "Bearer api-key-of-another", "Authorization", "Bearer <alice>"), 401},
		"another's cookie, good bearer": {gatewaytest.Fields("Cookie", "<cookie>=x.y.z", "Authorization", "Bearer <alice>"), 401},
		"good, basic":                   {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", "Basic YTpi"), 401},
		"basic, good":                   {gatewaytest.Fields("Authorization", "Basic YTpi", "Authorization", "Bearer <alice>"), 401},
		"good, empty":                   {gatewaytest.Fields("Authorization", "Bearer <alice>", "Authorization", ""), 401},
		"cookie":                        {gatewaytest.Fields("Cookie", "<cookie>=<alice>"), 200},
		"quoted cookie":                 {gatewaytest.Fields("Cookie", `<cookie>="<alice>"`), 200},
		"cookie among others":           {gatewaytest.Fields("Cookie", "a=b; <cookie>=<alice>; c=d"), 200},
		"cookie and bearer":             {gatewaytest.Fields("Cookie", "<cookie>=<alice>", "Authorization", "Bearer <alice>"), 200},
		"cookie of another":             {gatewaytest.Fields("Cookie", "<cookie>=<eve>", "Authorization", "Bearer <alice>"), 401},
		"cookie of another session":     {gatewaytest.Fields("Cookie", "<cookie>=<alice2>", "Authorization", "Bearer <alice>"), 401},
		"bad cookie, good bearer":       {gatewaytest.Fields("Cookie", "<cookie>=<bad>", "Authorization", "Bearer <alice>"), 401},
		"good cookie, bad bearer":       {gatewaytest.Fields("Cookie", "<cookie>=<alice>", "Authorization", "Bearer <bad>"), 401},
		"empty cookie, good bearer":     {gatewaytest.Fields("Cookie", "<cookie>=", "Authorization", "Bearer <alice>"), 401},
		"cookie without =, good bearer": {gatewaytest.Fields("Cookie", "<cookie>", "Authorization", "Bearer <alice>"), 200}, // a cookie without a name, as a sibling domain may set
		"same cookie twice":             {gatewaytest.Fields("Cookie", "<cookie>=<alice>; <cookie>=<alice>"), 200},
		"two cookies":                   {gatewaytest.Fields("Cookie", "<cookie>=<alice>; <cookie>=<eve>"), 401},
		"two cookies, reversed":         {gatewaytest.Fields("Cookie", "<cookie>=<eve>; <cookie>=<alice>"), 401},
		"good and bad cookie":           {gatewaytest.Fields("Cookie", "<cookie>=<alice>; <cookie>=<bad>"), 401},
		"bad and good cookie":           {gatewaytest.Fields("Cookie", "<cookie>=<bad>; <cookie>=<alice>"), 401},
		"two Cookie lines":              {gatewaytest.Fields("Cookie", "<cookie>=<alice>", "Cookie", "<cookie>=<eve>"), 401},
		"two Cookie lines, one session": {gatewaytest.Fields("Cookie", "a=b", "Cookie", "<cookie>=<alice>", "Cookie", "c=d"), 200},
		"no space between cookies":      {gatewaytest.Fields("Cookie", "a=b;<cookie>=<alice>;<cookie>=<eve>"), 401},
		"cookie in another case":        {gatewaytest.Fields("Cookie", "__host-wechat_session=<alice>"), 401},
		"cookie without prefix":         {gatewaytest.Fields("Cookie", "wechat_session=<alice>"), 401},
		"query":                         {gatewaytest.Fields("X-Query", "access_token=<alice>"), 401},
		"Proxy-Authorization":           {gatewaytest.Fields("Proxy-Authorization", "Bearer <alice>"), 401},
		"X-Token":                       {gatewaytest.Fields("X-Token", "<alice>", "X-Access-Token", "<alice>", "Token", "<alice>"), 401},
	} {
		t.Run(name, func(t *testing.T) {
			list := w.Fill(test.list)
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				got, err := c.Exact(t, gatewaytest.ExactCall{Target: "/api?access_token=" + w.Eve, Fields: list})
				if err != nil {
					t.Fatal(err)
				}
				if test.status != 200 {
					gatewaytest.RequireRefused(t, got)
					gatewaytest.RequireNoUpstream(t, gw)
				} else {
					gatewaytest.RequireStatus(t, got, 200)
					seen := gw.Upstream.Only(t)
					gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
					gatewaytest.RequireNoToken(t, seen, w.Alice)
					if strings.Contains(seen.Raw, gatewaytest.CookieName) || seen.Get("Authorization") != "" {
						t.Errorf("the upstream saw the credential:\n%s", seen.Raw)
					}
				}

				// on a public path the same is nobody's, or alice's; and goes on without the credential
				got, err = c.Exact(t, gatewaytest.ExactCall{Target: "/public/x", Fields: list})
				if err != nil || got.Status != 200 {
					t.Fatalf("public: %v %v", got, err)
				}
				seen := gw.Upstream.Only(t)
				requireBelongs(t, seen, test.status == 200)
				for _, f := range seen.Fields {
					if f.Name == "Authorization" && w.Live(f.Value) || strings.Contains(f.Value, gatewaytest.CookieName) {
						t.Errorf("the upstream of a public path saw a live session's credential:\n%s", seen.Raw)
					}
				}
			})
		})
	}
}

// With forward_token the credential goes on, and the identity with it.
func TestForwardToken(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth {\n cookie\n forward_token\n}"})
	w := gatewaytest.NewWallet(t, gw)
	list := w.Fill(gatewaytest.Fields("Authorization", "Bearer <alice>", "Cookie", "a=b; <cookie>=<alice>"))
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got, err := c.Exact(t, gatewaytest.ExactCall{Target: "/api", Fields: list})
		if err != nil || got.Status != 200 {
			t.Fatalf("%v %v", got, err)
		}
		seen := gw.Upstream.Only(t)
		gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
		if seen.Get("Authorization") != "Bearer "+w.Alice || seen.Get("Cookie") != "a=b; "+gatewaytest.CookieName+"="+w.Alice {
			t.Errorf("the credential is not what was sent:\n%s", seen.Raw)
		}
	})
}

// Of the cookies only ours goes. The others reach the backend as they came, odd
// as they may be.
func TestOtherCookies(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	w := gatewaytest.NewWallet(t, gw)
	for sent, want := range map[string]string{
		"a=b; <cookie>=<alice>; c=d":                         "a=b; c=d",
		"<cookie>=<alice>; a=b":                              "a=b",
		"a=b;  c = d ;e;<cookie>=<alice>;f=\"g h\";;=x":      "a=b;  c = d ;e;f=\"g h\";;=x",
		"x<cookie>=1; <cookie>=<alice>; <cookie>x=2":         "x<cookie>=1; <cookie>x=2",
		"v=<cookie>; <cookie>=<alice>":                       "v=<cookie>",
		"a=%E4%BD%A0; <cookie>=<alice>; b={\"j\":[1,2]}; q=": "a=%E4%BD%A0; b={\"j\":[1,2]}; q=",
	} {
		sent := w.Fill(gatewaytest.Fields("Cookie", sent, "Cookie", want))
		gatewaytest.RawHTTP(t, gw.HTTP, fmt.Sprintf("GET /api HTTP/1.1\nHost: %s\nCookie: %s\n\n", gw.HTTP, sent[0].Value))
		seen := gw.Upstream.Only(t)
		gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
		if got := seen.Get("Cookie"); got != sent[1].Value {
			t.Errorf("%s\n went on as %q\n want       %q", sent[0].Value, got, sent[1].Value)
		}
	}
}

// Whoever tries tokens must not learn from the answers which part of one was
// right: all are alike, byte for byte, but for the date.
func TestBadTokensLookAlike(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	w := gatewaytest.NewWallet(t, gw)
	ended := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: ended}), 204)
	bad := append(gatewaytest.BadTokens(w), ended)
	if len(bad) < 30 {
		t.Fatalf("%d tokens; want 30", len(bad))
	}
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, target := range []string{"/api/me", "/wechat/session"} {
			want := ""
			for _, text := range bad {
				for _, f := range gatewaytest.Fields("Authorization", "Bearer "+text, "Cookie", gatewaytest.CookieName+"="+text) {
					got, err := c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: []gatewaytest.Field{f}})
					if err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					gatewaytest.RequireRefused(t, got)
					got.Header.Del("Date")
					if answer := fmt.Sprint(got.Status, got.Header, got.Body); want == "" {
						want = answer
					} else if answer != want {
						t.Errorf("%q:\n got  %s\n want %s", text, answer, want)
					}
				}
			}
		}
		gatewaytest.RequireNoUpstream(t, gw)
		// without any token there is no error attribute (RFC 6750 section 3.1)
		if got := c.Do(t, gatewaytest.Call{Target: "/api"}).Header.Get("WWW-Authenticate"); got != `Bearer realm="wechat"` {
			t.Errorf("without a token: %q", got)
		}
	})
}
