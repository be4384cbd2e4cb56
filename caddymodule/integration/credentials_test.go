// credentials_test.go: two credentials on one request, and bad ones (C7, C18,
// L3 of the threat list).

package integration

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tokens of the users in a table of credentials.
type wallet struct{ alice, alice2, eve, bad string }

func newWallet(t *testing.T, gw *gateway) wallet {
	w := wallet{alice: login(t, gw, alice), alice2: login(t, gw, alice), eve: login(t, gw, eve)}
	w.bad = w.alice[:len(w.alice)-6] + "AAAAAA"
	return w
}

// fill replaces <alice>, <alice2>, <eve> and <bad> in field values.
func (w wallet) fill(list []field) []field {
	r := strings.NewReplacer("<alice>", w.alice, "<alice2>", w.alice2, "<eve>", w.eve, "<bad>", w.bad, "<cookie>", cookieName)
	list = slices.Clone(list)
	for i := range list {
		list[i].Value = r.Replace(list[i].Value)
	}
	return list
}

// live reports whether an Authorization field lets somebody in.
func (w wallet) live(value string) bool {
	scheme, token, _ := strings.Cut(value, " ")
	return strings.EqualFold(scheme, "bearer") && slices.Contains([]string{w.alice, w.alice2, w.eve}, strings.TrimSpace(token))
}

// A request with two credentials: whichever the gateway took, a backend or a
// log might take the other. They must name one session; and a bad one must not
// be passed over for a good one. What goes on holds neither.
func TestTwoCredentials(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	w := newWallet(t, gw)
	for name, test := range map[string]struct {
		list   []field
		status int
	}{
		"one bearer":                    {fields("Authorization", "Bearer <alice>"), 200},
		"lower-case scheme":             {fields("Authorization", "bearer <alice>"), 200},
		"shouted scheme":                {fields("Authorization", "BEARER   <alice>"), 200},
		"no scheme":                     {fields("Authorization", "<alice>"), 401},
		"other scheme":                  {fields("Authorization", "Token <alice>"), 401},
		"basic":                         {fields("Authorization", "Basic <alice>"), 401},
		"tab for a space":               {fields("Authorization", "Bearer\t<alice>"), 401},
		"scheme only":                   {fields("Authorization", "Bearer"), 401},
		"empty token":                   {fields("Authorization", "Bearer "), 401},
		"empty":                         {fields("Authorization", ""), 401},
		"quoted":                        {fields("Authorization", `Bearer "<alice>"`), 401},
		"list":                          {fields("Authorization", "Bearer <alice>, Bearer <alice>"), 401},
		"list of two":                   {fields("Authorization", "Bearer <alice>,Bearer <eve>"), 401},
		"two words":                     {fields("Authorization", "Bearer <alice> <alice>"), 401},
		"same bearer twice":             {fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <alice>"), 200},
		"two users":                     {fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <eve>"), 401},
		"two users, reversed":           {fields("Authorization", "Bearer <eve>", "Authorization", "Bearer <alice>"), 401},
		"two sessions of a user":        {fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <alice2>"), 401},
		"good, bad":                     {fields("Authorization", "Bearer <alice>", "Authorization", "Bearer <bad>"), 401},
		"bad, good":                     {fields("Authorization", "Bearer <bad>", "Authorization", "Bearer <alice>"), 401},
		"good, another's":               {fields("Authorization", "Bearer <alice>", "Authorization", "Bearer api-key-of-another"), 401},
		"another's, good":               {fields("Authorization", "Bearer api-key-of-another", "Authorization", "Bearer <alice>"), 401},
		"another's cookie, good bearer": {fields("Cookie", "<cookie>=x.y.z", "Authorization", "Bearer <alice>"), 401},
		"good, basic":                   {fields("Authorization", "Bearer <alice>", "Authorization", "Basic YTpi"), 401},
		"basic, good":                   {fields("Authorization", "Basic YTpi", "Authorization", "Bearer <alice>"), 401},
		"good, empty":                   {fields("Authorization", "Bearer <alice>", "Authorization", ""), 401},
		"cookie":                        {fields("Cookie", "<cookie>=<alice>"), 200},
		"quoted cookie":                 {fields("Cookie", `<cookie>="<alice>"`), 200},
		"cookie among others":           {fields("Cookie", "a=b; <cookie>=<alice>; c=d"), 200},
		"cookie and bearer":             {fields("Cookie", "<cookie>=<alice>", "Authorization", "Bearer <alice>"), 200},
		"cookie of another":             {fields("Cookie", "<cookie>=<eve>", "Authorization", "Bearer <alice>"), 401},
		"cookie of another session":     {fields("Cookie", "<cookie>=<alice2>", "Authorization", "Bearer <alice>"), 401},
		"bad cookie, good bearer":       {fields("Cookie", "<cookie>=<bad>", "Authorization", "Bearer <alice>"), 401},
		"good cookie, bad bearer":       {fields("Cookie", "<cookie>=<alice>", "Authorization", "Bearer <bad>"), 401},
		"empty cookie, good bearer":     {fields("Cookie", "<cookie>=", "Authorization", "Bearer <alice>"), 401},
		"cookie without =, good bearer": {fields("Cookie", "<cookie>", "Authorization", "Bearer <alice>"), 200}, // a cookie without a name, as a sibling domain may set
		"same cookie twice":             {fields("Cookie", "<cookie>=<alice>; <cookie>=<alice>"), 200},
		"two cookies":                   {fields("Cookie", "<cookie>=<alice>; <cookie>=<eve>"), 401},
		"two cookies, reversed":         {fields("Cookie", "<cookie>=<eve>; <cookie>=<alice>"), 401},
		"good and bad cookie":           {fields("Cookie", "<cookie>=<alice>; <cookie>=<bad>"), 401},
		"bad and good cookie":           {fields("Cookie", "<cookie>=<bad>; <cookie>=<alice>"), 401},
		"two Cookie lines":              {fields("Cookie", "<cookie>=<alice>", "Cookie", "<cookie>=<eve>"), 401},
		"two Cookie lines, one session": {fields("Cookie", "a=b", "Cookie", "<cookie>=<alice>", "Cookie", "c=d"), 200},
		"no space between cookies":      {fields("Cookie", "a=b;<cookie>=<alice>;<cookie>=<eve>"), 401},
		"cookie in another case":        {fields("Cookie", "__host-wechat_session=<alice>"), 401},
		"cookie without prefix":         {fields("Cookie", "wechat_session=<alice>"), 401},
		"query":                         {fields("X-Query", "access_token=<alice>"), 401},
		"Proxy-Authorization":           {fields("Proxy-Authorization", "Bearer <alice>"), 401},
		"X-Token":                       {fields("X-Token", "<alice>", "X-Access-Token", "<alice>", "Token", "<alice>"), 401},
	} {
		t.Run(name, func(t *testing.T) {
			list := w.fill(test.list)
			gw.each(t, func(t *testing.T, c *client) {
				got, err := c.exact(t, exactCall{Target: "/api?access_token=" + w.eve, Fields: list})
				if err != nil {
					t.Fatal(err)
				}
				if test.status != 200 {
					requireRefused(t, got)
					requireNoUpstream(t, gw)
				} else {
					requireStatus(t, got, 200)
					seen := gw.up.only(t)
					requireIdentity(t, seen, alice)
					requireNoToken(t, seen, w.alice)
					if strings.Contains(seen.Raw, cookieName) || seen.get("Authorization") != "" {
						t.Errorf("the upstream saw the credential:\n%s", seen.Raw)
					}
				}

				// on a public path the same is nobody's, or alice's; and goes on without the credential
				got, err = c.exact(t, exactCall{Target: "/public/x", Fields: list})
				if err != nil || got.Status != 200 {
					t.Fatalf("public: %v %v", got, err)
				}
				seen := gw.up.only(t)
				requireBelongs(t, seen, test.status == 200)
				for _, f := range seen.Fields {
					if f.Name == "Authorization" && w.live(f.Value) || strings.Contains(f.Value, cookieName) {
						t.Errorf("the upstream of a public path saw a live session's credential:\n%s", seen.Raw)
					}
				}
			})
		})
	}
}

// With forward_token the credential goes on, and the identity with it.
func TestForwardToken(t *testing.T) {
	gw := start(t, setup{Auth: "wechat_auth {\n cookie\n forward_token\n}"})
	w := newWallet(t, gw)
	list := w.fill(fields("Authorization", "Bearer <alice>", "Cookie", "a=b; <cookie>=<alice>"))
	gw.each(t, func(t *testing.T, c *client) {
		got, err := c.exact(t, exactCall{Target: "/api", Fields: list})
		if err != nil || got.Status != 200 {
			t.Fatalf("%v %v", got, err)
		}
		seen := gw.up.only(t)
		requireIdentity(t, seen, alice)
		if seen.get("Authorization") != "Bearer "+w.alice || seen.get("Cookie") != "a=b; "+cookieName+"="+w.alice {
			t.Errorf("the credential is not what was sent:\n%s", seen.Raw)
		}
	})
}

// Of the cookies only ours goes. The others reach the backend as they came, odd
// as they may be.
func TestOtherCookies(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	w := newWallet(t, gw)
	for sent, want := range map[string]string{
		"a=b; <cookie>=<alice>; c=d":                         "a=b; c=d",
		"<cookie>=<alice>; a=b":                              "a=b",
		"a=b;  c = d ;e;<cookie>=<alice>;f=\"g h\";;=x":      "a=b;  c = d ;e;f=\"g h\";;=x",
		"x<cookie>=1; <cookie>=<alice>; <cookie>x=2":         "x<cookie>=1; <cookie>x=2",
		"v=<cookie>; <cookie>=<alice>":                       "v=<cookie>",
		"a=%E4%BD%A0; <cookie>=<alice>; b={\"j\":[1,2]}; q=": "a=%E4%BD%A0; b={\"j\":[1,2]}; q=",
	} {
		sent := w.fill(fields("Cookie", sent, "Cookie", want))
		rawHTTP(t, gw.HTTP, fmt.Sprintf("GET /api HTTP/1.1\nHost: %s\nCookie: %s\n\n", gw.HTTP, sent[0].Value))
		seen := gw.up.only(t)
		requireIdentity(t, seen, alice)
		if got := seen.get("Cookie"); got != sent[1].Value {
			t.Errorf("%s\n went on as %q\n want       %q", sent[0].Value, got, sent[1].Value)
		}
	}
}

// badTokens are tokens that differ from a good one in every way that came to mind.
func badTokens(w wallet) []string {
	part := strings.Split(w.alice, ".")
	other := strings.Split(w.eve, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	head := func(s string) string { return b64(s) + "." + part[1] + "." + part[2] }
	return []string{
		"x", ".", "..", "...", part[0], part[0] + "." + part[1], part[0] + "." + part[1] + ".", "." + part[1] + "." + part[2],
		part[0] + ".." + part[2], w.alice + ".", "." + w.alice, w.alice + "=", w.alice + "%00", w.alice + "." + part[2], w.alice + "A",
		part[0] + "." + part[1] + "." + other[2], part[0] + "." + other[1] + "." + part[2], w.alice[1:], w.alice[:len(w.alice)-1],
		strings.ToUpper(w.alice), strings.Replace(w.alice, ".", "-", 1), w.alice + strings.Repeat("A", 5000), strings.Repeat(".", 3000),
		head(`{"alg":"none","typ":"JWT"}`), head(`{"alg":"None"}`), head(`{"alg":"HS256"}`), head(`{"alg":"HS512","typ":"JWT"}`),
		head(`{"alg":"RS256","typ":"JWT","kid":"../../etc/passwd"}`), head(`{"alg":"HS256","typ":"JWT","kid":"x","crit":["b64"],"b64":false}`),
		head(`{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AAAA"}}`), head(`{"alg":"HS256","typ":"JWT","jku":"http://127.0.0.1/x"}`),
		b64(`{"alg":"none"}`) + "." + part[1] + ".", head(`not json`), head(``), head(`[]`), b64("\xff\xfe") + "." + part[1] + "." + part[2],
		part[0] + "." + b64(`{"sub":"`+alice+`"}`) + "." + part[2], w.bad,
	}
}

// Whoever tries tokens must not learn from the answers which part of one was
// right: all are alike, byte for byte, but for the date.
func TestBadTokensLookAlike(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	w := newWallet(t, gw)
	ended := login(t, gw, alice)
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: ended}), 204)
	bad := append(badTokens(w), ended)
	if len(bad) < 30 {
		t.Fatalf("%d tokens; want 30", len(bad))
	}
	gw.each(t, func(t *testing.T, c *client) {
		for _, target := range []string{"/api/me", "/wechat/session"} {
			want := ""
			for _, text := range bad {
				for _, f := range fields("Authorization", "Bearer "+text, "Cookie", cookieName+"="+text) {
					got, err := c.exact(t, exactCall{Target: target, Fields: []field{f}})
					if err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					requireRefused(t, got)
					got.Header.Del("Date")
					if answer := fmt.Sprint(got.Status, got.Header, got.Body); want == "" {
						want = answer
					} else if answer != want {
						t.Errorf("%q:\n got  %s\n want %s", text, answer, want)
					}
				}
			}
		}
		requireNoUpstream(t, gw)
		// without any token there is no error attribute (RFC 6750 section 3.1)
		if got := c.do(t, call{Target: "/api"}).Header.Get("WWW-Authenticate"); got != `Bearer realm="wechat"` {
			t.Errorf("without a token: %q", got)
		}
	})
}
