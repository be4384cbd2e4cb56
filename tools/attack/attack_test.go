// attack_test.go: the runner can fail: a gateway that trusts everybody is caught
// by nearly every attack, and the reader of raw bytes misses nothing.

package main

import (
	"context"
	"io"
	"log"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mostWithstood is the share of attacks that even the trusting gateway may
// withstand: Go's HTTP servers refuse most of what is about framing.
const mostWithstood = 0.25

// A gateway with every mistake lets nearly every attack in, and serves honest
// people all the same.
func TestTrustingGatewayIsCaught(t *testing.T) {
	log.SetOutput(io.Discard) // net/http's own complaints
	defer log.SetOutput(os.Stderr)
	w := startTrusting(t)
	w.sample = 60
	cases, err := loadCorpus()
	if err != nil {
		t.Fatal(err)
	}
	fast := scenarios[:0:0]
	for _, s := range scenarios {
		if s.item != "M8" { // it takes its time
			fast = append(fast, s)
		}
	}
	results, err := attack(context.Background(), w, cases, fast, regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if report(&out, results, false, time.Second) {
		t.Fatal("the report is content with a gateway that trusts everybody")
	}
	var everything strings.Builder
	attacks, withstood := 0, []string{}
	for _, r := range results {
		switch {
		case r.control && len(r.problems) > 0:
			t.Errorf("honest requests were refused: %s: %s", r.name, r.problems[0])
		case !r.control:
			attacks++
			if len(r.problems) == 0 {
				withstood = append(withstood, r.item+" "+r.name)
			}
		}
		everything.WriteString(strings.Join(r.problems, "\n") + "\n")
	}
	t.Logf("%d of %d attacks got in; not: %s", attacks-len(withstood), attacks, strings.Join(withstood, "; "))
	if float64(len(withstood)) > mostWithstood*float64(attacks) {
		t.Errorf("%d of %d attacks were withstood by a gateway that trusts everybody", len(withstood), attacks)
	}
	// every kind of verdict was given
	for _, word := range []string{
		"it reached the backend", "the backend believes", "the identity was lost", "a tunnel was opened", "trailers reached the backend",
		"the backend saw a token", "the answer shows", "Access-Control-Allow-Origin", "answered 200", "WeChat was asked", "the log of",
	} {
		if !strings.Contains(everything.String(), word) {
			t.Errorf("no attack was caught with %q", word)
		}
	}
}

// A wire between client and backend is what the careless parser of a request
// comes down to: all attacks that are written byte by byte are caught behind it.
func TestWireIsCaught(t *testing.T) {
	w := &world{tokens: make(map[string]string), nonces: make(map[string]bool), sample: 60, wechat: new(witness)}
	var err error
	if w.backend, err = startBackend(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.backend.stop)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				back, err := net.Dial("tcp", w.backend.addr)
				if err != nil {
					return
				}
				defer back.Close()
				go io.Copy(back, conn)
				io.Copy(conn, back)
			}()
		}
	}()
	for _, spec := range sites {
		w.sites = append(w.sites, &site{siteSpec: spec, http: ln.Addr().String(), https: ln.Addr().String()})
		for _, who := range []string{"alice", "bob", "careless", "loggedout", "revoked"} {
			w.tokens[spec.gateway+" "+spec.app+" "+who] = "a.b." + who
		}
	}
	all, err := loadCorpus()
	if err != nil {
		t.Fatal(err)
	}
	var raw []*attackCase
	for i := range all {
		if all[i].Raw != nil {
			all[i].Over = []string{"h1"}
			raw = append(raw, &all[i])
		}
	}
	results, err := fire(context.Background(), w, raw, make(uniform))
	if err != nil {
		t.Fatal(err)
	}
	problems := ""
	for _, r := range results {
		if len(r.problems) == 0 {
			t.Errorf("%s %s was not caught", r.item, r.name)
		}
		problems += strings.Join(r.problems, "\n")
	}
	for _, word := range []string{"a smuggled request", "one request became", "two lengths", "trailers reached", "the backend believes", "a tunnel was opened"} {
		if !strings.Contains(problems, word) {
			t.Errorf("no attack was caught with %q", word)
		}
	}
}

// Bytes that some backend takes for an identity, and how they are read here.
func TestNaiveReading(t *testing.T) {
	const head = "GET /x HTTP/1.1\r\nHost: a\r\n"
	for name, c := range map[string]struct {
		raw       string
		requests  int
		anonymous bool
	}{
		"nothing":              {head + "\r\n", 1, true},
		"a cousin":             {head + "X-WeChat: e\r\nX-WXY-A: e\r\n\r\n", 1, true},
		"ours":                 {head + "X-WeChat-OpenID: e\r\n\r\n", 1, false},
		"wrapped":              {head + "Grpc-Metadata-X-WeChat-OpenID: e\r\n\r\n", 1, false},
		"folded name":          {head + "x_wechat.openid: e\r\n\r\n", 1, false},
		"blank before colon":   {head + "X-WX-OPENID : e\r\n\r\n", 1, false},
		"folded line":          {head + "A: b\r\n X-WeChat-OpenID: e\r\n\r\n", 1, false},
		"bare LF":              {head + "A: b\nX-WeChat-OpenID: e\r\n\r\n", 1, false},
		"bare CR":              {head + "A: b\rX-WeChat-OpenID: e\r\n\r\n", 1, false},
		"in the body":          {head + "Content-Length: 20\r\n\r\nX-WeChat-OpenID: eve", 1, true},
		"in a chunk":           {head + "Transfer-Encoding: chunked\r\n\r\n14\r\nX-WeChat-OpenID: eve\r\n0\r\n\r\n", 1, true},
		"in the trailers":      {head + "Transfer-Encoding: chunked\r\n\r\n0\r\nX_WeChat_OpenID: e\r\n\r\n", 1, false},
		"behind a body":        {head + "Content-Length: 2\r\n\r\nhiGET /y HTTP/1.1\r\nX-WeChat-OpenID: e\r\n\r\n", 2, false},
		"behind a chunked one": {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /y HTTP/1.1\r\nX-WeChat-OpenID: e\r\n\r\n", 2, false},
	} {
		found := evidence{raw: c.raw}.read()
		anonymous := true
		for _, b := range found {
			anonymous = anonymous && b.isAnonymous()
			if b.broken != "" {
				t.Errorf("%s: %s", name, b.broken)
			}
		}
		if len(found) != c.requests || anonymous != c.anonymous {
			t.Errorf("%s: %d requests, anonymous %v; want %d, %v", name, len(found), anonymous, c.requests, c.anonymous)
		}
	}
	for _, raw := range []string{
		head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		head + "Content_Length: 1\r\nContent-Length: 2\r\n\r\nab", "hello",
	} {
		if found := (evidence{raw: raw}).read(); found[0].broken == "" {
			t.Errorf("%q is read without doubt", raw)
		}
	}
}
