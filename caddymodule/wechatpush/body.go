// body.go: reading a push, and keeping the backend's answer, within bounds.

package wechatpush

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/message"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &problem.RequestError{Status: http.StatusRequestEntityTooLarge, Description: "a push may have 1 MiB at most", Closes: r.ProtoMajor == 1}
	if r.ContentLength > message.MaxBody {
		return nil, tooLarge
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every connection takes one
	body, err := readAll(http.MaxBytesReader(w, r.Body, message.MaxBody), r.ContentLength)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &problem.RequestError{Status: http.StatusRequestTimeout, Description: "the body did not arrive within 3 seconds", Closes: r.ProtoMajor == 1}
	case err != nil:
		return nil, &problem.RequestError{Status: http.StatusBadRequest, Description: "the body ended early", Closes: r.ProtoMajor == 1}
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

// readAll is io.ReadAll, in one piece of memory where the length is known. What a client
// only announces it gets no more memory for than it would by sending a little.
func readAll(r io.Reader, length int64) ([]byte, error) {
	body := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), 16<<10)+bytes.MinRead))
	_, err := body.ReadFrom(r)
	return body.Bytes(), err
}

// maxReply bounds what is kept of a backend's answer. WeChat takes far less.
const maxReply = 1 << 20

// recorder keeps the backend's answer, to be made a reply of.
type recorder struct {
	header   http.Header
	status   int
	body     []byte
	tooLarge bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // an interim answer is not the answer
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if len(r.body)+len(b) > maxReply {
		r.tooLarge = true
		return len(b), nil
	}
	r.body = append(r.body, b...)
	return len(b), nil
}

// Flush does nothing: the answer is read to its end before it goes on.
func (r *recorder) Flush() {}

var (
	_ http.ResponseWriter = (*recorder)(nil)
	_ http.Flusher        = (*recorder)(nil)
)
