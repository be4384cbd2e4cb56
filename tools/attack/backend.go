// backend.go: the backend: a listener that keeps every byte it gets, agrees to
// every upgrade, and understands just enough to answer.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// backend records one request for each connection: it asks for the next one on
// a new connection, and whatever arrives on the old one all the same is an
// attacker's.
type backend struct {
	addr string
	ln   net.Listener

	mu    sync.Mutex
	conns []*recording
	open  map[net.Conn]struct{}
	wg    sync.WaitGroup
}

// recording is all that came in on one connection.
type recording struct {
	raw      bytes.Buffer
	switched string // the Upgrade that was agreed to
}

// tunnelTime is how long the backend listens behind an upgrade.
const tunnelTime = 10 * time.Second

func startBackend() (*backend, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{addr: ln.Addr().String(), ln: ln, open: make(map[net.Conn]struct{})}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			rec := new(recording)
			b.mu.Lock()
			b.conns = append(b.conns, rec)
			b.open[conn] = struct{}{}
			b.mu.Unlock()
			b.wg.Go(func() {
				b.serve(conn, rec)
				conn.Close()
				b.mu.Lock()
				delete(b.open, conn)
				b.mu.Unlock()
			})
		}
	}()
	return b, nil
}

func (b *backend) stop() {
	b.ln.Close()
	b.mu.Lock()
	for conn := range b.open {
		conn.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

// keep notes bytes as they come.
func (b *backend) keep(rec *recording) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return rec.raw.Write(p)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (b *backend) serve(conn net.Conn, rec *recording) {
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(io.TeeReader(conn, b.keep(rec)))
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	head, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	if upgrade := head.Get("Upgrade"); upgrade != "" {
		b.mu.Lock()
		rec.switched = upgrade
		b.mu.Unlock()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", upgrade)
		conn.SetDeadline(time.Now().Add(tunnelTime))
		io.Copy(conn, r) // whatever is said comes back
		return
	}
	if err := readBody(r, head); err != nil {
		return
	}
	text := "hello\n"
	reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(text))
	if !strings.HasPrefix(line, "HEAD ") {
		reply += text
	}
	io.WriteString(conn, reply)
	conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	io.Copy(io.Discard, r) // noted by the reader
}

// readBody reads to the end of a body, trailers included.
func readBody(r *bufio.Reader, head textproto.MIMEHeader) error {
	if !strings.Contains(strings.ToLower(head.Get("Transfer-Encoding")), "chunked") {
		n, _ := strconv.ParseInt(head.Get("Content-Length"), 10, 64)
		_, err := io.CopyN(io.Discard, r, n)
		return err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(strings.Split(line, ";")[0]), 16, 64)
		if err != nil {
			return errors.New("bad chunk")
		}
		if size == 0 {
			_, err := textproto.NewReader(r).ReadMIMEHeader()
			return err
		}
		if _, err := io.CopyN(io.Discard, r, size+2); err != nil {
			return err
		}
	}
}

var nonceForm = regexp.MustCompile(`nx[0-9a-f]{12}`)

// seen is what the backend got, by the nonce that it begins with.
func (b *backend) seen() map[string][]evidence {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string][]evidence)
	for _, rec := range b.conns {
		raw := rec.raw.String()
		if raw == "" {
			continue // opened and not used
		}
		nonce := nonceForm.FindString(raw)
		all[nonce] = append(all[nonce], evidence{raw, rec.switched})
	}
	return all
}
