// page.go: the page on which it can be seen: its files, its hop to the gateway and its hands.

package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// page.js is made of the .ts files beside it and of client/src; see page/build.mjs.
//
//go:embed page/index.html page/page.css page/page.js
var pageFiles embed.FS

// policy: the page loads nothing of anybody else's and is in nobody's frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// startPage serves, for this machine only:
//
//	/             the page
//	/demo/        its files, what was seen, and what a person at the simulator's
//	              phone, at WeChat or at the operator's desk could do
//	all the rest  the gateway, recorded
func startPage(s settings, record *recorder, ended chan<- error) (io.Closer, error) {
	listener, err := net.Listen("tcp", s.pageListen)
	if err != nil {
		return nil, fmt.Errorf("the demo's page: %w", err)
	}
	handler, err := s.pageHandler(record)
	if err != nil {
		return nil, err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: handler}
	go func() { ended <- fmt.Errorf("the demo's page ended: %w", server.Serve(listener)) }()
	return server, nil
}

// startWeChatHop records what the gateway asks of WeChat, on a port of its own.
func startWeChatHop(apiBase string, record *recorder, ended chan<- error) (io.Closer, string, error) {
	hop, err := newHop(apiBase, atWeChat, record)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("the demo's look at WeChat: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: hop}
	go func() { ended <- fmt.Errorf("the demo's look at WeChat ended: %w", server.Serve(listener)) }()
	return server, "http://" + listener.Addr().String(), nil
}

func (s settings) pageHandler(record *recorder) (http.Handler, error) {
	gateway, err := newHop(s.gateway, atGateway, record)
	if err != nil {
		return nil, err
	}
	phone, err := newHop("http://"+s.simulator, atPhone, record)
	if err != nil {
		return nil, err
	}
	operator, err := newHop("http://"+s.admin, atOperator, record)
	if err != nil {
		return nil, err
	}

	demo := http.NewServeMux()
	for _, file := range []string{"page.css", "page.js"} {
		demo.HandleFunc("GET /demo/"+file, func(w http.ResponseWriter, r *http.Request) { serveFile(w, r, file) })
	}
	demo.HandleFunc("GET /demo/settings", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]string{
			"gateway": s.gateway, "simulator": "http://" + s.simulator, "admin": "http://" + s.admin, "user": demoUser,
			"mini": s.appid, "official": officialAppID, "website": websiteAppID,
		})
	})
	demo.HandleFunc("GET /demo/seen", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		seen, last := record.after(after)
		writeJSON(w, map[string]any{"seen": seen, "last": last})
	})
	// of the simulator and the admin endpoint these calls, and no others
	demo.Handle("POST /demo/phone/sim/{call}", stripped("/demo/phone", phone))
	demo.Handle("GET /demo/operator/wechat/sessions", stripped("/demo/operator", operator))
	demo.Handle("POST /demo/operator/wechat/keys/rotate", stripped("/demo/operator", operator))
	demo.Handle("DELETE /demo/operator/wechat/users/{appid}/{openid}", stripped("/demo/operator", operator))
	// another page in the same browser must not play the operator
	guarded := http.NewCrossOriginProtection().Handler(demo)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host, _, _ := net.SplitHostPort(r.Host); {
		case host != "localhost" && host != "127.0.0.1":
			// nor a name that somebody else has pointed to this machine
			http.Error(w, "Please use http://localhost.", http.StatusForbidden)
		case r.URL.Path == "/" && r.Header.Get("Upgrade") == "":
			serveFile(w, r, "index.html")
		case strings.HasPrefix(r.URL.Path, "/demo/"):
			guarded.ServeHTTP(w, r)
		default:
			gateway.ServeHTTP(w, r)
		}
	}), nil
}

func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, pageFiles, "page/"+name)
}

// stripped is http.StripPrefix that also changes what the record shows.
func stripped(prefix string, next http.Handler) http.Handler {
	return http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path { // "%2e%2e" is one segment here, and may be two levels there
			http.NotFound(w, r)
			return
		}
		r.RequestURI = (&url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}).String()
		for name := range r.Header {
			// these are the page's, and not of the one whom it plays
			if name == "Cookie" || name == "Origin" || name == "Referer" || strings.HasPrefix(name, "Sec-") {
				delete(r.Header, name)
			}
		}
		next.ServeHTTP(w, r)
	}))
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value)
}
