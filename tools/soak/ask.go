// ask.go: one request to a gateway, and what came of it.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answer is what a gateway said, or why it said nothing.
type answer struct {
	status     int
	problem    string // the "error" of an answer that is one
	body       string
	retryAfter int
	location   string
	cookies    []*http.Cookie // that it sets
	sent, done time.Time
	err        error
}

// name is the class that an answer is counted in.
func (a answer) name() string {
	var timeout net.Error
	switch {
	case a.err == nil && a.problem != "" && !strings.Contains(a.problem, " "): // the admin API's are sentences
		return fmt.Sprintf("%d %s", a.status, a.problem)
	case a.err == nil:
		return strconv.Itoa(a.status)
	case errors.Is(a.err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(a.err, syscall.ECONNRESET), errors.Is(a.err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(a.err, io.EOF), errors.Is(a.err, io.ErrUnexpectedEOF), strings.Contains(a.err.Error(), "server closed idle connection"):
		return "connection closed"
	case errors.As(a.err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return "failed: " + errors.Unwrap(a.err).Error()
}

// ask sends a request to the site.
func (g *gateway) ask(method, target, token string, body any) answer {
	return g.send(method, "http://"+g.site+target, token, body)
}

// command sends a request to the admin API.
func (g *gateway) command(method, target string) answer {
	return g.send(method, "http://"+g.admin+target, "", nil)
}

func (g *gateway) send(method, url, token string, body any) answer {
	var text io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = strings.NewReader(string(b))
	}
	r, err := http.NewRequest(method, url, text)
	if err != nil {
		panic(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return g.do(r)
}

// do sends a request, with a forged header as an attacker would.
func (g *gateway) do(r *http.Request) (a answer) {
	r.Header.Set("X-WeChat-OpenID", "oForged000000000000000000000")
	a.sent = time.Now()
	defer func() { a.done = time.Now() }()
	response, err := g.http.Do(r)
	if err != nil {
		a.err = err
		return a
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		a.err = fmt.Errorf("reading the answer: %w", err)
		return a
	}
	a.status, a.body = response.StatusCode, string(b)
	a.location, a.cookies = response.Header.Get("Location"), response.Cookies()
	a.retryAfter, _ = strconv.Atoi(response.Header.Get("Retry-After"))
	if a.status >= 400 {
		var problem struct{ Error string }
		json.Unmarshal(b, &problem)
		a.problem = problem.Error
	}
	return a
}

// member is a text in an answer's JSON object.
func (a answer) member(name string) string {
	var m map[string]any
	json.Unmarshal([]byte(a.body), &m)
	text, _ := m[name].(string)
	return text
}
