// play_parallel.go: the scenario of many users on one connection.

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// playTogether mixes callers on one connection of each protocol. The gateway
// must not keep anything of one request for the next.
func playTogether(_ context.Context, w *world, r *result) error {
	s := w.site("cookie")
	callers := []struct{ openid, token string }{
		{alice, w.tokens["main "+appA+" alice"]}, {bob, w.tokens["main "+appA+" bob"]}, {"", ""}, {"", "nonsense"},
	}
	for _, protocol := range allProtocols {
		transport, closeAll := w.transport(protocol)
		var wg sync.WaitGroup
		type asked struct {
			x      *shot
			openid string
		}
		all := make(chan asked, 200)
		for n := range cap(all) {
			caller := callers[n%len(callers)]
			x := question{site: s, protocol: protocol, target: "/public/x", token: caller.token, fields: [][2]string{{"X-WeChat-OpenID", eve}}}.shot()
			all <- asked{x, caller.openid}
			wg.Go(func() {
				if err := roundTrip(transport, x); err != nil {
					r.check(false, "%s: %v", protocol, err)
				}
			})
		}
		wg.Wait()
		close(all)
		closeAll()
		seen := w.backend.seen()
		for a := range all {
			r.count(nil)
			w.know(a.x.nonce)
			list := seen[a.x.nonce]
			r.check(len(list) == 1, "%s: a request reached the backend %d times", protocol, len(list))
			for _, e := range list {
				for _, b := range e.read() {
					r.check(a.openid == "" && b.isAnonymous() || a.openid != "" && b.is(a.openid, appA), "%s: %q arrived as %v", protocol, a.openid, b.identity)
				}
			}
		}
	}
	return nil
}

func roundTrip(transport http.RoundTripper, x *shot) error {
	q, err := http.NewRequest(x.method, x.scheme()+"://"+x.host()+x.target, nil)
	if err != nil {
		return err
	}
	for _, f := range x.fields {
		q.Header.Add(f[0], f[1])
	}
	response, err := transport.RoundTrip(q)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", response.StatusCode)
	}
	return nil
}

// transport is an ordinary client of a protocol, with one connection where the
// protocol shares them.
func (w *world) transport(protocol string) (http.RoundTripper, func()) {
	here := func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	if protocol == "h3" {
		t := &http3.Transport{TLSClientConfig: w.clientTLS(), Dial: func(ctx context.Context, addr string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			return quic.DialAddrEarly(ctx, "127.0.0.1:"+port, tc, qc)
		}}
		return t, func() { t.Close() }
	}
	p := new(http.Protocols)
	p.SetHTTP1(protocol == "h1" || protocol == "h1s")
	p.SetHTTP2(protocol == "h2")
	p.SetUnencryptedHTTP2(protocol == "h2c")
	t := &http.Transport{Protocols: p, TLSClientConfig: w.clientTLS(), DialContext: here, MaxConnsPerHost: 4}
	return t, t.CloseIdleConnections
}
