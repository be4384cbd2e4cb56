// login.go: one login by redirect, and its life in the browser's cookie.

package weblogin

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
)

// Phase is how far a login has come.
type Phase int

const (
	Pending  Phase = iota // WeChat asks the user
	Refused               // WeChat refused the code; the next login to the same place is the second round
	Finished              // it made a session
)

// Site is where a login begins and ends: the origin as the browser sees it, and
// the prefix of the login endpoints.
type Site struct {
	Origin Origin
	Prefix string
}

// Login is one login by redirect. All of it lives in the browser.
type Login struct {
	State  string
	AppID  string
	Return string // from ParseReturn
	Began  time.Time
	Round  int // 0; 1 if it repeats one whose code WeChat refused
	Phase  Phase
	Chain  int // how many logins to the same place ended just before this one; see ErrLoop

	SessionID string    // of a Finished one: the session that it made
	Ended     time.Time // when it left Pending
}

var (
	// ErrNoLogin: the browser holds no login for this state, or one of another
	// site, or one that is too old, or two (400). It says no more on purpose.
	ErrNoLogin = errors.New("this browser began no such login here in the last 10 minutes")
	// ErrLoop: login after login to the same place succeeds, and the browser
	// comes back without a session: it does not keep the session cookie (400).
	ErrLoop = errors.New("this browser does not keep the session cookie")
)

const (
	// A browser keeps this many logins, finished ones included, and the oldest
	// goes first. Together they go with every request to the site.
	maxLogins     = 5
	maxLoginBytes = 6 << 10 // of cookies; has room for three with the longest return
	// No more cookies than this are opened for one request.
	maxOpened = 16

	// So many logins to one place are a loop, if each began within loopWindow
	// after the one before had made a session.
	loopCount  = 4
	loopWindow = 15 * time.Second

	// How far the clocks of two nodes may differ.
	clockSkew = time.Minute
)

// Sealer seals what the browser keeps. *seal.Vault and seal.Fixed are ones. Open
// answers seal.ErrForged to what it did not seal for the same associated data;
// every other error means that it could not answer.
type Sealer interface {
	Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error)
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// Logins reads and writes the logins of browsers. It keeps nothing itself, so
// logins that are never ended cost nothing. It is safe for concurrent use if
// its fields are.
type Logins struct {
	Sealer Sealer
	Now    func() time.Time
}

// Begin starts a login at a site and adds its cookie to the answer. The oldest
// logins of this browser make room. The path goes through [ParseReturn] here,
// so that no other one is ever kept. Its error is ErrLoop, or the Sealer's. A
// caller that sees a live session on the request knows better than ErrLoop: it
// calls Begin again with an empty request header.
func (l Logins) Begin(ctx context.Context, site Site, request, response http.Header, appid, path string) (Login, error) {
	now := l.Now()
	login := Login{State: newState(site.Origin), AppID: appid, Return: ParseReturn(path), Began: now}
	kept, err := l.tidy(ctx, site, request, response)
	if err != nil {
		return Login{}, err
	}
	for _, k := range kept {
		if k.login.Return != login.Return {
			continue
		}
		switch {
		case k.login.Phase == Refused && k.login.AppID == appid:
			login.Round = 1
			addCookie(response, loginCookie(k.name, ""))
		case k.login.Phase == Finished && now.Sub(k.login.Ended) < loopWindow:
			login.Chain = max(login.Chain, k.login.Chain+1)
		}
	}
	if login.Chain >= loopCount {
		// A person who has seen the page, and allowed cookies, begins anew.
		for _, k := range kept {
			addCookie(response, loginCookie(k.name, ""))
		}
		return Login{}, ErrLoop
	}
	return login, l.put(ctx, site, response, login)
}

// Find returns the login that this browser began with a state. Its error is
// ErrNoLogin, or the Sealer's when that could not answer. A caller still
// compares what the phase asks for: see the fields of Login.
func (l Logins) Find(ctx context.Context, site Site, request http.Header, state string) (Login, error) {
	if !validState(state) {
		return Login{}, ErrNoLogin
	}
	name := cookieName(state)
	login, err := l.open(ctx, site, name, oneCookie(request, name))
	if err != nil {
		return Login{}, err
	}
	if login.State != state {
		return Login{}, ErrNoLogin
	}
	return login, nil
}

// Finish notes the session that a login made, so that the same callback again,
// from this browser, leads to the same place.
func (l Logins) Finish(ctx context.Context, site Site, response http.Header, login Login, sessionID string) error {
	login.Phase, login.SessionID, login.Ended = Finished, sessionID, l.Now()
	return l.put(ctx, site, response, login)
}

// Refuse notes that WeChat refused the code, and reports whether one more round
// may begin; the login that then begins to the same place is that round. After
// the second one the login is over.
func (l Logins) Refuse(ctx context.Context, site Site, response http.Header, login Login) (again bool, err error) {
	if login.Round > 0 {
		Drop(response, login)
		return false, nil
	}
	login.Phase, login.Ended = Refused, l.Now()
	return true, l.put(ctx, site, response, login)
}

// Drop takes a login out of the browser.
func Drop(response http.Header, login Login) {
	addCookie(response, loginCookie(cookieName(login.State), ""))
}

// DropAll takes all logins that a request shows out of the browser: a logout
// does, so that logging in and out many times is no loop.
func DropAll(request, response http.Header) {
	count := 0
	readCookies(request, func(name, _ string) bool {
		if isLoginCookie(name) {
			addCookie(response, loginCookie(name, ""))
			count++
		}
		return count < 4*maxLogins
	})
}

// HasCookies reports whether a request has any cookie. A browser that comes
// back from WeChat without one keeps none, most likely.
func HasCookies(request http.Header) bool { return len(request["Cookie"]) > 0 }

// kept is a login as the browser holds it.
type kept struct {
	name  string
	size  int
	login Login
}

// tidy returns the logins of a browser and clears those for which there is no
// room beside one more: what does not open first, then the oldest.
func (l Logins) tidy(ctx context.Context, site Site, request, response http.Header) ([]kept, error) {
	var all []kept
	var failed error
	seen := 0
	readCookies(request, func(name, value string) bool {
		if !isLoginCookie(name) {
			return true
		}
		seen++
		login, err := l.open(ctx, site, name, value)
		switch {
		case err == nil:
			all = append(all, kept{name, len(name) + len(value), login})
		case errors.Is(err, ErrNoLogin):
			addCookie(response, loginCookie(name, ""))
		default:
			failed = err
		}
		return failed == nil && seen < maxOpened
	})
	if failed != nil {
		return nil, failed
	}
	for room(all) < 0 {
		oldest := 0
		for i := range all {
			if all[i].login.Began.Before(all[oldest].login.Began) {
				oldest = i
			}
		}
		addCookie(response, loginCookie(all[oldest].name, ""))
		all = append(all[:oldest], all[oldest+1:]...)
	}
	return all, nil
}

// room is negative if one more login of the largest size has none.
func room(all []kept) int {
	const largest = 2 << 10
	if len(all) >= maxLogins {
		return -1
	}
	free := maxLoginBytes - largest
	for _, k := range all {
		free -= k.size
	}
	return free
}

func isLoginCookie(name string) bool {
	return len(name) == len(CookiePrefix)+nonceLength && name[:len(CookiePrefix)] == CookiePrefix &&
		validState(name[len(CookiePrefix):]+"0000000000000000")
}

// sealed is a login as it is sealed. Site, prefix and the cookie's name are
// associated data, so that it opens nowhere else.
type sealed struct {
	State   string `json:"s"`
	AppID   string `json:"a"`
	Return  string `json:"r"`
	Began   int64  `json:"b"`
	Round   int    `json:"n,omitempty"`
	Chain   int    `json:"c,omitempty"`
	Phase   Phase  `json:"p,omitempty"`
	Session string `json:"i,omitempty"`
	Ended   int64  `json:"e,omitempty"`
}

// valid guards against what another version of the gateway may have sealed.
func (s sealed) valid() bool {
	return validState(s.State) && s.Return == ParseReturn(s.Return) &&
		(s.Phase == Pending || s.Phase == Refused || s.Phase == Finished) &&
		(s.Phase == Pending) == (s.Ended == 0) && (s.Phase == Finished) == (s.Session != "")
}

func associated(site Site, name string) []byte {
	return []byte("web login 1\x00" + site.Origin.String() + "\x00" + site.Prefix + "\x00" + name)
}

func (l Logins) put(ctx context.Context, site Site, response http.Header, login Login) error {
	s := sealed{State: login.State, AppID: login.AppID, Return: login.Return, Began: login.Began.UnixMilli(),
		Round: login.Round, Chain: login.Chain, Phase: login.Phase, Session: login.SessionID}
	if !login.Ended.IsZero() {
		s.Ended = login.Ended.UnixMilli()
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // six bytes for each & of a query would not fit
	if err := encoder.Encode(s); err != nil {
		return err
	}
	name := cookieName(login.State)
	value, err := l.Sealer.Seal(ctx, text.Bytes(), associated(site, name))
	if err != nil {
		return fmt.Errorf("sealing the login cookie: %w", err)
	}
	addCookie(response, loginCookie(name, base64.RawURLEncoding.EncodeToString(value)))
	return nil
}

func (l Logins) open(ctx context.Context, site Site, name, value string) (Login, error) {
	if value == "" || len(value) > 4<<10 {
		return Login{}, ErrNoLogin
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return Login{}, ErrNoLogin
	}
	text, err := l.Sealer.Open(ctx, raw, associated(site, name))
	switch {
	case errors.Is(err, seal.ErrForged):
		return Login{}, ErrNoLogin
	case err != nil:
		return Login{}, fmt.Errorf("opening the login cookie: %w", err)
	}
	var s sealed
	if json.Unmarshal(text, &s) != nil || !s.valid() || cookieName(s.State) != name {
		return Login{}, ErrNoLogin
	}
	login := Login{State: s.State, AppID: s.AppID, Return: s.Return, Began: time.UnixMilli(s.Began),
		Round: s.Round, Chain: s.Chain, Phase: s.Phase, SessionID: s.Session}
	since := login.Began // a Pending one must end in time, an ended one is told of for as long again
	if s.Ended != 0 {
		login.Ended = time.UnixMilli(s.Ended)
		since = login.Ended
	}
	if age := l.Now().Sub(since); age >= cookieLifetime || age < -clockSkew {
		return Login{}, ErrNoLogin
	}
	return login, nil
}
