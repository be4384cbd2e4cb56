// h2.go: HTTP/2, with and without TLS, frame by frame.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

type h2Conn struct {
	conn   net.Conn
	frames *http2.Framer
	enc    *hpack.Encoder
	block  bytes.Buffer
	stream uint32 // the last one used
}

func (c *client) sendFrames(x *shot) answer {
	key := x.protocol + x.addr()
	conn := c.h2[key]
	if conn == nil {
		tcp, err := c.dial(x)
		if err != nil {
			return answer{err: err, unsent: true}
		}
		if conn, err = newH2Conn(tcp); err != nil {
			tcp.Close()
			return answer{err: err, unsent: true}
		}
		c.h2[key] = conn
	}
	a, usable := conn.send(x)
	if !usable {
		conn.close()
		delete(c.h2, key)
	}
	return a
}

// newH2Conn greets, and waits for the server's greeting, which tells how much it takes.
func newH2Conn(conn net.Conn) (*h2Conn, error) {
	c := &h2Conn{conn: conn, frames: http2.NewFramer(conn, conn)}
	c.frames.AllowIllegalWrites = true
	c.enc = hpack.NewEncoder(&c.block)
	c.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return nil, err
	}
	if err := c.frames.WriteSettings(); err != nil {
		return nil, err
	}
	for {
		f, err := c.frames.ReadFrame()
		if err != nil {
			return nil, err
		}
		if settings, ok := f.(*http2.SettingsFrame); ok && !settings.IsAck() {
			return c, c.frames.WriteSettingsAck()
		}
	}
}

func (c *h2Conn) close() { c.conn.Close() }

// send sends a request and reads its answer. usable tells whether the
// connection can take another.
func (c *h2Conn) send(x *shot) (a answer, usable bool) {
	c.conn.SetDeadline(time.Now().Add(answerTime))
	if c.stream += 2; c.stream == 2 {
		c.stream = 1
	}
	// the gateway may hang up at any point, and its answer be on the way all the same
	done := x.body == "" && x.trailers == nil
	writeErr := c.headers(x.head(), done, x.of.Split)
	for rest := x.body; writeErr == nil && rest != ""; {
		n := min(len(rest), 16<<10)
		part := rest[:n]
		rest = rest[n:]
		writeErr = c.frames.WriteData(c.stream, rest == "" && x.trailers == nil, []byte(part))
	}
	if writeErr == nil && x.trailers != nil {
		writeErr = c.headers(lowerNames(x.trailers), true, 0)
	}
	for {
		end, err := c.read(&a)
		switch {
		case err != nil:
			a.err = errors.Join(err, writeErr)
			return a, errors.As(err, new(resetError))
		case end:
			return a, writeErr == nil
		}
	}
}

// headers writes a header block, in pieces when split is set.
func (c *h2Conn) headers(list [][2]string, end bool, split int) error {
	c.block.Reset()
	for _, f := range list {
		if err := c.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	block := c.block.Bytes()
	const most = 16 << 10
	if split == 0 || split > most {
		split = most
	}
	first, rest := block[:min(split, len(block))], block[min(split, len(block)):]
	if err := c.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: c.stream, BlockFragment: first, EndStream: end, EndHeaders: len(rest) == 0,
	}); err != nil {
		return err
	}
	for len(rest) > 0 {
		n := min(split, len(rest))
		if err := c.frames.WriteContinuation(c.stream, n == len(rest), rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// resetError is the end of one stream: the connection lives.
type resetError struct{ code http2.ErrCode }

func (e resetError) Error() string { return fmt.Sprintf("the stream was reset: %v", e.code) }

// read takes in one frame. end is the end of the answer.
func (c *h2Conn) read(a *answer) (end bool, err error) {
	f, err := c.frames.ReadFrame()
	if err != nil {
		return false, err
	}
	mine := f.Header().StreamID == c.stream
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		if mine {
			for _, h := range f.Fields {
				a.note(h.Name, h.Value)
			}
			return f.StreamEnded(), nil
		}
	case *http2.DataFrame:
		if mine {
			a.body += string(f.Data())
			return f.StreamEnded(), nil
		}
	case *http2.RSTStreamFrame:
		if mine && (a.status == 0 || f.ErrCode != http2.ErrCodeNo) {
			return false, resetError{f.ErrCode}
		}
	case *http2.GoAwayFrame:
		if f.ErrCode != http2.ErrCodeNo {
			return false, fmt.Errorf("the connection was ended: %v", f.ErrCode)
		}
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return false, c.frames.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return false, c.frames.WritePing(true, f.Data)
		}
	}
	return false, nil
}
