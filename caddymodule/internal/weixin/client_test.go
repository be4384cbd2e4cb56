// client_test.go: which options make a client, and what closing one does.

package weixin

import (
	"math"
	"strings"
	"testing"
	"time"
)

// The app secret goes to the base URL, so a typo in it must not send it in clear text
// or to a place an attacker chose; and the error must not print a password.
func TestBaseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"":                            "https://api.weixin.qq.com",
		"https://api.weixin.qq.com":   "https://api.weixin.qq.com",
		"https://api2.weixin.qq.com/": "https://api2.weixin.qq.com",
		"HTTPS://gw.example:8443/wx/": "https://gw.example:8443/wx",
		"http://127.0.0.1:8080":       "http://127.0.0.1:8080",
		"http://127.9.9.9":            "http://127.9.9.9",
		"http://[::1]:8080":           "http://[::1]:8080",
		"http://localhost:8080":       "http://localhost:8080",
		"https://[2001:db8::1]":       "https://[2001:db8::1]",
	} {
		c, err := New(Options{BaseURL: raw})
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if got := c.base.String(); got != want {
			t.Errorf("%q: base = %q, want %q", raw, got, want)
		}
		_ = c.Close()
	}
	for raw, why := range map[string]string{
		"http://api.weixin.qq.com":          "https",
		"http://10.0.0.1":                   "loopback",
		"http://localhost.evil.example":     "loopback",
		"http://127.0.0.1.evil.example":     "loopback",
		"http://0.0.0.0":                    "loopback",
		"ftp://api.weixin.qq.com":           "https",
		"api.weixin.qq.com":                 "host",
		"//api.weixin.qq.com":               "https",
		"https://":                          "host",
		"https://:443":                      "host",
		"https:api.weixin.qq.com":           "host",
		"https://u:hunter2@api.example":     "user info",
		"https://u@api.example":             "user info",
		"https://api.example?token=hunter2": "query",
		"https://api.example?":              "query",
		"https://api.example/#hunter2":      "fragment",
		"https://api.example#":              "fragment",
		"https://api.example:hunter2":       "parsed",
		"https://api.example/\x00hunter2":   "parsed",
	} {
		c, err := New(Options{BaseURL: raw})
		if err == nil {
			_ = c.Close()
			t.Errorf("%q is accepted", raw)
		} else if !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want a word on %q and no password", raw, err, why)
		}
	}
}

// A simulator in another container is reached in the clear, and only on the operator's word.
func TestInsecureBaseURL(t *testing.T) {
	c := newClient(t, "http://wechatsim:8080", func(o *Options) { o.Insecure = true })
	if got := c.base.String(); got != "http://wechatsim:8080" {
		t.Errorf("base = %q", got)
	}
	for _, raw := range []string{"ftp://wechatsim", "http://u:hunter2@wechatsim", "http://"} {
		if _, err := ParseBaseURL(raw, true); err == nil {
			t.Errorf("%q is accepted", raw)
		}
	}
}

func TestOptions(t *testing.T) {
	c := newClient(t, "")
	if g := c.gate; g.places != 64 || g.maxQueue != 1024 || g.partPlaces != 16 || g.partQueue != 256 {
		t.Errorf("defaults %d, %d, parts %d, %d; want 64, 1024, 16, 256", g.places, g.maxQueue, g.partPlaces, g.partQueue)
	}
	want := breakerOptions{10 * time.Second, 10, 20, 0.6, 5 * time.Second, 2}
	if got, err := (breakerOptions{}).withDefaults(); got != want || err != nil {
		t.Errorf("breaker defaults %+v, %v; want %+v", got, err, want)
	}
	for _, o := range []Options{
		{MaxConcurrent: -1},
		{breaker: breakerOptions{Window: -1}},
		{breaker: breakerOptions{ConsecutiveFailures: -1}},
		{breaker: breakerOptions{MinRequests: -1}},
		{breaker: breakerOptions{FailureRatio: -0.1}},
		{breaker: breakerOptions{FailureRatio: 1.1}},
		{breaker: breakerOptions{FailureRatio: math.NaN()}},
		{breaker: breakerOptions{OpenFor: -1}},
		{breaker: breakerOptions{Probes: -1}},
	} {
		if c, err := New(o); err == nil {
			_ = c.Close()
			t.Errorf("%+v is accepted", o)
		}
	}
}

// A pool's destructor may run with calls out; they finish, and it may run twice.
func TestClose(t *testing.T) {
	c := serve(t, say(goodAnswer))
	for range 2 {
		if _, err := exchange(t.Context(), c, testCode); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
