// recorder.go: what was seen on the wire, with its secrets shortened, for the page.

package main

import (
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// Bounds: the page asks after each step, and shows no more than fits a screen.
const (
	maxSightings = 500
	maxShownBody = 4 << 10
)

// sighting is one HTTP exchange, or one WebSocket message, as it was at one place.
type sighting struct {
	ID     int         `json:"id"`    // in the order in which they began
	Place  string      `json:"place"` // who was asked: phone's WeChat, gateway, wechat, backend, operator
	Began  time.Time   `json:"began"`
	Took   int64       `json:"took"` // milliseconds
	Method string      `json:"method"`
	Target string      `json:"target"`
	Header [][2]string `json:"header"`
	Body   string      `json:"body"`

	Status       int         `json:"status"` // 0: there was no answer
	AnswerHeader [][2]string `json:"answerHeader"`
	AnswerBody   string      `json:"answerBody"`
	Claims       string      `json:"claims,omitempty"` // of a token that was sent or given: its header and claims

	done bool
}

// The places. What the phone itself asks of WeChat (wx.login and the like) does
// not pass the gateway.
const (
	atPhone    = "phone"
	atGateway  = "gateway"
	atWeChat   = "wechat"
	atBackend  = "backend"
	atOperator = "operator"
)

type recorder struct {
	mu   sync.Mutex
	last int
	seen []*sighting
}

// begin gives an exchange its place in the order. Nobody sees it before end.
func (r *recorder) begin(place string, request *http.Request, body []byte) *sighting {
	s := &sighting{
		Place: place, Began: time.Now(), Method: request.Method, Target: shorten(request.RequestURI),
		Header: fields(request.Host, request.Header), Body: shownBody(body), Claims: claimsIn(request.Header.Get("Authorization")),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	s.ID = r.last
	r.seen = append(r.seen, s)
	if len(r.seen) > maxSightings {
		r.seen = slices.Delete(r.seen, 0, len(r.seen)-maxSightings)
	}
	return s
}

func (r *recorder) end(s *sighting, status int, header http.Header, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Took = time.Since(s.Began).Milliseconds()
	s.Status, s.AnswerHeader, s.AnswerBody = status, fields("", header), shownBody(body)
	if claims := claimsIn(string(body)); claims != "" {
		s.Claims = claims
	}
	s.done = true
}

// after lists what began after the given one and has ended, and the last number.
func (r *recorder) after(id int) (seen []sighting, last int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen = []sighting{}
	for _, s := range r.seen {
		if s.ID > id && s.done {
			seen = append(seen, *s)
		}
	}
	return seen, r.last
}

// spelling is how the documentation writes names that Go's server has put into
// its own form; names are compared without case.
var spelling = map[string]string{}

func init() {
	for _, name := range identity {
		spelling[http.CanonicalHeaderKey(name)] = name
	}
}

func fields(host string, header http.Header) [][2]string {
	list := [][2]string{}
	for name, values := range header {
		if written, ok := spelling[name]; ok {
			name = written
		}
		for _, value := range values {
			list = append(list, [2]string{name, shorten(value)})
		}
	}
	slices.SortFunc(list, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	if host != "" {
		list = slices.Insert(list, 0, [2]string{"Host", host})
	}
	return list
}

func shownBody(body []byte) string {
	if !utf8.Valid(body) {
		return "(binary)"
	}
	text := shorten(string(body))
	if len(text) > maxShownBody {
		text = text[:maxShownBody] + "…"
	}
	return text
}
