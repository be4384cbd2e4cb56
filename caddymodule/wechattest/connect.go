// connect.go: open.weixin.qq.com's two login pages: what a link must say, who logs in, and where that leads.

package wechattest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The parameters by which a page, or a test in its address, says who logs in. They are ours; the person on the phone
// is WeChat's. The first of them that is there counts, in this order; all of them go behind WeChat's own.
const (
	paramRefuse   = "sim_refuse"   // 1: the user refuses
	paramSnapshot = "sim_snapshot" // 1: a snapshot user; official accounts only
	paramNew      = "sim_new"      // 1: somebody new
	paramUser     = "sim_user"     // an openid
)

// lastCookie remembers in the browser who was picked last there.
const lastCookie = "wechatsim_user"

// The scopes of the two pages (Wechat_webpage_authorization, Wechat_Login) and of the mobile SDK.
const (
	scopeBase     = "snsapi_base"
	scopeUserInfo = "snsapi_userinfo"
	scopeLogin    = "snsapi_login"
)

// loginPage is what the two pages differ in.
type loginPage struct {
	kind   Kind
	scopes []string
	// maxState is 128 for Official Accounts (Wechat_webpage_authorization), where a state is required, too.
	maxState int
}

var (
	authorizePage = loginPage{kind: KindOfficial, scopes: []string{scopeBase, scopeUserInfo}, maxState: 128}
	qrPage        = loginPage{kind: KindWebsite, scopes: []string{scopeLogin}, maxState: 1 << 10}
)

// loginLink is a link that is in order.
type loginLink struct {
	appid, scope, state string
	target              *url.URL
}

func (s *Server) oauth2Authorize(r request) answer { return s.connect(r, authorizePage) }

func (s *Server) qrConnect(r request) answer { return s.connect(r, qrPage) }

// connect answers with the page to pick on, and a request that picks with the way back to the site: code and state, or
// the state alone for a refusal (page Wechat_Login).
func (s *Server) connect(r request, page loginPage) answer {
	if r.method != http.MethodGet && r.method != http.MethodPost {
		return answer{status: http.StatusMethodNotAllowed, contentType: wechatType, body: []byte("405 Method Not Allowed\n")}
	}
	link, problem := s.readLink(r, page)
	if problem != nil {
		return problem.answer()
	}
	picked := r.picked()
	silent := s.opts.SilentBase && link.scope == scopeBase && !picked.made() && r.lastPicked() != ""
	if silent {
		picked.Set(paramUser, r.lastPicked())
	}
	login := OAuthLogin{AppID: link.appid, Scope: link.scope, OpenID: picked.Get(paramUser)}
	switch {
	case picked.Get(paramRefuse) != "":
		return answer{status: http.StatusFound, location: link.back("")}
	case picked.Get(paramSnapshot) != "" && page.kind == KindOfficial:
		login.Snapshot = true
	case picked.Get(paramNew) != "":
		login.OpenID = newOpenID()
	case login.OpenID == "":
		return pickPage(r, page, link, "")
	case !isOpenID(login.OpenID):
		return pickPage(r, page, link, login.OpenID)
	}
	a := answer{status: http.StatusFound, location: link.back(s.oauthCode(r.now, login))}
	if !login.Snapshot {
		a.header = http.Header{"Set-Cookie": {(&http.Cookie{Name: lastCookie, Value: login.OpenID, Path: "/connect/",
			HttpOnly: true, SameSite: http.SameSiteLaxMode}).String()}}
	}
	return a
}

// choice holds the sim_ parameters of a form or of the address.
type choice struct{ url.Values }

func (c choice) made() bool {
	return slices.ContainsFunc([]string{paramRefuse, paramSnapshot, paramNew, paramUser}, func(name string) bool { return c.Get(name) != "" })
}

// picked prefers what the page's form says to what its address does.
func (r request) picked() choice {
	if r.method == http.MethodPost {
		if form, err := url.ParseQuery(string(r.body)); err == nil {
			if c := (choice{form}); c.made() {
				return c
			}
		}
	}
	return choice{r.query}
}

func (r request) lastPicked() string {
	cookie, err := (&http.Request{Header: r.header}).Cookie(lastCookie)
	if err != nil || !isOpenID(cookie.Value) {
		return ""
	}
	return cookie.Value
}

// back is redirect_uri with code and state, or state alone. A parameter openId of it is lost on the way, as callers
// have seen, and its fragment stays behind the query.
func (l loginLink) back(code string) string {
	target := *l.target
	var pairs []string
	for pair := range strings.SplitSeq(target.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); pair != "" && name != "openId" {
			pairs = append(pairs, pair)
		}
	}
	if code != "" {
		pairs = append(pairs, "code="+url.QueryEscape(code))
	}
	if l.state != "" {
		pairs = append(pairs, "state="+url.QueryEscape(l.state))
	}
	target.RawQuery = strings.Join(pairs, "&")
	return target.String()
}
