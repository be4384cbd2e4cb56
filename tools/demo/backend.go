// backend.go: a backend that shows what the gateway tells it.

package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// identity are the headers that only the gateway can have set.
var identity = []string{"X-WeChat-OpenID", "X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone"}

func startBackend(address string, log io.Writer, ended chan<- error) (io.Closer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the demo backend: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if r.URL.Path == "/healthz" {
			fmt.Fprintln(w, "ok")
			return
		}
		fmt.Fprintf(log, "demo backend: %s %q from %q\n", r.Method, r.URL.Path, r.Header.Get("X-WeChat-OpenID"))
		fmt.Fprintf(w, "%s %s\n", r.Method, r.URL.Path)
		for _, name := range identity {
			if value := r.Header.Get(name); value != "" {
				fmt.Fprintf(w, "%s: %s\n", name, value)
			}
		}
		if info, err := base64.RawURLEncoding.DecodeString(r.Header.Get("X-WeChat-UserInfo")); err == nil && len(info) > 0 {
			fmt.Fprintf(w, "\nThe user info, decoded: %s\n", info)
		}
	})}
	go func() { ended <- fmt.Errorf("the demo backend ended: %w", server.Serve(listener)) }()
	return server, nil
}
