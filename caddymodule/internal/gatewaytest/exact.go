// exact.go: requests written by hand, field by field and frame by frame,
// for what no decent client would send.

package gatewaytest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// ExactCall is a request whose bytes the test decides.
type ExactCall struct {
	Method   string // default GET
	Target   string // not parsed by anybody on the way
	Fields   []Field
	Body     string
	Chunked  bool    // HTTP/1.1: chunks instead of Content-Length
	Trailers []Field // sent whether announced in Fields or not
}

// Fields makes field lines of names and values.
func Fields(pairs ...string) (list []Field) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, Field{pairs[i], pairs[i+1]})
	}
	return list
}

// Bearer is the credential of a token.
func Bearer(token string) Field { return Field{"Authorization", "Bearer " + token} }

// Exact sends a request as written. In HTTP/2 and 3 names are put in lower case,
// which they require. The error tells that the connection or the stream was
// ended instead of an answer.
func (c *Client) Exact(t *testing.T, x ExactCall) (Reply, error) {
	t.Helper()
	if x.Method == "" {
		x.Method = "GET"
	}
	if c.Name == "HTTP/1.1" {
		return c.exactLines(t, x)
	}
	s := c.OpenStream(t)
	pseudo := Fields(":method", x.Method, ":scheme", strings.Split(c.Base, ":")[0], ":authority", c.Addr, ":path", x.Target)
	err := s.Headers(append(pseudo, x.Fields...), x.Body == "" && x.Trailers == nil)
	if err == nil && x.Body != "" {
		err = s.Data(x.Body, x.Trailers == nil)
	}
	if err == nil && x.Trailers != nil {
		err = s.Headers(x.Trailers, true)
	}
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return Reply{}, err // the gateway may have hung up already
	}
	return readAnswer(s)
}

func (c *Client) exactLines(t *testing.T, x ExactCall) (got Reply, err error) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", x.Method, x.Target, c.Addr)
	for _, f := range x.Fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	switch {
	case x.Chunked || x.Trailers != nil:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		if x.Body != "" {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(x.Body), x.Body)
		}
		b.WriteString("0\r\n")
		for _, f := range x.Trailers {
			fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
		}
	case x.Body != "":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(x.Body))
		b.WriteString("\r\n" + x.Body)
	}
	if x.Body == "" || x.Chunked || x.Trailers != nil {
		b.WriteString("\r\n")
	}
	conn := DialRaw(t, c.Addr)
	defer conn.Close()
	conn.Send(t, b.String())
	return conn.ReadReply(t, x.Method), nil
}

// Stream is one request of HTTP/2 or HTTP/3 on a connection of its own.
type Stream interface {
	Headers(list []Field, end bool) error
	Data(text string, end bool) error
	// next returns what the next frame of the answer brings.
	Next() (head []Field, body string, end bool, err error)
}

// readAnswer reads an answer to its end.
func readAnswer(s Stream) (got Reply, err error) {
	got.Header = Header()
	for {
		head, body, end, err := s.Next()
		if err != nil {
			return got, err
		}
		for _, f := range head {
			if f.Name == ":status" {
				got.Status, _ = strconv.Atoi(f.Value)
			} else {
				got.Header.Add(f.Name, f.Value)
			}
		}
		if got.Body += body; end {
			return got, nil
		}
	}
}

// OpenStream connects to the gateway in the client's protocol.
func (c *Client) OpenStream(t *testing.T) Stream {
	t.Helper()
	roots := c.tls.Clone()
	switch c.Name {
	case "HTTP/3":
		roots.NextProtos = []string{"h3"}
		_, port, _ := net.SplitHostPort(c.Addr)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		t.Cleanup(cancel)
		conn, err := quic.DialAddr(ctx, "127.0.0.1:"+port, roots, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.CloseWithError(0x100, "") })
		control, err := conn.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		control.Write([]byte{0x00, 0x04, 0x00}) // the control stream, with empty SETTINGS
		str, err := conn.OpenStreamSync(ctx)
		if err != nil {
			t.Fatal(err)
		}
		str.SetDeadline(time.Now().Add(20 * time.Second))
		return &h3Stream{str}
	case "HTTP/2":
		roots.NextProtos = []string{"h2"}
		conn, err := tls.Dial("tcp", c.Addr, roots)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		return newH2Stream(conn)
	default:
		return newH2Stream(DialRaw(t, c.Addr).Conn)
	}
}

// H2Stream is a Stream over HTTP/2.
type H2Stream struct {
	conn  net.Conn
	frame *http2.Framer
	enc   *hpack.Encoder
	block bytes.Buffer
	// whether the server takes extended CONNECT (RFC 8441); known after the
	// first frame was read
	extended bool
}

func newH2Stream(conn net.Conn) *H2Stream {
	s := &H2Stream{conn: conn, frame: http2.NewFramer(conn, conn)}
	s.enc = hpack.NewEncoder(&s.block)
	s.frame.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	io.WriteString(conn, http2.ClientPreface)
	s.frame.WriteSettings()
	return s
}

func (s *H2Stream) Headers(list []Field, end bool) error {
	s.block.Reset()
	for _, f := range list {
		s.enc.WriteField(hpack.HeaderField{Name: strings.ToLower(f.Name), Value: f.Value})
	}
	return s.frame.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: s.block.Bytes(), EndHeaders: true, EndStream: end,
	})
}

func (s *H2Stream) Data(text string, end bool) error { return s.frame.WriteData(1, end, []byte(text)) }

func (s *H2Stream) Next() (head []Field, body string, end bool, err error) {
	for {
		f, err := s.frame.ReadFrame()
		if err != nil {
			return nil, "", false, err
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range f.Fields {
				head = append(head, Field{h.Name, h.Value})
			}
			return head, "", f.StreamEnded(), nil
		case *http2.DataFrame:
			return nil, string(f.Data()), f.StreamEnded(), nil
		case *http2.RSTStreamFrame:
			return nil, "", false, fmt.Errorf("the stream was reset: %v", f.ErrCode)
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeNo {
				return nil, "", false, fmt.Errorf("the connection was ended: %v", f.ErrCode)
			}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				v, _ := f.Value(http2.SettingEnableConnectProtocol)
				s.extended = v == 1
				s.frame.WriteSettingsAck()
			}
		}
	}
}

type h3Stream struct{ *quic.Stream }

// frame writes a frame of RFC 9114 section 7.2: 0 is DATA, 1 is HEADERS.
func (s *h3Stream) frame(kind uint64, payload []byte, end bool) error {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	if _, err := s.Write(append(b, payload...)); err != nil {
		return errors.Join(io.ErrClosedPipe, err)
	}
	if end {
		if err := s.Close(); err != nil {
			return errors.Join(io.ErrClosedPipe, err)
		}
	}
	return nil
}

func (s *h3Stream) Headers(list []Field, end bool) error {
	var block bytes.Buffer
	enc := qpack.NewEncoder(&block)
	for _, f := range list {
		enc.WriteField(qpack.HeaderField{Name: strings.ToLower(f.Name), Value: f.Value})
	}
	return s.frame(1, block.Bytes(), end)
}

func (s *h3Stream) Data(text string, end bool) error { return s.frame(0, []byte(text), end) }

func (s *h3Stream) Next() (head []Field, body string, end bool, err error) {
	r := quicvarint.NewReader(s)
	kind, err := quicvarint.Read(r)
	if err == io.EOF {
		return nil, "", true, nil
	} else if err != nil {
		return nil, "", false, err
	}
	n, err := quicvarint.Read(r)
	if err != nil {
		return nil, "", false, err
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(s, payload); err != nil {
		return nil, "", false, err
	}
	switch kind {
	case 0:
		return nil, string(payload), false, nil
	case 1:
		decode := qpack.NewDecoder().Decode(payload)
		for {
			f, err := decode()
			if err != nil {
				return head, "", false, nil
			}
			head = append(head, Field{f.Name, f.Value})
		}
	}
	return nil, "", false, nil
}
