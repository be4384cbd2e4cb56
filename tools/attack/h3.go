// h3.go: HTTP/3, frame by frame.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

type h3Conn struct{ *quic.Conn }

func (c *h3Conn) close() { c.CloseWithError(0x100, "") }

func (c *client) sendQUIC(x *shot) answer {
	conn, err := c.quicConn(x)
	if err != nil {
		return answer{err: err, unsent: true}
	}
	return conn.send(x)
}

// quicConn is the connection that the client keeps, or a new one.
func (c *client) quicConn(x *shot) (*h3Conn, error) {
	if conn := c.h3[x.addr()]; conn != nil && conn.Context().Err() == nil {
		return conn, nil
	}
	config := c.tls.Clone()
	config.NextProtos = []string{"h3"}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	conn, err := quic.DialAddr(ctx, x.addr(), config, &quic.Config{MaxIdleTimeout: time.Minute, KeepAlivePeriod: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	control, err := conn.OpenUniStream()
	if err == nil {
		_, err = control.Write([]byte{0x00, 0x04, 0x00}) // the control stream, with empty SETTINGS
	}
	if err != nil {
		return nil, err
	}
	c.h3[x.addr()] = &h3Conn{conn}
	return c.h3[x.addr()], nil
}

func (c *h3Conn) send(x *shot) (a answer) {
	ctx, cancel := context.WithTimeout(c.Context(), answerTime)
	defer cancel()
	stream, err := c.OpenStreamSync(ctx)
	if err != nil {
		return answer{err: err, unsent: true}
	}
	defer stream.CancelRead(0x10c) // H3_REQUEST_CANCELLED
	defer stream.CancelWrite(0x10c)
	stream.SetDeadline(time.Now().Add(answerTime))
	writeErr := writeH3(stream, 1, qpackBlock(x.head()))
	if writeErr == nil && x.body != "" {
		writeErr = writeH3(stream, 0, []byte(x.body))
	}
	if writeErr == nil && x.trailers != nil {
		writeErr = writeH3(stream, 1, qpackBlock(lowerNames(x.trailers)))
	}
	if writeErr == nil {
		writeErr = stream.Close()
	}
	if err := readH3(stream, &a); err != nil {
		a.err = errors.Join(err, writeErr)
	}
	return a
}

func qpackBlock(list [][2]string) []byte {
	var block bytes.Buffer
	enc := qpack.NewEncoder(&block)
	for _, f := range list {
		enc.WriteField(qpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return block.Bytes()
}

// writeH3 writes a frame of RFC 9114 section 7.2: 0 is DATA, 1 is HEADERS.
func writeH3(w io.Writer, kind uint64, payload []byte) error {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

// readH3 reads an answer to its end.
func readH3(stream *quic.Stream, a *answer) error {
	r := quicvarint.NewReader(stream)
	for {
		kind, err := quicvarint.Read(r)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		n, err := quicvarint.Read(r)
		if err != nil {
			return err
		}
		if n > 1<<20 {
			return fmt.Errorf("a frame of %d bytes", n)
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(stream, payload); err != nil {
			return err
		}
		switch kind {
		case 0:
			a.body += string(payload)
		case 1:
			for decode := qpack.NewDecoder().Decode(payload); ; {
				f, err := decode()
				if err != nil {
					break
				}
				a.note(f.Name, f.Value)
			}
		}
	}
}
