// witness.go: stands between the gateways and the simulator of WeChat, and
// remembers what was asked.

package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

type witness struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	asked []string // path and query
}

func startWitness(sim string) (*witness, error) {
	target, err := url.Parse(sim)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &witness{url: "http://" + ln.Addr().String()}
	forward := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	w.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.URL.String())
		w.mu.Unlock()
		forward.ServeHTTP(rw, r)
	})}
	go w.server.Serve(ln)
	return w, nil
}

func (w *witness) stop() { w.server.Close() }

// about counts the calls that name a text.
func (w *witness) about(text string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, call := range w.asked {
		if strings.Contains(call, text) {
			n++
		}
	}
	return n
}
