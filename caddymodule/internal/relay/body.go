// body.go: the caller's body on its way up, in memory where it may be needed twice.

package relay

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

const (
	// maxBody bounds a body in either direction.
	maxBody = 32 << 20
	// maxKept is the largest body that is read before it is sent: one that can be
	// repeated, or that came chunked and goes on with its length.
	maxKept = 1 << 20
)

// upload is a body to send.
type upload struct {
	length int64
	kept   []byte // the whole of it; nil when it streams, or when there is none
	stream *tracked
}

// tracked is a body that remembers whether the caller's end failed. The transport may
// still read it when RoundTrip has returned.
type tracked struct {
	io.ReadCloser
	failed atomic.Pointer[problem]
	awaits atomic.Bool // the caller is being waited for
}

func (t *tracked) Read(p []byte) (int, error) {
	t.awaits.Store(true)
	n, err := t.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		t.failed.CompareAndSwap(nil, bodyProblem(err))
	}
	t.awaits.Store(false)
	return n, err
}

// problem is what is wrong with the caller's end, if anything: that it failed, or that it
// is the one who is being waited for.
func (t *tracked) problem(timeUp bool) *problem {
	waiting := t.awaits.Load()
	if p := t.failed.Load(); p != nil {
		return p
	}
	if waiting && timeUp {
		return slowBody()
	}
	return nil
}

// openBody takes the body of a call, reading the small ones whole.
func openBody(req *http.Request) (upload, error) {
	switch {
	case req.ContentLength > maxBody:
		return upload{}, tooLarge("a body may have 32 MiB")
	case req.ContentLength > maxKept:
		return upload{length: req.ContentLength, stream: &tracked{ReadCloser: req.Body}}, nil
	case req.ContentLength == 0 || req.Body == nil || req.Body == http.NoBody:
		return upload{}, nil
	}
	var buf bytes.Buffer
	if req.ContentLength > 0 {
		buf.Grow(int(req.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(req.Body, maxKept+1))
	switch {
	case err != nil:
		return upload{}, bodyProblem(err)
	case n > maxKept:
		return upload{}, tooLarge("a body without Content-Length may have 1 MiB: send its length")
	case req.ContentLength > 0 && n != req.ContentLength:
		return upload{}, brokenBody()
	}
	return upload{length: n, kept: buf.Bytes()}, nil
}

// again reports whether the body can be sent once more.
func (u upload) again() bool { return u.stream == nil }

// attach puts the body on a request to WeChat, in a form that net/http cannot repeat:
// see oneshot.EmptyBody.
func (u upload) attach(out *http.Request) {
	out.ContentLength = u.length
	switch {
	case u.stream != nil:
		out.Body = u.stream
	case u.length > 0:
		out.Body = io.NopCloser(bytes.NewReader(u.kept))
	case out.Method == http.MethodGet:
		out.Body = oneshot.EmptyBody{}
	default:
		out.Body = http.NoBody
	}
}

func tooLarge(description string) *problem {
	p := refuse(http.StatusRequestEntityTooLarge, "invalid_request", ResultInvalid, description)
	p.closes = true
	return p
}

// bodyProblem says why the rest of a body did not come.
func bodyProblem(err error) *problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return slowBody()
	}
	return brokenBody()
}

func slowBody() *problem {
	p := refuse(http.StatusRequestTimeout, "invalid_request", ResultInvalid, "the body did not arrive in time")
	p.closes = true
	return p
}

func brokenBody() *problem {
	p := invalid("the body broke off")
	p.closes = true
	return p
}
