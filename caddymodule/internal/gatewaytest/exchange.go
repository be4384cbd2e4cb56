// exchange.go: one request as the upstream reads it, byte by byte, and its answer.

package gatewaytest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// exchange reads one request of one connection, noting each byte as it comes.
type exchange struct {
	u    *Upstream
	r    *bufio.Reader
	conn net.Conn
	req  *Request
}

// note changes the record; readers may look at it at any time.
func (x *exchange) note(f func(*Request)) {
	x.u.mu.Lock()
	defer x.u.mu.Unlock()
	f(x.req)
}

func (x *exchange) line() (string, bool) {
	line, err := x.r.ReadString('\n')
	x.note(func(r *Request) { r.Bytes = append(r.Bytes, line...) })
	return strings.TrimRight(line, "\r\n"), err == nil
}

// fields reads field lines up to the empty one.
func (x *exchange) fields(add func(Field)) bool {
	for {
		line, ok := x.line()
		if !ok || line == "" {
			return ok
		}
		name, value, _ := strings.Cut(line, ":")
		add(Field{name, strings.TrimSpace(value)})
	}
}

func (x *exchange) readHead() bool {
	line, ok := x.line()
	if !ok {
		return false
	}
	x.note(func(r *Request) {
		r.Method, r.Target, _ = strings.Cut(line, " ")
		r.Target, _, _ = strings.Cut(r.Target, " ")
	})
	return x.fields(func(f Field) { x.note(func(r *Request) { r.Fields = append(r.Fields, f) }) })
}

func (x *exchange) readBody() bool {
	defer x.note(func(r *Request) { r.Done = true })
	if strings.EqualFold(x.req.Get("Transfer-Encoding"), "chunked") {
		for {
			size, ok := x.line()
			n, err := strconv.ParseInt(size, 16, 64)
			if !ok || err != nil {
				return false
			}
			if n == 0 {
				return x.fields(func(f Field) { x.note(func(r *Request) { r.Trailers = append(r.Trailers, f) }) })
			}
			if !x.content(n) {
				return false
			}
			if _, ok := x.line(); !ok {
				return false
			}
		}
	}
	n, _ := strconv.ParseInt(x.req.Get("Content-Length"), 10, 64)
	return x.content(n)
}

// content reads n bytes of body.
func (x *exchange) content(n int64) bool {
	buf := make([]byte, 64<<10)
	for n > 0 {
		got, err := x.r.Read(buf[:min(n, int64(len(buf)))])
		n -= int64(got)
		x.note(func(r *Request) { r.Bytes, r.body = append(r.Bytes, buf[:got]...), append(r.body, buf[:got]...) })
		if err != nil {
			return false
		}
	}
	return true
}

// sayAll answers with a stream.
func (x *exchange) sayAll() bool {
	io.WriteString(x.conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for {
		select {
		case text := <-x.u.stream:
			if _, err := fmt.Fprintf(x.conn, "%x\r\n%s\r\n", len(text), text); err != nil || text == "" {
				return err == nil
			}
		case <-x.u.stop:
			return false
		}
	}
}

// tunnel agrees to an upgrade and notes whatever comes through it.
func (x *exchange) tunnel(protocol string, echo bool) {
	sum := sha1.Sum([]byte(x.req.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(x.conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		protocol, base64.StdEncoding.EncodeToString(sum[:]))
	r := io.TeeReader(x.r, writerFunc(func(p []byte) {
		x.note(func(r *Request) { r.Bytes = append(r.Bytes, p...); r.Tunnel += string(p) })
	}))
	if !echo {
		io.Copy(io.Discard, r)
	}
	for echo && echoFrame(r, x.conn) == nil {
	}
	x.note(func(r *Request) { r.Done = true })
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// echoFrame sends a masked WebSocket frame of less than 126 bytes back
// unmasked (RFC 6455 section 5.2).
func echoFrame(r io.Reader, w io.Writer) error {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := head[1] & 0x7f
	if head[1]&0x80 == 0 || n >= 126 {
		return errors.New("want a short masked frame")
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return err
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	_, err := w.Write(append([]byte{head[0], n}, payload...))
	return err
}
