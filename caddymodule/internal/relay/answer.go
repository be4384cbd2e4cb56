// answer.go: WeChat's answer, looked into at its beginning and passed on as it is.

package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// peeked is how much of an answer is looked into. WeChat's errors are far shorter.
const peeked = 4 << 10

// downHeader is what of WeChat's header the caller sees, beside the length.
var downHeader = []string{"Content-Type", "Content-Disposition", "Content-Encoding"}

// response is an answer of WeChat, not passed on yet.
type response struct {
	*http.Response
	body    *bufio.Reader
	verdict verdict
}

// verdict is what an answer says of itself.
type verdict struct {
	errcode int
	rid     string
}

var (
	peekers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, peeked) }}
	buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}
)

// receive looks into an answer. One that breaks off so early was not passed on at all.
func (c *call) receive(ctx context.Context, in *http.Response) (*response, error) {
	r := &response{Response: in, body: peekers.Get().(*bufio.Reader)}
	r.body.Reset(in.Body)
	if in.StatusCode < 200 || in.ContentLength > maxBody {
		r.close()
		return nil, refuse(http.StatusBadGateway, "wechat_error", ResultMalformed, "WeChat's answer is none that can be passed on, or larger than 32 MiB")
	}
	first, err := r.body.Peek(1)
	if err == nil && first[0] == '{' {
		first, err = r.body.Peek(peeked)
		r.verdict = readVerdict(first)
	}
	if err != nil && err != io.EOF {
		r.close()
		return nil, c.inTime(ctx, wireProblem(err))
	}
	return r, nil
}

// close gives up what was not read. It is idempotent.
func (r *response) close() {
	if r.body == nil {
		return
	}
	// A short answer was read to its end by the look into it, so its connection can be
	// used again; that of another is closed.
	_ = r.Body.Close()
	r.body.Reset(nil)
	peekers.Put(r.body)
	r.body = nil
}

// tokenIsDead tells by which answers WeChat says that it did nothing, because the
// access_token is not or no longer good.
func (r *response) tokenIsDead() bool {
	switch r.verdict.errcode {
	case 40001, 40014, 42001:
		return r.StatusCode == http.StatusOK
	default:
		return false
	}
}

// readVerdict reads errcode and rid from the beginning of a JSON object, which may be
// cut off or be no JSON at all.
func readVerdict(text []byte) (v verdict) {
	if !bytes.Contains(text, []byte(`"errcode"`)) {
		return v
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return v
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return v
		}
		switch name.String() {
		case "errcode":
			value, err := dec.ReadValue()
			if err != nil {
				return v
			}
			if n, err := strconv.ParseInt(string(value), 10, 32); err == nil && v.errcode == 0 {
				v.errcode = int(n)
			}
		case "errmsg":
			value, err := dec.ReadToken()
			if err != nil {
				return v
			}
			if value.Kind() == '"' {
				v.rid = weixin.RequestID(value.String())
			}
		default:
			if dec.SkipValue() != nil {
				return v
			}
		}
	}
	return v
}

// passDown gives the caller the answer. An error is errBroken, or a *problem of which
// the caller can be told because nothing was written yet.
func (c *call) passDown(ctx context.Context, r *response) error {
	c.verdict, c.status = r.verdict, r.StatusCode
	h := c.w.Header()
	for _, name := range downHeader {
		if values := r.Header[name]; len(values) > 0 {
			h[name] = values
		}
	}
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if r.ContentLength >= 0 {
		h.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	c.w.WriteHeader(r.StatusCode)

	// A caller who stops reading is cut off when the time is up.
	down := http.NewResponseController(c.w)
	stop := context.AfterFunc(ctx, func() { _ = down.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	limited := &io.LimitedReader{R: r.body, N: maxBody + 1}
	_, err := io.CopyBuffer(struct{ io.Writer }{c.w}, struct{ io.Reader }{limited}, buffer[:])
	if err == nil && limited.N > 0 {
		return nil
	}
	return errors.Join(errBroken, context.Cause(ctx))
}
