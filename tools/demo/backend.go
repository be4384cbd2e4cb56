// backend.go: a backend that shows what the gateway tells it.

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// identity are the headers that only the gateway can have set.
var identity = []string{"X-WeChat-OpenID", "X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone"}

func startBackend(address string, log io.Writer, record *recorder, ended chan<- error) (io.Closer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the demo backend: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			fmt.Fprintln(w, "ok")
			return
		}
		fmt.Fprintf(log, "demo backend: %s %q from %q\n", r.Method, r.URL.Path, r.Header.Get("X-WeChat-OpenID"))
		body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPassed))
		s := record.begin(atBackend, r, body)
		if r.Header.Get("Upgrade") != "" {
			record.end(s, http.StatusSwitchingProtocols, nil, nil)
			talk(w, r, record)
			return
		}
		answer := greet(r)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		record.end(s, http.StatusOK, w.Header(), answer)
		_, _ = w.Write(answer)
	})}
	go func() { ended <- fmt.Errorf("the demo backend ended: %w", server.Serve(listener)) }()
	return server, nil
}

// greet says who is calling, as far as the gateway has told.
func greet(r *http.Request) []byte {
	answer := fmt.Appendf(nil, "%s %s\n", r.Method, r.URL.Path)
	for _, name := range identity {
		if value := r.Header.Get(name); value != "" {
			answer = fmt.Appendf(answer, "%s: %s\n", name, value)
		}
	}
	if info, err := base64.RawURLEncoding.DecodeString(r.Header.Get("X-WeChat-UserInfo")); err == nil && len(info) > 0 {
		answer = fmt.Appendf(answer, "\nThe user info, decoded: %s\n", info)
	}
	return answer
}

// farewell says how a connection ended.
func farewell(err error) string {
	if code := websocket.CloseStatus(err); code >= 0 {
		return fmt.Sprintf("with close code %d", code)
	}
	return "without a close frame"
}

// talk is the other end of a WebSocket: it says each message again, with the
// name of the caller, until the gateway or the caller ends it.
func talk(w http.ResponseWriter, r *http.Request, record *recorder) {
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // which Accept has answered
	}
	defer socket.CloseNow()
	note := func(method string, text []byte) {
		record.end(record.begin(atBackend, &http.Request{Method: method, RequestURI: r.RequestURI}, text), 0, nil, nil)
	}
	for {
		kind, message, err := socket.Read(context.Background())
		if err != nil {
			note("CLOSED", []byte(farewell(err)))
			return
		}
		note("MESSAGE", message)
		if err := socket.Write(context.Background(), kind, fmt.Appendf(nil, "%s: %s", r.Header.Get("X-WeChat-OpenID"), message)); err != nil {
			return
		}
	}
}
