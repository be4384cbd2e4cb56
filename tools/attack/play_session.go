// play_session.go: scenarios about the end of a session.

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// playLogout ends a session over each protocol, and tries its token everywhere.
func playLogout(_ context.Context, w *world, r *result) error {
	for i, protocol := range allProtocols {
		token, err := w.login(w.site("bearer"), appA, person("Leaver", i))
		if err != nil {
			return err
		}
		everywhere := func(status int, when string) {
			for _, name := range []string{"bearer", "cookie", "allapps", "forward", "buffered", "twice", "errors", "folding"} {
				for _, p := range allProtocols {
					x, a := w.ask(r, question{site: w.site(name), protocol: p, token: token})
					r.expect(a, x, status, name+" "+when)
				}
			}
		}
		everywhere(200, "before the logout")
		x, a := w.ask(r, question{site: w.site("bearer"), protocol: protocol, method: "POST", target: "/wechat/logout", token: token})
		r.expect(a, x, 204, "the logout")
		everywhere(401, "after the logout")
	}
	return nil
}

func playLogouts(_ context.Context, w *world, r *result) error {
	s := w.site("bearer")
	for i, protocol := range allProtocols {
		token, err := w.login(s, s.app, person("Hurry", i))
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		for n := range 12 {
			wg.Go(func() {
				if n%2 == 0 {
					x, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/logout", token: token})
					r.check(a.status == 204 || a.status == 401, "%s: one of many logouts: %d %s", x.protocol, a.status, a.body)
				} else {
					x, a := w.ask(r, question{site: s, protocol: protocol, token: token})
					r.check(a.status == 200 || a.status == 401, "%s: a request among logouts: %d %s", x.protocol, a.status, a.body)
				}
			})
		}
		wg.Wait()
		x, a := w.ask(r, question{site: s, protocol: protocol, token: token})
		r.expect(a, x, 401, "after many logouts")
	}
	return nil
}

// playExpiry waits for the end of a session of four seconds.
func playExpiry(_ context.Context, w *world, r *result) error {
	s := w.site("short")
	token, err := w.login(s, s.app, person("Brief", 0))
	if err != nil {
		return err
	}
	for _, protocol := range allProtocols {
		x, a := w.ask(r, question{site: s, protocol: protocol, token: token})
		r.expect(a, x, 200, "a young session")
	}
	time.Sleep(4100 * time.Millisecond)
	for _, protocol := range allProtocols {
		for _, target := range []string{"/api/me", "/wechat/session"} {
			x, a := w.ask(r, question{site: s, protocol: protocol, token: token, target: target})
			r.expect(a, x, 401, "a session past its end")
		}
	}
	return nil
}

// playSocket opens a WebSocket and logs its user out. The backend talks on: it
// is the gateway that has to end the connection.
func playSocket(_ context.Context, w *world, r *result) error {
	for i, protocol := range []string{"h1", "h1s"} {
		s := w.site("bearer")
		token, err := w.login(s, s.app, person("Socket", i))
		if err != nil {
			return err
		}
		x := question{site: s, protocol: protocol, token: token, fields: [][2]string{
			{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
		}}.shot()
		w.know(x.nonce)
		r.count(nil)
		conn, err := newClient(w.clientTLS()).dial(x)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, x.lines()); err != nil {
			return err
		}
		in := bufio.NewReader(conn)
		if a := readAnswer(in, "GET"); a.status != http.StatusSwitchingProtocols {
			return fmt.Errorf("the handshake was answered %d %s", a.status, a.body)
		}
		echo := make([]byte, 7)
		io.WriteString(conn, "\x81\x05hello")
		if _, err := io.ReadFull(in, echo); err != nil || string(echo) != "\x81\x05hello" {
			return fmt.Errorf("the socket does not work: %q %w", echo, err)
		}
		if err := w.logout(s, token); err != nil {
			return err
		}
		conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		_, err = io.Copy(io.Discard, in)
		timeout, ok := err.(interface{ Timeout() bool })
		r.check(!ok || !timeout.Timeout(), "%s: the socket is open 3 s after the logout", protocol)
	}
	return nil
}
