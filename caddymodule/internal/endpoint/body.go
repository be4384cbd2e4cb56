// body.go: reading the JSON body of an endpoint, within bounds.

package endpoint

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

const (
	maxBody     = 64 << 10
	bodyTimeout = 5 * time.Second
)

var (
	errBodyTooLarge = &problem.RequestError{Status: http.StatusRequestEntityTooLarge, Description: "the body may have 64 KiB at most", Closes: true}
	errBodyTooSlow  = &problem.RequestError{Status: http.StatusRequestTimeout, Description: "the body did not arrive within 5 seconds", Closes: true}
)

// readJSON reads the body into v, a pointer to a struct. Member names are
// matched with their case, a repeated one is refused, an unknown one is
// ignored. encoding/json would take {"code":"a","CODE":"b"} for "b". Half a surrogate
// pair, as a nickname that was cut may end in, counts as U+FFFD.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if err := requireJSON(r.Header); err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	opendata.MendHalves(body)
	if err := json.Unmarshal(body, v); err != nil {
		// the decoder's own words may quote the body, which may hold a code
		return problem.BadRequest("the body must be one JSON object with each member at most once and of the right type")
	}
	if len(body) == 0 || firstByte(body) != '{' {
		return problem.BadRequest("the body must be one JSON object")
	}
	return nil
}

// firstByte is the first byte of JSON text that is not white space.
func firstByte(b []byte) byte {
	for _, c := range b {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// limitBody bounds the body of every call, also of one that does not look at it:
// net/http reads what is left of it, before the answer or before it closes.
func limitBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength != 0 {
		// without a body, net/http reads ahead and would take this for a client gone
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	if r.ContentLength > maxBody {
		return errBodyTooLarge
	}
	return nil
}

// readBody reads at most maxBody bytes in at most bodyTimeout: a client that
// sends a byte a second must not hold a connection for hours.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := limitBody(w, r); err != nil {
		return nil, err
	}
	// Not every connection takes a deadline, and Caddy's own read_idle timeout
	// sets its own before each read; so the clock is looked at as well.
	deadline := time.Now().Add(bodyTimeout)

	src := http.MaxBytesReader(w, r.Body, maxBody)
	body := make([]byte, 0, max(512, min(r.ContentLength+1, maxBody+1)))
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := src.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			return body, nil
		case isTooLarge(err):
			return nil, errBodyTooLarge
		case errors.Is(err, os.ErrDeadlineExceeded), time.Now().After(deadline):
			return nil, errBodyTooSlow
		case err != nil:
			return nil, &problem.RequestError{Status: http.StatusBadRequest, Description: "the body ended early", Closes: true}
		}
	}
}

func isTooLarge(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.As(err, &tooLarge)
}
