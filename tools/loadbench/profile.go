// profile.go: the CPU profile that the compiler reads from cmd/caddy/default.pgo.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	pprof "github.com/google/pprof/profile"
)

// profile runs four kinds of traffic, one after the other, takes a profile of
// each through Caddy's admin endpoint, and merges them. Most of the time goes to
// what an operator's machine does most: requests through the gate.
func profile(ctx context.Context, s *settings, b *binaries, dir string) error {
	f, err := newFleet(ctx, b, dir)
	if err != nil {
		return err
	}
	defer f.stop()
	gated, err := f.open(ctx, &variant{name: "gate", kind: gate, binary: b.caddy, store: "memory"}, true)
	if err != nil {
		return err
	}
	bare, err := f.open(ctx, &variant{name: "plain", binary: b.caddy}, false)
	if err != nil {
		return err
	}
	for _, p := range []*proxy{gated, bare} {
		if err := p.prepare(ctx, f, s.users); err != nil {
			return err
		}
		if err := p.dial(s.conns); err != nil {
			return err
		}
		defer closeAll(p.conns)
	}

	closed := func(p *proxy) func(context.Context) error {
		return func(ctx context.Context) error {
			for ctx.Err() == nil {
				if _, err := p.closed(ctx, 0, s.requests); err != nil {
					return err
				}
			}
			return ctx.Err()
		}
	}
	phases := []struct {
		name  string
		share float64
		p     *proxy
		load  func(context.Context) error
	}{
		{"gate", .45, gated, closed(gated)},
		{"plain", .2, bare, closed(bare)},
		{"gate over HTTPS and HTTP/2", .25, gated, gated.overTLS},
		{"login", .1, gated, func(ctx context.Context) error { return gated.keepLoggingIn(ctx, f) }},
	}
	var parts []*pprof.Profile
	for _, phase := range phases {
		length := time.Duration(phase.share * float64(s.profileTime)).Round(time.Second)
		fmt.Fprintf(os.Stderr, "profile of %s, %s\n", phase.name, length)
		part, err := profilePhase(ctx, phase.p, length, phase.load)
		if err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
		parts = append(parts, part)
	}
	if err := keep(s.profile, parts); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "written:", s.profile)
	return nil
}

// keep merges profiles into a file. What the compiler does not read, and would
// tell where they were made, is left out.
//
// So is crypto/sha256. Its Sum256 calls through the interface hash.Hash, which the
// compiler sees through as long as sha256.New is small. A profile makes New large,
// by inlining what it calls, and then what the caller of Sum256 lends has to be on
// the heap: a kilobyte for each request that the gate checks.
func keep(path string, parts []*pprof.Profile) error {
	merged, err := pprof.Merge(parts)
	if err != nil {
		return fmt.Errorf("merging the profiles: %w", err)
	}
	for _, m := range merged.Mapping {
		m.File, m.BuildID = filepath.Base(m.File), ""
	}
	merged.TimeNanos = 0
	merged.Sample = slices.DeleteFunc(merged.Sample, func(s *pprof.Sample) bool {
		return slices.ContainsFunc(s.Location, func(l *pprof.Location) bool {
			return slices.ContainsFunc(l.Line, func(line pprof.Line) bool { return strings.HasPrefix(line.Function.Name, "crypto/sha256.") })
		})
	})
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(merged.Write(file), file.Close())
}

// profilePhase takes a profile while the load runs.
func profilePhase(ctx context.Context, p *proxy, length time.Duration, load func(context.Context) error) (*pprof.Profile, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var part *pprof.Profile
	var fetched error
	wg.Go(func() {
		defer cancel()
		time.Sleep(500 * time.Millisecond) // the load is on its way
		part, fetched = fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.at.admin, int(max(1, length.Seconds()))))
	})
	err := load(ctx)
	wg.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return part, fetched
}

func fetch(ctx context.Context, url string) (*pprof.Profile, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return pprof.Parse(resp.Body)
}

// overTLS sends requests as browsers and WeChat do: HTTP/2 over TLS, now and
// then on a new connection.
func (p *proxy) overTLS(ctx context.Context) error {
	const workers, perConnection = 16, 500
	var tokens []string
	for _, request := range p.requests {
		_, rest, _ := strings.Cut(string(request), "Authorization: ")
		token, _, _ := strings.Cut(rest, "\r\n")
		tokens = append(tokens, token)
	}
	_, port, _ := strings.Cut(p.at.tls, ":")
	work := func(worker int) error {
		for ctx.Err() == nil {
			transport := &http.Transport{
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // Caddy's own CA of this minute
				ForceAttemptHTTP2: true,
			}
			client := &http.Client{Transport: transport}
			for i := range perConnection {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost:"+port+"/api/v1/orders?page=1", nil)
				if err != nil {
					return err
				}
				req.Header.Set("Authorization", tokens[(i*workers+worker)%len(tokens)])
				resp, err := client.Do(req)
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
					return fmt.Errorf("HTTPS answered %s %s", resp.Proto, resp.Status)
				}
			}
			transport.CloseIdleConnections()
		}
		return ctx.Err()
	}
	failed := make(chan error, workers)
	for worker := range workers {
		go func() { failed <- work(worker) }()
	}
	var first error
	for range workers {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

// keepLoggingIn logs new users in until ctx ends.
func (p *proxy) keepLoggingIn(ctx context.Context, f *fleet) error {
	conns, err := dialAll(p.at.site, loginConns)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	for ctx.Err() == nil {
		codes, err := f.codes(ctx, 500)
		if err != nil {
			return err
		}
		if _, err := p.login(ctx, conns, codes); err != nil {
			return err
		}
	}
	return ctx.Err()
}
