// connect_test.go: the two login pages, as a browser and as a test use them, and the links that lead nowhere.

package wechattest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const site = "https://shop.example.com/wechat/callback"

// link writes the parameters in the documented order.
func link(path, appid, redirectURI, scope, state string) string {
	return path + "?appid=" + appid + "&redirect_uri=" + url.QueryEscape(redirectURI) + "&response_type=code&scope=" + scope + "&state=" + url.QueryEscape(state)
}

func officialLink(scope string) string {
	return link(wechattest.PathAuthorize, official, site, scope, "S1")
}

func websiteLink() string { return link(wechattest.PathQRConnect, website, site, "snsapi_login", "S1") }

// browse is a browser that keeps cookies and shows redirects instead of following them.
type browse struct {
	w      world
	client *http.Client
}

func newBrowse(w world) browse {
	jar, _ := cookiejar.New(nil)
	return browse{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// open requests a link; with a form it sends that as the page's own button does.
func (b browse) open(link string, form url.Values) (*http.Response, string) {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), "GET", b.w.url+link, nil)
	if form != nil {
		r, err = http.NewRequestWithContext(b.w.t.Context(), "POST", b.w.url+link, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.w.url)
	}
	if err != nil {
		b.w.t.Fatal(err)
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return response, string(body)
}

// back is where the browser is sent, its query taken apart.
func (b browse) back(link string, form url.Values) (base string, query url.Values) {
	b.w.t.Helper()
	response, body := b.open(link, form)
	target, err := response.Location()
	if response.StatusCode != http.StatusFound || err != nil {
		b.w.t.Fatalf("%s %v: %d, %v\n%s", link, form, response.StatusCode, err, body)
	}
	query, target.RawQuery = target.Query(), ""
	return target.String(), query
}

var buttons = regexp.MustCompile(`<button name="(sim_\w+)" value="([^"]+)"`)

// Every button of the page does what it says, and so does the same parameter in the address.
func TestLoginPages(t *testing.T) {
	for name, test := range map[string]struct {
		link, appid, secret, scope string
		buttons                    int
	}{
		"base":     {officialLink("snsapi_base"), official, secretO, "snsapi_base", 6},
		"userinfo": {officialLink("snsapi_userinfo"), official, secretO, "snsapi_userinfo", 6},
		"qr":       {websiteLink(), website, secretW, "snsapi_login", 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := newKinds(t, wechattest.Options{})
			b := newBrowse(w)
			response, page := b.open(test.link, nil)
			if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
				response.Header.Get("Cache-Control") != "no-store" || !strings.Contains(page, `id="pick" data-appid="`+test.appid+`"`) ||
				!strings.Contains(page, "https://shop.example.com<") {
				t.Fatalf("%d %v\n%s", response.StatusCode, response.Header, page)
			}
			found := buttons.FindAllStringSubmatch(page, -1)
			if len(found) != test.buttons {
				t.Fatalf("buttons %q; want %d", found, test.buttons)
			}
			for _, button := range found {
				for how, got := range map[string]func() (string, url.Values){
					"form":    func() (string, url.Values) { return b.back(test.link, url.Values{button[1]: {button[2]}}) },
					"address": func() (string, url.Values) { return b.back(test.link+"&"+button[1]+"="+button[2], nil) },
				} {
					base, q := got()
					if base != site || q.Get("state") != "S1" || q.Has("code") == (button[1] == "sim_refuse") {
						t.Fatalf("%s, %q: back to %s %v", how, button, base, q)
					}
					if button[1] == "sim_refuse" {
						continue
					}
					answer := w.oauthToken(test.appid, test.secret, q.Get("code"))
					wantOK(t, answer)
					openid := text(t, answer, "openid")
					if answer["scope"] != test.scope || (button[1] == "sim_user") != (openid == button[2]) ||
						(button[1] == "sim_snapshot") != (answer["is_snapshotuser"] == float64(1)) {
						t.Fatalf("%s, %q: %v", how, button, answer)
					}
				}
			}
			_, q := b.back(test.link, url.Values{"sim_user": {alice}})
			if got := w.oauthToken(test.appid, test.secret, q.Get("code")); got["openid"] != alice {
				t.Fatalf("by openid: %v", got)
			}
			response, page = b.open(test.link, url.Values{"sim_user": {"<b>&\""}})
			if response.StatusCode != 400 || !strings.Contains(page, `value="&lt;b&gt;&amp;&#34;"`) || strings.Contains(page, "<b>") {
				t.Fatalf("no openid: %d\n%s", response.StatusCode, page)
			}
		})
	}
	w := newKinds(t, wechattest.Options{})
	if response, page := newBrowse(w).open(websiteLink()+"&sim_snapshot=1", nil); response.StatusCode != 200 || !strings.Contains(page, `id="pick"`) {
		t.Fatalf("a snapshot user at a website: %d", response.StatusCode)
	}
	if response, _ := w.do("DELETE", wechattest.PathAuthorize, nil, ""); response.StatusCode != 405 {
		t.Fatalf("DELETE: %d", response.StatusCode)
	}
}

// The page loads its own style and nothing else, and may send its forms: no Origin of theirs is "null".
func TestLoginPageHoldsItsOwnPolicy(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	for _, link := range []string{officialLink("snsapi_base"), wechattest.PathAuthorize} {
		response, page := newBrowse(w).open(link, nil)
		policy := response.Header.Get("Content-Security-Policy")
		_, rest, _ := strings.Cut(page, "<style>")
		style, _, ok := strings.Cut(rest, "</style>")
		sum := sha256.Sum256([]byte(style))
		if !ok || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) {
			t.Errorf("policy %q is not that of the style", policy)
		}
		if strings.Contains(policy, "form-action") || response.Header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("forms cannot be sent: %v", response.Header)
		}
		for _, foreign := range []string{"<script", "src=", "http-equiv", "@import", "url(", `href="http`, "style="} {
			if strings.Contains(page, foreign) {
				t.Errorf("the page has %q", foreign)
			}
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+officialLink("snsapi_base"), strings.NewReader("sim_new=1"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "null")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 403 {
		t.Errorf("Origin null: %d; want 403", response.StatusCode)
	}
}

func TestLoginLinksRefused(t *testing.T) {
	w := newKinds(t, wechattest.Options{RedirectDomains: map[string][]string{
		official: {"shop.example.com", "127.0.0.1:8443"}, website: {"shop.example.com"}}})
	authorize, qr := wechattest.PathAuthorize, wechattest.PathQRConnect
	back := "&redirect_uri=" + url.QueryEscape(site)
	for name, test := range map[string]struct {
		link      string
		errcode   string
		parameter string // "": the link is good
	}{
		"good":               {officialLink("snsapi_base"), "", ""},
		"good, more":         {officialLink("snsapi_base") + "&forcePopup=true&connect_redirect=1", "", ""},
		"good, port":         {link(authorize, official, "https://127.0.0.1:8443/", "snsapi_base", "s"), "", ""},
		"good, any port":     {link(authorize, official, "https://SHOP.example.com:99/", "snsapi_base", "s"), "", ""},
		"state of 128":       {link(authorize, official, site, "snsapi_base", strings.Repeat("x", 128)), "", ""},
		"empty":              {authorize, "10012", "appid"},
		"no appid":           {authorize + "?appid=" + back + "&response_type=code&scope=snsapi_base&state=s", "10012", "appid"},
		"no redirect_uri":    {link(authorize, official, "", "snsapi_base", "s"), "10011", "redirect_uri"},
		"no scope":           {link(authorize, official, site, "", "s"), "10010", "scope"},
		"no state":           {link(authorize, official, site, "snsapi_base", ""), "10013", "state"},
		"website's scope":    {link(authorize, official, site, "snsapi_login", "s"), "10005", "scope"},
		"mini program":       {link(authorize, appA, site, "snsapi_base", "s"), "10016", "appid"},
		"website":            {link(authorize, website, site, "snsapi_base", "s"), "10016", "appid"},
		"unknown app":        {link(authorize, "wx0000000000000123", site, "snsapi_base", "s"), "10016", "appid"},
		"other domain":       {link(authorize, official, "https://example.com/", "snsapi_base", "s"), "10003", "redirect_uri"},
		"sub-domain":         {link(authorize, official, "https://a.shop.example.com/", "snsapi_base", "s"), "10003", "redirect_uri"},
		"look-alike":         {link(authorize, official, "https://shop.example.com.evil.example/", "snsapi_base", "s"), "10003", "redirect_uri"},
		"other port":         {link(authorize, official, "https://127.0.0.1:8444/", "snsapi_base", "s"), "10003", "redirect_uri"},
		"scheme":             {link(authorize, official, "javascript://shop.example.com/%0aalert(1)", "snsapi_base", "s"), "10003", "redirect_uri"},
		"relative":           {link(authorize, official, "/wechat/callback", "snsapi_base", "s"), "10003", "redirect_uri"},
		"long state":         {link(authorize, official, site, "snsapi_base", strings.Repeat("x", 129)), "0", "state"},
		"no response_type":   {authorize + "?appid=" + official + back + "&scope=snsapi_base&state=s", "0", "response_type"},
		"token":              {authorize + "?appid=" + official + back + "&response_type=token&scope=snsapi_base&state=s", "0", "response_type"},
		"order":              {authorize + "?appid=" + official + back + "&scope=snsapi_base&response_type=code&state=s", "0", "order"},
		"more in front":      {authorize + "?x=1&appid=" + official + back + "&response_type=code&scope=snsapi_base&state=s", "0", "order"},
		"twice":              {officialLink("snsapi_base") + "&scope=snsapi_userinfo", "0", "order"},
		"unescaped":          {authorize + "?appid=" + official + "&redirect_uri=" + site + "?a=1&b=2&response_type=code&scope=snsapi_base&state=s", "0", "order"},
		"qr good":            {websiteLink(), "", ""},
		"qr without state":   {qr + "?appid=" + website + back + "&response_type=code&scope=snsapi_login&lang=en", "", ""},
		"qr embedded":        {qr + "?appid=" + website + "&scope=snsapi_login" + back + "&state=s&login_type=jssdk&self_redirect=true", "", ""},
		"qr long state":      {link(qr, website, site, "snsapi_login", strings.Repeat("x", 200)), "", ""},
		"qr official app":    {link(qr, official, site, "snsapi_login", "s"), "0", "appid"},
		"qr mobile app":      {link(qr, mobile, site, "snsapi_login", "s"), "0", "appid"},
		"qr official scope":  {link(qr, website, site, "snsapi_base", "s"), "0", "scope"},
		"qr no redirect_uri": {link(qr, website, "", "snsapi_login", "s"), "0", "redirect_uri"},
		"qr other domain":    {link(qr, website, "https://example.com", "snsapi_login", "s"), "0", "redirect_uri"},
		"qr order":           {qr + "?appid=" + website + "&scope=snsapi_login" + back + "&response_type=code&state=s", "0", "order"},
	} {
		t.Run(name, func(t *testing.T) {
			// A choice in the address must not carry a bad link anywhere.
			response, page := newBrowse(w).open(test.link+map[bool]string{true: "?", false: "&"}[test.link == authorize]+"sim_new=1", nil)
			if test.parameter == "" {
				if response.StatusCode != http.StatusFound {
					t.Fatalf("%d\n%s", response.StatusCode, page)
				}
				return
			}
			if want := `id="problem" data-errcode="` + test.errcode + `" data-parameter="` + test.parameter + `"`; response.StatusCode != 200 ||
				!strings.Contains(page, want) || response.Header.Get("Location") != "" {
				t.Fatalf("%d; want %s\n%s", response.StatusCode, want, page)
			}
		})
	}
}

// What callers have seen WeChat do to an address on its way back.
func TestWayBack(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	b := newBrowse(w)
	for redirectURI, want := range map[string]string{
		"http://127.0.0.1:8080/cb":             "http://127.0.0.1:8080/cb?state=S1",
		"https://a.example/?x=%20&openId=1&y=": "https://a.example/?x=%20&y=&state=S1",
		"https://a.example/#/route":            "https://a.example/?state=S1#/route",
	} {
		response, _ := b.open(link(wechattest.PathAuthorize, official, redirectURI, "snsapi_base", "S1")+"&sim_refuse=1", nil)
		if got := response.Header.Get("Location"); got != want {
			t.Errorf("%s: back to %s; want %s", redirectURI, got, want)
		}
	}
	for path, want := range map[string]string{ // only Official Accounts change the state
		link(wechattest.PathAuthorize, official, site, "snsapi_base", `{"a":1} &=é`): `{a:1} &=é`,
		link(wechattest.PathQRConnect, website, site, "snsapi_login", `{"a":1} &=é`): `{"a":1} &=é`,
	} {
		if _, q := b.back(path+"&sim_new=1", nil); q.Get("state") != want {
			t.Errorf("state %q; want %q", q.Get("state"), want)
		}
	}
}

// On a phone snsapi_base shows nothing. Asked to play that, the simulator asks once in each browser.
func TestSilentBase(t *testing.T) {
	w := newKinds(t, wechattest.Options{SilentBase: true})
	b, other := newBrowse(w), newBrowse(w)
	base, full := officialLink("snsapi_base"), officialLink("snsapi_userinfo")
	for _, browser := range []browse{b, other} {
		if response, _ := browser.open(base, nil); response.StatusCode != 200 {
			t.Fatalf("at first: %d", response.StatusCode)
		}
	}
	b.back(base, url.Values{"sim_user": {alice}})
	if _, q := b.back(base, nil); w.oauthToken(official, secretO, q.Get("code"))["openid"] != alice {
		t.Fatal("silently somebody else")
	}
	if response, _ := other.open(base, nil); response.StatusCode != 200 {
		t.Fatalf("another browser: %d", response.StatusCode)
	}
	if response, page := b.open(full, nil); response.StatusCode != 200 || !strings.Contains(page, `value="`+alice+`"`) {
		t.Fatalf("snsapi_userinfo: %d\n%s", response.StatusCode, page)
	}
	b.back(base, url.Values{"sim_snapshot": {"1"}, "sim_user": {bob}}) // a snapshot is nobody to remember
	if _, q := b.back(base, nil); w.oauthToken(official, secretO, q.Get("code"))["openid"] != alice {
		t.Fatal("a snapshot user was remembered")
	}
	if _, q := b.back(base+"&sim_user="+bob, nil); w.oauthToken(official, secretO, q.Get("code"))["openid"] != bob {
		t.Fatal("a choice does not count")
	}
	if _, q := b.back(base, nil); w.oauthToken(official, secretO, q.Get("code"))["openid"] != bob {
		t.Fatal("silently not the one picked last")
	}

	loud := newBrowse(newKinds(t, wechattest.Options{}))
	loud.back(base, url.Values{"sim_user": {alice}})
	if response, _ := loud.open(base, nil); response.StatusCode != 200 {
		t.Fatalf("unasked: %d", response.StatusCode)
	}
}

// Trouble on order comes as a page where people would see it.
func TestFaultsOfLoginPages(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	b := newBrowse(w)
	for fault, want := range map[string]string{
		`"errcode":10009`:                     `data-errcode="10009"`,
		`"errcode":10006,"errmsg":"my <own>"`: `my &lt;own&gt;`,
		`"errcode":-1`:                        `data-errcode="-1"`,
		`"status":502`:                        `<title>502 Bad Gateway`,
	} {
		w.phone("/sim/fault", `{"path":"`+wechattest.PathAuthorize+`",`+fault+`}`, 204)
		if response, page := b.open(officialLink("snsapi_base")+"&sim_new=1", nil); !strings.Contains(page, want) || response.Header.Get("Location") != "" {
			t.Errorf("%s: %d\n%s", fault, response.StatusCode, page)
		}
	}
	b.back(officialLink("snsapi_base")+"&sim_new=1", nil)
	if n := w.CountCalls(wechattest.PathAuthorize); n != 5 {
		t.Errorf("%d calls in the record; want 5", n)
	}
}
