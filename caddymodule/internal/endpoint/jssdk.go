// jssdk.go: GET <prefix>/jssdk: the signature for wx.config of a page of this site.

package endpoint

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// maxPage bounds the address of a page.
const maxPage = 2 << 10

func (s *Site) jssdk(w http.ResponseWriter, r gate.Clean) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.BadRequest("the query cannot be read: url must be percent-encoded, as encodeURIComponent does it")
	}
	app, err := s.pageApp(query["appid"])
	if err != nil {
		return err
	}
	if len(query["url"]) != 1 {
		return problem.BadRequest("send url once: the address of the page, location.href without what follows #, percent-encoded")
	}
	page, _, _ := strings.Cut(query.Get("url"), "#")
	if err := s.checkPage(r, page); err != nil {
		return err
	}
	signature, err := s.Vouch.SignPage(r.Context(), app, page)
	if err != nil {
		return err
	}
	return problem.WriteJSON(w, http.StatusOK, signature)
}

// hasPages reports whether the site has an app whose pages use the JS-SDK.
func (s *Site) hasPages() bool {
	for _, app := range s.Rules.Apps {
		if app.Kind == session.Official {
			return true
		}
	}
	return false
}

// pageApp is the Official Account that signs: the named one, or the first.
func (s *Site) pageApp(named []string) (*apps.App, error) {
	for _, app := range s.Rules.Apps {
		if app.Kind == session.Official && (len(named) == 0 || len(named) == 1 && named[0] == app.AppID) {
			return app, nil
		}
	}
	return nil, problem.BadRequest("appid names no Official Account of this site")
}

// checkPage refuses to sign what is no page of this site: WeChat takes a signature for
// the word of the account's owner. Pages of a named trusted origin are the operator's, too.
func (s *Site) checkPage(r gate.Clean, page string) error {
	bad := problem.BadRequest("url must be the http or https address of a page of this site, at most 2 KiB long")
	if len(page) > maxPage {
		return bad
	}
	for _, c := range []byte(page) {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return bad
		}
	}
	u, err := url.Parse(page)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return bad
	}
	own := func(host string) bool { return sameAuthority(u.Host, host) }
	if !own(r.Host) && !slices.ContainsFunc(s.Rules.Trusted.Hosts(), own) {
		return bad
	}
	return nil
}

// sameAuthority compares host and port. The scheme is free, so a port that is left out
// is the default one of either.
func sameAuthority(a, b string) bool {
	aName, aPort := splitAuthority(a)
	bName, bPort := splitAuthority(b)
	return aName == bName && aPort == bPort
}

func splitAuthority(authority string) (name, port string) {
	name, port, err := net.SplitHostPort(authority)
	if err != nil {
		name, port = authority, ""
	}
	if port == "80" || port == "443" {
		port = ""
	}
	lower := []byte(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + ('a' - 'A')
		}
	}
	return string(lower), port
}
