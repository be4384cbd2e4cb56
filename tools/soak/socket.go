// socket.go: a WebSocket, which must live as long as its session and no longer.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// closing is how soon a WebSocket must be closed when its session is over: known
	// elsewhere within a second, and looked at five times a second.
	closeWithin = elsewhere + time.Second

	// settling is how long after its end a session may be known to have ended: the
	// socket may hear of it before he who ended it.
	settling = 4 * time.Second
)

// openSocket opens one that goes on beside all else.
func (p *person) openSocket(g *gateway, l *login) {
	conn, r, a := g.handshake(l.token)
	if !p.holds("WebSocket opened, "+l.name(), g, l, needs{}, a, http.StatusSwitchingProtocols) {
		if conn != nil {
			conn.Close()
		}
		return
	}
	closing := p.closing
	p.sockets.Go(func() {
		defer conn.Close()
		p.watch(g, l, conn, r, closing)
	})
}

// handshake opens a WebSocket. The answer's status is 101 when it did.
func (g *gateway) handshake(token string) (conn net.Conn, r *bufio.Reader, a answer) {
	a.sent = time.Now()
	defer func() { a.done = time.Now() }()
	if conn, a.err = net.DialTimeout("tcp", g.site, 5*time.Second); a.err != nil {
		return nil, nil, a
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	const key = "c29hay1zb2FrLXNvYWstcw=="
	_, a.err = fmt.Fprintf(conn, "GET /socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nAuthorization: Bearer %s\r\n\r\n", g.site, key, token)
	if a.err != nil {
		return conn, nil, a
	}
	r = bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		a.err = fmt.Errorf("reading the answer: %w", err)
		return conn, r, a
	}
	a.status = response.StatusCode
	fmt.Sscan(response.Header.Get("Retry-After"), &a.retryAfter)
	if a.status != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(response.Body)
		a.body = string(text)
		response.Body.Close()
	} else if response.Header.Get("Sec-WebSocket-Accept") != acceptOf(key) {
		a.err = errors.New("reading the answer: the WebSocket was accepted by somebody else")
	}
	return conn, r, a
}

// watch talks until the other side ends it, and judges that.
func (p *person) watch(g *gateway, l *login, conn net.Conn, r *bufio.Reader, closing <-chan struct{}) {
	alive := time.Now()
	for {
		select {
		case <-closing:
			p.w.account.count("WebSocket ended", "by its user", "")
			return
		case <-time.After(250 * time.Millisecond):
		}
		asked := time.Now()
		conn.SetDeadline(asked.Add(10 * time.Second))
		err := writeFrame(conn, []byte("who"), true)
		var text []byte
		if err == nil {
			text, err = readFrame(r)
		}
		if err != nil {
			p.judgeEnd(g, l, alive)
			return
		}
		alive = asked
		if string(text) != p.openid {
			p.w.account.fail("wrong identity: the backend was told %q of a WebSocket of %q", text, p.openid)
		}
		ended := l.ended()
		if ended.IsZero() || asked.Before(ended.Add(closeWithin)) {
			continue
		}
		// a store that cannot answer has not said that the session ended
		if p.realm.redis && p.w.troubles.during(g, ended, asked, redisDown) != nil && asked.Before(ended.Add(lifetime)) {
			continue
		}
		p.w.account.count("WebSocket ended", "not", "BACK")
		p.w.account.fail("a WebSocket at %s talks on %v after the end of its session", g.name, asked.Sub(ended))
		return
	}
}

// judgeEnd tells why a WebSocket was closed, that was open at the given time.
func (p *person) judgeEnd(g *gateway, l *login, alive time.Time) {
	now := time.Now()
	kind := "WebSocket ended"
	if one := p.w.troubles.during(g, alive, now, gatewayDown, gatewayReload); one != nil {
		p.w.account.disturb(kind, "closed", one)
		return
	}
	for time.Since(now) < settling { // he who ended the session has his answer later
		if !l.ended().IsZero() || l.is(unknown) {
			p.w.account.count(kind, "closed", "its session had ended")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.w.account.count(kind, "closed", unexplained)
	p.w.account.fail("a WebSocket at %s was closed without a reason, %v after it was heard of; its session was %s", g.name, now.Sub(alive), l.name())
}
