// backend.go: the backend: it knows which request is whose, and what the gateway
// says about it.

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// backend answers with the identity that it was told. Requests to /api/ and
// /public/ carry a number under which their sender has registered who he is.
type backend struct {
	address string
	account *account
	server  *http.Server

	mu      sync.Mutex
	pending map[string]*errand
}

// errand is a request that somebody has sent.
type errand struct {
	openid  string    // whose it is; empty when it may be nobody's only
	app     string    // in which he has logged in
	arrived time.Time // when the backend got it; zero if not
}

func startBackend(a *account) (*backend, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{address: l.Addr().String(), account: a, pending: make(map[string]*errand)}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	go b.server.Serve(l)
	return b, nil
}

func (b *backend) stop() { b.server.Close() }

// expect registers a request that is about to be sent.
func (b *backend) expect(number, openid, app string) *errand {
	e := &errand{openid: openid, app: app}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending[number] = e
	return e
}

// arrived tells whether a request has come, and when. One whose sender has an answer
// is forgotten; without an answer it may yet come.
func (b *backend) arrived(number string, answered bool) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.pending[number]
	if answered {
		delete(b.pending, number)
	}
	return e.arrived
}

// ServeHTTP compares who is said to call with who does.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	openid, app := r.Header.Get("X-WeChat-OpenID"), r.Header.Get("X-WeChat-AppID")
	if r.Header.Get("Upgrade") == "websocket" {
		b.echo(w, r, openid)
		return
	}
	_, rest, _ := strings.Cut(r.URL.Path[1:], "/")
	public := strings.HasPrefix(r.URL.Path, "/public/")
	b.mu.Lock()
	e := b.pending[rest]
	if e != nil {
		e.arrived = time.Now()
	}
	b.mu.Unlock()
	switch {
	case e == nil:
		b.account.fail("a request that nobody sent reached the backend: %s %s", r.Method, r.URL.Path)
	case public && openid == "" && app == "": // nobody is logged in
	case openid != e.openid || openid == "" || app != e.app:
		b.account.fail("wrong identity at the backend: %q of %q for a request of %q", openid, app, e.openid)
	}
	if len(r.Header.Values("X-WeChat-OpenID")) > 1 || r.Header.Get("Authorization") != "" {
		b.account.fail("the backend got two openids, or a token: %q", r.Header.Values("X-WeChat-OpenID"))
	}
	io.WriteString(w, openid)
}

// echo serves a WebSocket: to every message it answers who opened it.
func (b *backend) echo(w http.ResponseWriter, r *http.Request, openid string) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		acceptOf(r.Header.Get("Sec-WebSocket-Key")))
	for {
		if _, err := readFrame(buffered.Reader); err != nil {
			return
		}
		if err := writeFrame(conn, []byte(openid), false); err != nil {
			return
		}
	}
}
