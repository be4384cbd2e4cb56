package weblogin

import (
	"strings"
	"testing"
)

func TestParseOrigin(t *testing.T) {
	for in, want := range map[string]string{
		"https://app.example.com":       "https://app.example.com",
		"HTTPS://App.Example.COM:443":   "https://app.example.com",
		"http://app.example.com:80":     "http://app.example.com",
		"http://app.example.com:443":    "http://app.example.com:443",
		"https://a.example:8443":        "https://a.example:8443",
		"https://[2001:DB8::1]:8443":    "https://[2001:db8::1]:8443",
		"https://[2001:db8:0:0::1]:443": "https://[2001:db8::1]",
		"http://127.0.0.1:5173":         "http://127.0.0.1:5173",
		"capacitor://localhost":         "capacitor://localhost",
		"https://例子.中国":                 "https://xn--fsqu00a.xn--fiqs8s",
		"https://my_app.example":        "https://my_app.example",
	} {
		o, err := ParseOrigin(in)
		if err != nil || o.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, o, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                         "for example https://",
		"app.example.com":          "for example https://",
		"*":                        "for example https://",
		"null":                     "for example https://",
		"://a.example":             "for example https://",
		"1s://a.example":           "for example https://",
		"https://a.example/":       `remove what follows the host ("/")`,
		"https://a.example/path":   "remove what follows the host",
		"https://a.example?x":      "remove what follows the host",
		`https://a.example\b`:      "remove what follows the host",
		"https://u@a.example":      "remove what precedes the @",
		"https://*.example.com":    "name each origin",
		"https://":                 "host is missing",
		"https://:443":             "host is missing",
		"https://a.example:":       "port",
		"https://a.example:0":      "port",
		"https://a.example:080":    "port",
		"https://a.example:65536":  "port",
		"https://a.example:123456": "port",
		"https://a.example:1:2":    "port",
		"https://a b":              "character",
		"https://a.example\n":      "character",
		"https://[::1":             "character",
		"https://[::1]x":           "in brackets",
		"https://[127.0.0.1]":      "IPv6",
		"https://[fe80::1%eth0]":   "IPv6",
		"https://a.example\u2003":  "domain name",
		"https://a.exa\u212Aple:x": "port",
	} {
		if o, err := ParseOrigin(in); err == nil || !strings.Contains(err.Error(), want) || o != (Origin{}) {
			t.Errorf("%q: %q, %v; want an error with %q", in, o, err, want)
		}
	}
}

func TestParseSite(t *testing.T) {
	for _, in := range []string{"https://auth.example.com", "http://localhost:8080", "http://a.localhost", "http://127.9.9.9", "http://[::1]:80"} {
		if _, err := ParseSite(in); err != nil {
			t.Errorf("%q: %v", in, err)
		}
	}
	for in, want := range map[string]string{
		"http://auth.example.com:80":    "write https://auth.example.com",
		"http://localhost.example.com":  "loopback",
		"http://128.0.0.1":              "loopback",
		"capacitor://localhost":         "scheme https",
		"https://auth.example.com/auth": "remove",
	} {
		if _, err := ParseSite(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want an error with %q", in, err, want)
		}
	}
}

func TestSiteOrigin(t *testing.T) {
	for _, c := range []struct {
		host string
		tls  bool
		want string
	}{
		{"app.example.com", true, "https://app.example.com"},
		{"App.example.com", false, "https://app.example.com"},
		{"app.example.com:443", false, "https://app.example.com"},
		{"app.example.com:8443", true, "https://app.example.com:8443"},
		{"localhost:8080", false, "http://localhost:8080"},
		{"localhost:80", false, "http://localhost"},
		{"localhost:8443", true, "https://localhost:8443"},
		{"127.0.0.1:8080", false, "http://127.0.0.1:8080"},
		{"[::1]:8080", false, "http://[::1]:8080"},
	} {
		if o, err := SiteOrigin(c.host, c.tls); err != nil || o.String() != c.want {
			t.Errorf("%q, %v: %q, %v; want %q", c.host, c.tls, o, err, c.want)
		}
	}
	for _, host := range []string{"", ":80", "a/b", "a@b", "a b", "a\tb", "a?b", "a#b", `a\b`, "a\"b", "a:x", "a%2fb", strings.Repeat("a", 300)} {
		if o, err := SiteOrigin(host, true); err == nil {
			t.Errorf("%q: %q", host, o)
		}
	}
}
