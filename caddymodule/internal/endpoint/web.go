// web.go: GET <prefix>/authorize and /callback: logins by redirect.

package endpoint

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Web is what a site with logins by redirect works with. All but Via and For are needed.
type Web struct {
	Logins   weblogin.Logins
	Tickets  login.Tickets
	Apps     []weblogin.App  // of the site, in its order, those that log in by redirect
	OpenBase string          // where browsers log in
	Via      weblogin.Origin // to whose callback WeChat returns; the zero Origin: to this site's own
	For      weblogin.Sites  // the sites to which returns are passed on

	// callbacks under way, by state: a browser that loads one twice gets one login
	callbacks singleflight.Group
	snapshots snapshots
}

// WebApps returns the apps of a list that log in by redirect.
func WebApps(list apps.List) (web []weblogin.App) {
	for _, app := range list {
		switch app.Kind {
		case session.Official, session.Website:
			web = append(web, weblogin.App{ID: app.AppID, Kind: weblogin.Kind(app.Kind), Scope: app.Scope})
		}
	}
	return web
}

// Redirects reports whether a request that nobody is behind is sent to log in: a
// browser that opens a page, and nothing else.
func (s *Site) Redirects(r gate.Clean) bool {
	return s.Web != nil && weblogin.IsNavigation(r.Method, r.Header)
}

// Redirect sends a browser to log in and then back to where it wanted to go.
func (s *Site) Redirect(w http.ResponseWriter, r gate.Clean) {
	redirect(w, weblogin.AuthorizePath(s.Prefix, r.URL.RequestURI()))
}

// redirect answers 302. Nothing on the way may keep it, and the page that comes next
// learns nothing of this address.
func redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", location)
	w.WriteHeader(http.StatusFound)
}

// webSite is the site as the browser sees it.
func (s *Site) webSite(r gate.Clean) (weblogin.Site, error) {
	origin, err := weblogin.SiteOrigin(r.Host, r.TLS != nil)
	if err != nil {
		return weblogin.Site{}, problem.BadRequest("the Host of this request is not one of a site")
	}
	return weblogin.Site{Origin: origin, Prefix: s.Prefix}, nil
}

func (s *Site) authorize(w http.ResponseWriter, r gate.Clean) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.BadRequest("the query cannot be read")
	}
	site, err := s.webSite(r)
	if err != nil {
		return err
	}
	app, err := weblogin.ChooseApp(s.Web.Apps, query["appid"], r.Header)
	if err != nil {
		return err
	}
	path := weblogin.ParseReturn(query["return"]...)
	begun, err := s.Web.Logins.Begin(r.Context(), site, r.Header, w.Header(), app.ID, path)
	if errors.Is(err, weblogin.ErrLoop) {
		// a browser that has a session keeps it: it only logs in often
		if _, lives := s.identify(r); lives == nil {
			begun, err = s.Web.Logins.Begin(r.Context(), site, nil, w.Header(), app.ID, path)
		}
	}
	if err != nil {
		return err
	}
	to := s.Web.Via
	if to == (weblogin.Origin{}) {
		to = site.Origin
	}
	redirect(w, weblogin.AuthorizeURL(s.Web.OpenBase, app, weblogin.CallbackURL(to, s.Prefix), begun.State))
	return nil
}

// errUserRefused means that the user said no at WeChat.
var errUserRefused = &problem.RequestError{
	Status: http.StatusForbidden, Code: "access_denied", Description: "the user did not agree to log in",
}

func (s *Site) callback(w http.ResponseWriter, r gate.Clean) error {
	answer, err := weblogin.ParseCallback(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if origin, ok := s.Web.For.Began(answer.State); ok {
		redirect(w, answer.PassOn(origin, s.Prefix))
		return nil
	}
	site, err := s.webSite(r)
	if err != nil {
		return err
	}
	begun, err := s.Web.Logins.Find(r.Context(), site, r.Header, answer.State)
	if err != nil {
		return err
	}
	app := s.Rules.Apps.Find(begun.AppID)
	if app == nil || app.Kind != session.Official && app.Kind != session.Website {
		return weblogin.ErrNoLogin
	}
	switch begun.Phase {
	case weblogin.Finished:
		return s.repeated(w, r, begun)
	case weblogin.Refused:
		return weblogin.ErrNoLogin
	}
	if answer.Code == "" {
		return &onTheWay{errUserRefused, begun.Return} // who goes back may still agree
	}
	if !weixin.ValidCode(answer.Code) {
		return &onTheWay{weblogin.ErrBadCallback, begun.Return}
	}
	if err := s.redeem(w, r, site, begun, app, answer.Code); err != nil {
		return &onTheWay{err, begun.Return}
	}
	return nil
}

// onTheWay is the error of a login that would have led to a path of the site.
type onTheWay struct {
	error
	path string
}

func (e *onTheWay) Unwrap() error { return e.error }

// repeated answers a callback whose login made a session: the browser that holds it
// goes where it wanted to go.
func (s *Site) repeated(w http.ResponseWriter, r gate.Clean, begun weblogin.Login) error {
	c, err := s.identify(r)
	switch {
	case err != nil && !gate.IsAnonymous(err):
		return err
	case err != nil || c.ID != begun.SessionID:
		return weblogin.ErrNoLogin
	}
	redirect(w, begun.Return)
	return nil
}

// stateLife is how long the state of a login is remembered: longer than a browser has.
const stateLife = 15 * time.Minute

// made is what a callback has made.
type made struct {
	session *session.Session
	token   string
}

// redeem ends a login with its code. Of several loads of one callback, as web-views
// make them, the first redeems the code and the others get what it got.
func (s *Site) redeem(w http.ResponseWriter, r gate.Clean, site weblogin.Site, begun weblogin.Login, app *apps.App, code string) error {
	network := login.Network(s.Server.ClientIP(r.Request))
	if err := s.Login.Limits.Login(network); err != nil {
		s.Log.Login(app.AppID, nil, 0, err)
		return err
	}
	previous, err := s.previous(r)
	if err != nil {
		return err
	}
	result, err, _ := s.Web.callbacks.Do(begun.State+code, func() (any, error) {
		start := time.Now()
		made := made{}
		// a web-view that loads twice gives its first load up: the other still wants this
		ctx := context.WithoutCancel(r.Context())
		// a state is good for one login, whatever the browser keeps of it
		first, err := s.Sessions.SpendTicket(ctx, begun.State, begun.Began.Add(stateLife))
		switch {
		case err != nil:
			return made, err
		case !first && s.Web.snapshots.has(begun.State, start):
			return made, login.ErrSnapshot
		case !first:
			return made, login.ErrCodeSpent
		}
		made.session, made.token, err = s.Login.Login(ctx, login.Request{App: app, Code: code, Network: network, Previous: previous})
		if errors.Is(err, login.ErrSnapshot) {
			s.Web.snapshots.add(begun.State, start)
		}
		s.Log.Login(app.AppID, made.session, time.Since(start), err)
		return made, err
	})
	switch {
	case errors.Is(err, login.ErrCodeSpent):
		// this browser's own callback, on another node or a moment ago: it knows by
		// now whether it has a session
		redirect(w, begun.Return)
		return nil
	case weixin.KindOf(err) == weixin.KindBadCode:
		return s.refused(w, r, site, begun, err)
	case errors.Is(err, login.ErrSnapshot):
		return err // whoever loads it again reads the same
	case err != nil:
		weblogin.Drop(w.Header(), begun)
		return err
	}
	got := result.(made)
	if err := s.Web.Logins.Finish(r.Context(), site, w.Header(), begun, got.session.ID); err != nil {
		return err
	}
	http.SetCookie(w, gate.SessionCookie(s.Rules.Cookie, got.token, got.session.ExpiresAt.Sub(got.session.IssuedAt)))
	redirect(w, begun.Return)
	return nil
}

// refused answers a code that WeChat does not take: one new round, then no more.
func (s *Site) refused(w http.ResponseWriter, r gate.Clean, site weblogin.Site, begun weblogin.Login, cause error) error {
	again, err := s.Web.Logins.Refuse(r.Context(), site, w.Header(), begun)
	switch {
	case err != nil:
		return err
	case !again:
		return cause
	}
	redirect(w, weblogin.AuthorizePath(s.Prefix, begun.Return)+"&appid="+url.QueryEscape(begun.AppID))
	return nil
}

// previous is the session that the browser has now, which a new one replaces; nil
// when it has none.
func (s *Site) previous(r gate.Clean) (*session.Session, error) {
	c, err := s.identify(r)
	switch {
	case err == nil:
		return c.Session, nil
	case gate.IsAnonymous(err):
		return nil, nil
	}
	return nil, err
}
