// allocs.go: what a Caddy process has allocated so far. Unlike time, it hardly
// depends on what else the machine does.

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// heap counts objects, bytes and garbage collections since a process began.
type heap struct {
	objects, bytes, collections float64
}

// heap asks the admin endpoint of a Caddy process; of nginx there is nothing to ask.
func (p *proxy) heap(ctx context.Context) (h heap, err error) {
	if !p.isCaddy() {
		return h, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.at.admin+"/debug/pprof/heap?debug=1", nil)
	if err != nil {
		return h, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return h, p.failed(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return h, err
	}
	for name, value := range map[string]*float64{"Mallocs": &h.objects, "TotalAlloc": &h.bytes, "NumGC": &h.collections} {
		_, rest, ok := strings.Cut(string(text), "\n# "+name+" = ")
		number, _, _ := strings.Cut(rest, "\n")
		if *value, err = strconv.ParseFloat(strings.TrimSpace(number), 64); !ok || err != nil {
			return h, fmt.Errorf("the admin endpoint of %s tells no %s", p.name, name)
		}
	}
	return h, nil
}

// since is the mean of n requests between two counts.
func (h heap) since(before heap, n int) allocations {
	per := float64(max(1, n))
	return allocations{
		Objects: (h.objects - before.objects) / per, Bytes: (h.bytes - before.bytes) / per,
		Collections: (h.collections - before.collections) / per,
	}
}

// allocations are those of a request. There are none of nginx.
type allocations struct {
	Objects     float64 `json:"objects"`
	Bytes       float64 `json:"bytes"`
	Collections float64 `json:"collections"`
}
