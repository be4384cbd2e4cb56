// calls.go: the record of what WeChat was asked, for tests that check the asker.

package wechattest

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Call is one request that WeChat received, written down when it arrived. It holds secrets as they came; it is for
// tests, and no call over HTTP shows it. Ours, not WeChat's.
type Call struct {
	// Time is the Server's clock at arrival.
	Time time.Time
	// Method is GET, POST, ...
	Method string
	// Path is the decoded path, without the query.
	Path string
	// Query holds the parameters, decoded.
	Query url.Values
	// Header holds the request's headers.
	Header http.Header
	// Body is the request's body, at most its first 8 KiB.
	Body string
}

// Bounds of the record, our choice.
const (
	maxCalls        = 1000
	maxRecordedBody = 8 << 10
)

// record keeps the last calls whole, and counts all of them for the paths WeChat has.
type record struct {
	calls []Call
	next  int // where the ring goes on once it is full
	count map[string]int
}

func newRecord() record { return record{count: make(map[string]int)} }

func (rec *record) add(req request, r *http.Request) {
	c := Call{Time: req.now, Method: req.method, Path: r.URL.Path, Query: req.query, Header: r.Header.Clone(),
		Body: string(req.body[:min(len(req.body), maxRecordedBody)])}
	if _, known := wechatCalls[c.Path]; known {
		rec.count[c.Path]++
	}
	if len(rec.calls) < maxCalls {
		rec.calls = append(rec.calls, c)
		return
	}
	rec.calls[rec.next] = c
	rec.next = (rec.next + 1) % maxCalls
}

// Calls returns the last 1000 requests that came for WeChat, oldest first, with those of unknown paths and without
// those of the phone's side. The caller must not change what is inside a [Call].
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.record.calls[s.record.next:], s.record.calls[:s.record.next])
}

// CountCalls returns how many requests came for the path: all of them for a path WeChat has, and for any other those
// among [Server.Calls].
func (s *Server) CountCalls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := wechatCalls[path]; known {
		return s.record.count[path]
	}
	n := 0
	for _, c := range s.record.calls {
		if c.Path == path {
			n++
		}
	}
	return n
}

// ResetCalls empties the record, its counts and what [Server.Received] counted.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record, s.received = newRecord(), newReceived()
}
