// authorize.go: which app a login goes by, and the addresses on its way.

package weblogin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Kind is the kind of an app, as the configuration names it.
type Kind string

// The kinds that log in by redirect.
const (
	Official Kind = "official" // Official Account: pages inside WeChat (网页授权)
	Website  Kind = "website"  // Open Platform website: QR code (网站应用)
)

// App is an app that logs in by redirect.
type App struct {
	ID    string
	Kind  Kind
	Scope string // of an Official one: snsapi_base (the default) or snsapi_userinfo
}

// scope is what WeChat is asked for.
func (a App) scope() string {
	switch {
	case a.Kind == Website:
		return "snsapi_login"
	case a.Scope != "":
		return a.Scope
	}
	return "snsapi_base"
}

var (
	// ErrUnknownApp: the named app cannot log in by redirect on this site (400).
	ErrUnknownApp = errors.New("the appid names no app that can log in by redirect on this site")
	// ErrNeedsWeChat: the browser is not WeChat's and the site has no website app (403).
	ErrNeedsWeChat = errors.New("open this page in WeChat: this site has no QR code login")
	// ErrNeedsBrowser: the browser is WeChat's and the site has no Official Account (403).
	ErrNeedsBrowser = errors.New("open this page in a browser outside WeChat: this site has no login inside WeChat")
)

// ChooseApp picks the app of a login: the named one, else the first one of the
// kind that the browser can use. named are the values of the query parameter appid.
func ChooseApp(apps []App, named []string, header http.Header) (App, error) {
	if len(named) > 0 {
		for _, a := range apps {
			if len(named) == 1 && a.ID == named[0] && (a.Kind == Official || a.Kind == Website) {
				return a, nil
			}
		}
		return App{}, ErrUnknownApp
	}
	kind, err := Website, ErrNeedsWeChat
	if InWeChat(header) {
		kind, err = Official, ErrNeedsBrowser
	}
	for _, a := range apps {
		if a.Kind == kind {
			return a, nil
		}
	}
	return App{}, err
}

// InWeChat reports whether the browser is the one inside WeChat.
func InWeChat(header http.Header) bool {
	return strings.Contains(header.Get("User-Agent"), "MicroMessenger")
}

// AuthorizeURL is where the browser goes to log in at WeChat. The parameters
// have the documented order, because WeChat's page is matched by a strict
// pattern (网页授权 page); the fragment is needed always. openBase is a URL
// without query, such as https://open.weixin.qq.com.
func AuthorizeURL(openBase string, app App, redirectURI, state string) string {
	path := "/connect/oauth2/authorize"
	if app.Kind == Website {
		path = "/connect/qrconnect"
	}
	return strings.TrimRight(openBase, "/") + path +
		"?appid=" + url.QueryEscape(app.ID) +
		"&redirect_uri=" + url.QueryEscape(redirectURI) +
		"&response_type=code" +
		"&scope=" + url.QueryEscape(app.scope()) +
		"&state=" + url.QueryEscape(state) +
		"#wechat_redirect"
}

// CallbackURL is the redirect_uri of a site, or of the one it goes by.
func CallbackURL(site Origin, prefix string) string {
	return site.String() + prefix + "/callback"
}

// AuthorizePath is where a login at this site begins and leads to a path of
// it. The path goes through [ParseReturn].
func AuthorizePath(prefix, path string) string {
	return prefix + "/authorize?return=" + url.QueryEscape(ParseReturn(path))
}
