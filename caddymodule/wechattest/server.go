// server.go: the Server, its options, and the way of one request through it.

package wechattest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// DemoAppID is the app to assume where nothing says which, on a Server that knows no app by name. Ours, not WeChat's.
const DemoAppID = "wx0123456789abcdef"

// Options say whom and how strictly the simulator plays. The zero value is a good WeChat.
type Options struct {
	// Apps maps AppID to AppSecret. Default: any well-formed AppID with any secret that is not empty.
	Apps map[string]string
	// Kinds maps AppID to the kind of the app. Default: mini for each of Apps, and where any AppID goes, any kind.
	Kinds map[string]Kind
	// RedirectDomains maps AppID to the hosts that may stand in redirect_uri, with or without a port. Default: any.
	RedirectDomains map[string][]string
	// SilentBase plays scope snsapi_base as it is on a phone: without a page, for whom this browser picked last. The
	// first time it asks all the same. Default: false, it always asks.
	SilentBase bool
	// NoUnionID plays apps that are not bound to an Open Platform account: no unionid anywhere. Default: bound
	// (api_code2session: unionid is present when bound).
	NoUnionID bool
	// Pushes maps AppID to what the app shares with its server for message push. Default: none; [Push] can bring it.
	Pushes map[string]PushSecret
	// PushPatience is how long a pushed message waits for its answer, and from one try to the next. Default: 5s, as for
	// Official Accounts (long-standing rule).
	PushPatience time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// SessionKeyMinRefresh is the age below which wx.login keeps the session key (api_checksessionkey: there is a
	// minimum refresh period, of unpublished length). Negative: each login makes a new one. Default: 1m, our choice.
	SessionKeyMinRefresh time.Duration
	// Quotas are WeChat's limits. Default: see each.
	Quotas Quotas
	// Logger gets one line per call, without query, body or any credential. Default: silence.
	Logger *slog.Logger
}

// Server is api.weixin.qq.com and the phone in front of it (see the package comment for the sources). It is safe
// for concurrent use. Every answer it gives follows from its options, its clock and the calls before.
type Server struct {
	opts Options

	pushClient *http.Client
	pushes     chan struct{} // holds one for each that is under way

	mu         sync.Mutex
	users      *ledger[*user]
	people     *ledger[*person]
	lastApp    string // the app that exchanged a code last
	apps       *ledger[*app]
	loginCodes *ledger[*code]
	phoneCodes *ledger[*code]
	tokens     *ledger[*accessToken]

	oauthCodes    *ledger[*oauthCode]
	userTokens    *ledger[*userToken]
	refreshTokens *ledger[*userToken]

	faults   map[string][]Fault
	record   record
	received received
	media    *ledger[media]
}

// Bounds of the tables, all our choice: generous for a load test, small enough for a laptop.
const (
	maxUsers  = 100_000
	maxApps   = 1_000
	maxCodes  = 200_000
	maxTokens = 10_000
	maxBody   = 64 << 10
)

// New returns a Server that knows no user yet. It starts nothing that would have to be stopped. Ours, not WeChat's.
func New(opts Options) *Server {
	opts.Apps, opts.Kinds, opts.RedirectDomains = maps.Clone(opts.Apps), maps.Clone(opts.Kinds), maps.Clone(opts.RedirectDomains)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	orDefault(&opts.SessionKeyMinRefresh, time.Minute)
	orDefault(&opts.PushPatience, 5*time.Second)
	opts.Pushes = maps.Clone(opts.Pushes)
	opts.Quotas = opts.Quotas.withDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		opts:       opts,
		pushClient: newPushClient(),
		pushes:     make(chan struct{}, maxPushes),
		users:      newLedger[*user](maxUsers, 0),
		people:     newLedger[*person](maxUsers, 0),
		apps:       newLedger[*app](maxApps, 0),
		loginCodes: newLedger[*code](maxCodes, codeLifetime),
		phoneCodes: newLedger[*code](maxCodes, codeLifetime),
		// Twice a token's life, so that an old one is called expired before it is called unknown.
		tokens: newLedger[*accessToken](maxTokens, 2*tokenLifetime),
		// Likewise.
		oauthCodes:    newLedger[*oauthCode](maxCodes, 2*codeLifetime),
		userTokens:    newLedger[*userToken](maxUsers, 2*tokenLifetime),
		refreshTokens: newLedger[*userToken](maxUsers, 2*refreshLifetime),

		faults:   make(map[string][]Fault),
		record:   newRecord(),
		received: newReceived(),
		media:    newLedger[media](maxMedia, mediaLifetime),
	}
}

// request is what a call may look at. Of the header WeChat reads the Content-Type of an upload; the pages read a cookie.
type request struct {
	now      time.Time
	method   string
	rawQuery string
	query    url.Values
	header   http.Header
	body     []byte
}

// ServeHTTP answers one call: of WeChat's, or of the phone's side below /sim/. Any other path is 404 with a plain
// line, our choice. What a foreign page may have sent (see foreign) gets 403 and is not in the record.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := foreign(r); why != "" {
		a := simRefuse(http.StatusForbidden, "access_denied", why)
		s.log(r, a, "foreign")
		a.writeTo(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit(r.URL.Path)))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		s.log(r, answer{status: status}, "")
		http.Error(w, http.StatusText(status), status)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/sim/") {
		a := s.serveSim(w.Header(), r, body)
		s.log(r, a, "")
		a.writeTo(w)
		return
	}

	a, fault := s.serveWeChat(r, body)
	if fault.Delay > 0 && !wait(r.Context(), fault.Delay) {
		s.log(r, answer{}, "ended during the delay")
		drop(w) // the server may be the one that ends it, and an empty 200 would be a strange last word
		return
	}
	if fault.Drop {
		s.log(r, answer{}, "dropped")
		drop(w)
		return
	}
	s.log(r, a, fault.name())
	a.writeTo(w)
}

// serveWeChat does the work and applies the fault, if one is due, whose delay or drop is left to the caller.
func (s *Server) serveWeChat(r *http.Request, body []byte) (answer, Fault) {
	req := request{now: s.opts.Now(), method: r.Method, rawQuery: r.URL.RawQuery, query: r.URL.Query(), header: r.Header, body: body}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.add(req, r)
	call, known := wechatCalls[r.URL.Path]
	if !known {
		return answer{status: http.StatusNotFound, contentType: wechatType, body: []byte("404 Not Found\n")}, Fault{}
	}
	fault := s.takeFault(r.URL.Path)
	if fault.refusesFirst() {
		return fault.overlay(req.now, answer{}), fault
	}
	a := call(s, req)
	if a.errcode == 0 {
		s.received.add(req, r.URL.Path)
	}
	return fault.overlay(req.now, a), fault
}

// wait reports whether the time passed; it did not if the caller left, or the server ended, first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drop closes the connection without a byte of answer. HTTP/2 has no connection to take; there the stream is reset.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.Close()
}

// log names the path but nothing of the query or the body: that is where secrets, codes and tokens travel.
func (s *Server) log(r *http.Request, a answer, fault string) {
	path := r.URL.Path
	if len(path) > 80 {
		path = path[:80] + "..."
	}
	attrs := []any{"method", r.Method, "path", path, "status", a.status}
	if a.errcode != 0 {
		attrs = append(attrs, "errcode", a.errcode)
	}
	if fault != "" {
		attrs = append(attrs, "fault", fault)
	}
	s.opts.Logger.Info("call", attrs...)
}

var _ http.Handler = (*Server)(nil)
