// play_slow.go: the scenario about bodies that come slowly or not at all.

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// playSlow opens a body and drips, or says nothing. The gateway has to answer or
// hang up soon after its five seconds.
func playSlow(ctx context.Context, w *world, r *result) error {
	const most = 9 * time.Second
	s := w.site("bearer")
	var wg sync.WaitGroup
	for i, protocol := range allProtocols {
		for _, drip := range []bool{false, true} {
			for _, call := range []string{"login", "userinfo"} {
				token := ""
				if call == "userinfo" {
					var err error
					if token, err = w.login(s, s.app, person("Slow", i)); err != nil {
						return err
					}
				}
				wg.Go(func() {
					x := question{site: s, protocol: protocol, method: "POST", target: "/wechat/" + call, token: token, body: " "}.shot()
					began := time.Now()
					err := w.holdBody(ctx, x, drip, most)
					w.know(x.nonce)
					r.count(nil)
					r.check(err == nil && time.Since(began) < most, "%s, %s, dripping %v: after %.1f s: %v", protocol, call, drip, time.Since(began).Seconds(), err)
				})
			}
		}
	}
	wg.Wait()
	return nil
}

// holdBody starts a request of which only the head is sent, and returns when the
// gateway has had enough.
func (w *world) holdBody(ctx context.Context, x *shot, drip bool, most time.Duration) error {
	c := newClient(w.clientTLS())
	defer c.close()
	var body io.Writer
	ended := make(chan error, 1)
	switch x.protocol {
	case "h1", "h1s":
		conn, err := c.dial(x)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, strings.Replace(x.lines(), "Content-Length: 1\r\n", "Content-Length: 1000\r\n", 1)); err != nil {
			return err
		}
		body = conn
		go func() { _, err := conn.Read(make([]byte, 1)); ended <- timedOut(err) }()
	case "h2", "h2c":
		tcp, err := c.dial(x)
		if err != nil {
			return err
		}
		conn, err := newH2Conn(tcp)
		if err != nil {
			return err
		}
		defer conn.close()
		conn.stream = 1
		if err := conn.headers(x.head(), false, 0); err != nil {
			return err
		}
		body = writerFunc(func(p []byte) (int, error) { return len(p), conn.frames.WriteData(1, false, p) })
		go func() {
			var a answer
			for a.status == 0 {
				if _, err := conn.read(&a); err != nil {
					ended <- timedOut(err)
					return
				}
			}
			ended <- nil
		}()
	default:
		stream, err := c.openQUIC(ctx, x)
		if err != nil {
			return err
		}
		if err := writeH3(stream, 1, qpackBlock(x.head())); err != nil {
			return err
		}
		body = writerFunc(func(p []byte) (int, error) { return len(p), writeH3(stream, 0, p) })
		go func() { _, err := stream.Read(make([]byte, 1)); ended <- timedOut(err) }()
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(most); ; {
		select {
		case err := <-ended:
			return err
		case <-deadline:
			return fmt.Errorf("still waiting")
		case <-tick.C:
			if drip {
				_, _ = io.WriteString(body, " ")
			}
		}
	}
}

// timedOut keeps only the error that says that it was us who gave up.
func timedOut(err error) error {
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return err
	}
	return nil
}

// openQUIC opens a stream on a connection that the client keeps.
func (c *client) openQUIC(ctx context.Context, x *shot) (*quic.Stream, error) {
	conn, err := c.quicConn(x)
	if err != nil {
		return nil, err
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err == nil {
		stream.SetDeadline(time.Now().Add(answerTime))
	}
	return stream, err
}
