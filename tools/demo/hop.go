// hop.go: a proxy that changes nothing and writes down what passes.

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// maxPassed bounds what a hop holds: the demo's bodies are small.
const maxPassed = 1 << 20

type passing struct{}

// newHop makes a hop in front of target. An exchange is written down before its
// answer goes back, so that who has the answer finds it in the record.
func newHop(target string, place string, record *recorder) (http.Handler, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	of := func(r *http.Request) *sighting { return r.Context().Value(passing{}).(*sighting) }
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // as it came, and not cleaned
			if place == atGateway {
				r.Out.Host = r.In.Host // the gateway's site is where the browser thinks it is
			} else {
				r.Out.Host = to.Host
			}
			if _, ok := r.In.Header["User-Agent"]; !ok {
				r.Out.Header.Set("User-Agent", "") // or Go would add its own
			}
		},
		ModifyResponse: func(answer *http.Response) error {
			if answer.StatusCode == http.StatusSwitchingProtocols {
				record.end(of(answer.Request), answer.StatusCode, answer.Header, nil)
				return nil
			}
			body, err := io.ReadAll(io.LimitReader(answer.Body, maxPassed))
			answer.Body.Close()
			if err != nil {
				return err
			}
			answer.Body = io.NopCloser(bytes.NewReader(body))
			record.end(of(answer.Request), answer.StatusCode, answer.Header, body)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			record.end(of(r), 0, nil, []byte(err.Error()))
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPassed))
		if err != nil {
			http.Error(w, "The demo takes at most 1 MiB.", http.StatusRequestEntityTooLarge)
			return
		}
		s := record.begin(place, r, body)
		r = r.WithContext(context.WithValue(r.Context(), passing{}, s))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if len(body) == 0 {
			r.Body = http.NoBody
		}
		proxy.ServeHTTP(w, r)
	}), nil
}
