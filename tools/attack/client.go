// client.go: sending requests exactly as they are written, and what comes back.

package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// answer is what a client got for one request. Status 0: the connection or the
// stream ended, or nothing came.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
	unsent bool     // there was no connection: nothing was tried
	more   []answer // HTTP/1.1, Raw: to what followed on the connection
}

// text is all of an answer, to be searched.
func (a *answer) text() string {
	var b strings.Builder
	for name, values := range a.header {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(values, "\n"))
	}
	b.WriteString(a.body)
	for i := range a.more {
		b.WriteString(a.more[i].text())
	}
	return b.String()
}

const (
	answerTime = 10 * time.Second
	rawTime    = 1500 * time.Millisecond // an unfinished request is never answered
	idleTime   = 150 * time.Millisecond  // what follows an answer follows soon
)

// client sends the shots of one worker. It keeps connections of HTTP/2 and
// HTTP/3, on which it sends one request at a time.
type client struct {
	tls *tls.Config
	h2  map[string]*h2Conn
	h3  map[string]*h3Conn
}

func newClient(roots *tls.Config) *client {
	return &client{roots, make(map[string]*h2Conn), make(map[string]*h3Conn)}
}

func (c *client) close() {
	for _, conn := range c.h2 {
		conn.close()
	}
	for _, conn := range c.h3 {
		conn.close()
	}
}

// send sends a request. What finds no connection on a busy machine tries again.
func (c *client) send(x *shot) (a answer) {
	over := map[string]func(*shot) answer{"h1": c.sendLines, "h1s": c.sendLines, "h2": c.sendFrames, "h2c": c.sendFrames, "h3": c.sendQUIC}[x.protocol]
	for range 3 {
		if a = over(x); !a.unsent {
			break
		}
	}
	return a
}

// dial opens a connection over TCP, in TLS where the protocol wants it.
func (c *client) dial(x *shot) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", x.addr(), answerTime)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(answerTime))
	if x.scheme() == "http" {
		return conn, nil
	}
	config := c.tls.Clone()
	config.NextProtos = []string{map[string]string{"h1s": "http/1.1", "h2": "h2"}[x.protocol]}
	return tls.Client(conn, config), nil
}

// sendLines is HTTP/1.1, each request on a connection of its own.
func (c *client) sendLines(x *shot) answer {
	conn, err := c.dial(x)
	if err != nil {
		return answer{err: err, unsent: true}
	}
	defer conn.Close()
	text := x.raw
	if text == "" {
		text = x.lines()
	}
	// a gateway that has read enough may hang up before all is written
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, text)
		written <- err
	}()
	r := bufio.NewReader(conn)
	if x.raw != "" {
		conn.SetReadDeadline(time.Now().Add(rawTime))
	}
	first := readAnswer(r, x.method)
	if x.raw == "" || first.err != nil || first.status == http.StatusSwitchingProtocols {
		return first
	}
	for {
		conn.SetReadDeadline(time.Now().Add(idleTime))
		next := readAnswer(r, x.method)
		if next.err != nil {
			return first
		}
		first.more = append(first.more, next)
	}
}

// lines is the request in HTTP/1.1.
func (x *shot) lines() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", x.method, x.target)
	if !x.of.HostField {
		fmt.Fprintf(&b, "Host: %s\r\n", x.host())
	}
	for _, f := range x.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	switch {
	case x.of.Chunked || x.trailers != nil:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		if x.body != "" {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(x.body), x.body)
		}
		b.WriteString("0\r\n")
		for _, f := range x.trailers {
			fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
		}
		b.WriteString("\r\n")
	case x.body != "":
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(x.body), x.body)
	default:
		b.WriteString("\r\n")
	}
	return b.String()
}

// readAnswer reads one answer of HTTP/1.1 to a request of the method.
func readAnswer(r *bufio.Reader, method string) answer {
	for {
		response, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return answer{err: err}
		}
		if response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		a := answer{status: response.StatusCode, header: response.Header}
		if response.StatusCode != http.StatusSwitchingProtocols {
			body, err := io.ReadAll(response.Body)
			if a.body = string(body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				a.err = err
			}
		}
		response.Body.Close()
		return a
	}
}

// note takes a field of an answer of HTTP/2 or 3.
func (a *answer) note(name, value string) {
	if a.header == nil {
		a.header = make(http.Header)
	}
	if name == ":status" {
		fmt.Sscan(value, &a.status)
		return
	}
	a.header.Add(name, value)
}

// head is the fields of a request in HTTP/2 or 3.
func (x *shot) head() [][2]string {
	fields := x.fields
	if !x.of.KeepCase {
		fields = lowerNames(fields)
	}
	return append(slices.Clone(x.pseudo), fields...)
}

func lowerNames(fields [][2]string) (out [][2]string) {
	for _, f := range fields {
		out = append(out, [2]string{strings.ToLower(f[0]), f[1]})
	}
	return out
}
