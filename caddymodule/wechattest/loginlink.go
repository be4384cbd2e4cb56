// loginlink.go: the check of a login link, which WeChat compares with a strict pattern.

package wechattest

import (
	"net/url"
	"slices"
	"strings"
)

// linkProblem is why a link leads to no login. WeChat numbers those of Official Accounts (Wechat_webpage_authorization);
// for QR codes, and where no number is published, there are words alone.
type linkProblem struct {
	errcode   int // 0: none published
	parameter string
	zh, en    string
}

// linkProblems has all numbers of the page, also those that only a [Fault] brings.
var linkProblems = map[int]linkProblem{
	10003: {10003, "redirect_uri", "redirect_uri 域名与后台配置不一致", "The host of redirect_uri is not the one registered for this app."},
	10004: {10004, "appid", "此公众号被封禁", "This account is banned."},
	10005: {10005, "scope", "此公众号并没有这些 scope 的权限", "This account has no such scope."},
	10006: {10006, "appid", "必须关注此测试号", "One must follow this test account first."},
	10009: {10009, "", "操作太频繁了，请稍后重试", "Too frequent, try again later."},
	10010: {10010, "scope", "scope 不能为空", "scope is empty."},
	10011: {10011, "redirect_uri", "redirect_uri 不能为空", "redirect_uri is empty."},
	10012: {10012, "appid", "appid 不能为空", "appid is empty."},
	10013: {10013, "state", "state 不能为空", "state is empty."},
	10015: {10015, "appid", "公众号未授权第三方平台", "The account has not authorised the third-party platform."},
	10016: {10016, "appid", "不支持微信开放平台的 AppID，请使用公众号 AppID", "This appid is not that of an Official Account."},
}

// The words of the QR page, and of what has no number.
var (
	problemQRAppID        = linkProblem{parameter: "appid", zh: "AppID 参数错误", en: "Wrong appid: not that of a website app."}
	problemQRRedirect     = linkProblem{parameter: "redirect_uri", zh: "redirect_uri 参数错误", en: "Wrong redirect_uri: not http(s), or not the domain registered for this app."}
	problemQRScope        = linkProblem{parameter: "scope", zh: "Scope 参数错误或没有 Scope 权限", en: "Wrong scope: a website has snsapi_login only."}
	problemResponseType   = linkProblem{parameter: "response_type", zh: "response_type 参数错误", en: "response_type must be code."}
	problemState          = linkProblem{parameter: "state", zh: "state 参数过长", en: "state is too long."}
	problemOrder          = linkProblem{parameter: "order", zh: "链接参数顺序错误，无法访问", en: "The parameters must come once each, in the order appid, redirect_uri, response_type, scope, state, before any other."}
	problemUnknownErrcode = linkProblem{zh: "系统错误", en: "System error."}
)

// readLink holds the link against the rules of the page, and reports the first that it breaks.
func (s *Server) readLink(r request, page loginPage) (loginLink, *linkProblem) {
	numbered := func(errcode int, words linkProblem) *linkProblem {
		if page.kind == KindOfficial {
			words = linkProblems[errcode]
		}
		return &words
	}
	q := r.query
	link := loginLink{appid: q.Get("appid"), scope: q.Get("scope"), state: q.Get("state")}
	embedded := page.kind == KindWebsite && q.Get("login_type") == "jssdk" // as wxLogin.js asks, in an order of its own
	switch {
	case link.appid == "":
		return link, numbered(10012, problemQRAppID)
	case q.Get("redirect_uri") == "":
		return link, numbered(10011, problemQRRedirect)
	case q.Get("response_type") != "code" && !embedded:
		return link, &problemResponseType
	case link.scope == "":
		return link, numbered(10010, problemQRScope)
	case link.state == "" && page.kind == KindOfficial:
		return link, numbered(10013, problemState)
	case !embedded && !inOrder(r.rawQuery, link.state != ""):
		return link, &problemOrder
	case !s.knowsApp(link.appid) || !s.is(link.appid, page.kind):
		return link, numbered(10016, problemQRAppID)
	case !slices.Contains(page.scopes, link.scope):
		return link, numbered(10005, problemQRScope)
	case len(link.state) > page.maxState:
		return link, &problemState
	}
	target, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" || !s.registered(link.appid, target) {
		return link, numbered(10003, problemQRRedirect)
	}
	link.target = target
	if page.kind == KindOfficial {
		link.state = strings.ReplaceAll(link.state, `"`, "") // lost on the way, as callers have seen
	}
	return link, nil
}

// registered compares whole host names: a sub-domain is another domain (Wechat_webpage_authorization).
func (s *Server) registered(appid string, target *url.URL) bool {
	domains, restricted := s.opts.RedirectDomains[appid]
	if !restricted {
		return true
	}
	return slices.ContainsFunc(domains, func(domain string) bool {
		domain = asciiLower(domain)
		return domain == asciiLower(target.Host) || domain == asciiLower(target.Hostname())
	})
}

// inOrder: the documentation says that another order cannot be reached. Callers have seen it work; a link that passes
// here works either way.
func inOrder(rawQuery string, withState bool) bool {
	names := []string{"appid", "redirect_uri", "response_type", "scope"}
	if withState {
		names = append(names, "state")
	}
	for i, pair := range strings.Split(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if i < len(names) && name != names[i] || i >= len(names) && slices.Contains(names, name) {
			return false
		}
	}
	return true
}
