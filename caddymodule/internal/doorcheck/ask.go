// ask.go: one request, byte for byte as it is meant, and what came back.

package doorcheck

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// question is a request. Its zero value is a plain GET of the URL.
type question struct {
	kind    string // in words, what questions like this one are about
	which   string // of that kind
	what    string // both in words, for the operator
	shape   string // of a spelling: see spellings
	method  string // default GET
	target  string // as it is sent; default the URL's path and query
	host    string // default the URL's
	fields  [][2]string
	body    string      // sent in one chunk when there are trailers
	trailer [][2]string // behind the body
}

// answer is what came back. Nothing of it is shown as it is: it is a stranger's text.
type answer struct {
	status int
	header http.Header
	body   string
}

const (
	answerTimeout = 10 * time.Second
	maxAnswer     = 256 << 10
)

// asker sends questions to one URL, each on a connection of its own. net/http would mend
// what is to be tested: paths, names and framing.
type asker struct {
	url *url.URL
	tls *tls.Config
}

func newAsker(text string, insecure bool) (*asker, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, fmt.Errorf("%+q is not a URL such as http://127.0.0.1:9180/ or https://api.example.com/me", text)
	}
	return &asker{u, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure}}, nil
}

func (a *asker) ask(ctx context.Context, q question) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := a.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, a.bytes(q)); err != nil {
		return answer{}, err
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	response, err := http.ReadResponse(reader, &http.Request{Method: q.method})
	for err == nil && response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols { // not the answer yet
		response, err = http.ReadResponse(reader, &http.Request{Method: q.method})
	}
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body) // what there is of it
	return answer{response.StatusCode, response.Header, string(body)}, nil
}

func (a *asker) dial(ctx context.Context) (net.Conn, error) {
	port := a.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[a.url.Scheme]
	}
	addr := net.JoinHostPort(a.url.Hostname(), port)
	if a.url.Scheme == "https" {
		return (&tls.Dialer{Config: a.tls}).DialContext(ctx, "tcp", addr)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// bytes writes a question down in HTTP/1.1.
func (a *asker) bytes(q question) string {
	var b strings.Builder
	method, target, host := q.method, q.target, q.host
	if method == "" {
		method = http.MethodGet
	}
	if target == "" {
		target = a.url.RequestURI()
	}
	if host == "" {
		host = a.url.Host
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host)
	usual := map[string]string{"Connection": "close", "User-Agent": "caddy wechat check"}
	for _, f := range q.fields {
		delete(usual, f[0])
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	for name, value := range usual {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	switch {
	case q.trailer != nil:
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n", len(q.body), q.body)
		for _, f := range q.trailer {
			fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
		}
		b.WriteString("\r\n")
	case method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	default:
		b.WriteString("\r\n")
	}
	return b.String()
}
