package gate

import (
	"net/http"
	"testing"
)

func TestForeignOrigin(t *testing.T) {
	const host = "app.example.com"
	tests := []struct {
		name    string
		host    string
		plain   bool // over http
		site    []string
		origin  []string
		foreign bool
	}{
		{"no browser", host, false, nil, nil, false},
		{"same origin", host, false, nil, []string{"https://app.example.com"}, false},
		{"same origin, said twice over", host, false, []string{"same-origin"}, []string{"https://app.example.com"}, false},
		{"typed address", host, false, []string{"none"}, nil, false},
		{"default port in the origin", host, false, nil, []string{"https://app.example.com:443"}, false},
		{"default port in the host", host + ":443", false, nil, []string{"https://app.example.com"}, false},
		{"other port on both", host + ":8443", false, nil, []string{"https://app.example.com:8443"}, false},
		{"case", "APP.example.COM", false, nil, []string{"https://app.Example.com"}, false},
		{"dot at the end", host + ".", false, nil, []string{"https://app.example.com"}, false},
		{"IPv6", "[::1]:8443", false, nil, []string{"https://[::1]:8443"}, false},
		{"IPv6 without port", "[::1]", false, nil, []string{"https://[::1]:443"}, false},
		{"plain site", "localhost:8080", true, nil, []string{"http://localhost:8080"}, false},
		{"plain site, default port", "localhost", true, nil, []string{"http://localhost:80"}, false},
		{"TLS ended before us", host, true, nil, []string{"https://app.example.com"}, false},

		{"cross-site", host, false, []string{"cross-site"}, nil, true},
		{"same-site", host, false, []string{"same-site"}, nil, true},
		{"same-site with a good origin", host, false, []string{"same-site"}, []string{"https://app.example.com"}, true},
		{"unknown word", host, false, []string{"same-origin "}, nil, true},
		{"empty word", host, false, []string{""}, nil, true},
		{"two words", host, false, []string{"same-origin", "cross-site"}, nil, true},
		{"two equal words", host, false, []string{"same-origin", "same-origin"}, nil, true},
		{"another host", host, false, nil, []string{"https://evil.example"}, true},
		{"another host, though same-origin is said", host, false, []string{"same-origin"}, []string{"https://evil.example"}, true},
		{"sibling", host, false, nil, []string{"https://other.example.com"}, true},
		{"parent", host, false, nil, []string{"https://example.com"}, true},
		{"subdomain", host, false, nil, []string{"https://x.app.example.com"}, true},
		{"our name in front", host, false, nil, []string{"https://app.example.com.evil.example"}, true},
		{"our name behind", host, false, nil, []string{"https://evilapp.example.com"}, true},
		{"our name as user", host, false, nil, []string{"https://app.example.com@evil.example"}, true},
		{"our name as path", host, false, nil, []string{"https://evil.example/app.example.com"}, true},
		{"another port", host, false, nil, []string{"https://app.example.com:8443"}, true},
		{"another port on the host", host + ":8443", false, nil, []string{"https://app.example.com"}, true},
		{"plain page on a TLS site", host, false, nil, []string{"http://app.example.com"}, true},
		{"plain page with the TLS port", host, false, nil, []string{"http://app.example.com:443"}, true},
		{"null", host, false, nil, []string{"null"}, true},
		{"empty", host, false, nil, []string{""}, true},
		{"two origins", host, false, nil, []string{"https://app.example.com", "https://evil.example"}, true},
		{"two in one", host, false, nil, []string{"https://app.example.com https://evil.example"}, true},
		{"no scheme", host, false, nil, []string{"app.example.com"}, true},
		{"scheme-relative", host, false, nil, []string{"//app.example.com"}, true},
		{"extension", host, false, nil, []string{"chrome-extension://app.example.com"}, true},
		{"file", host, false, nil, []string{"file://app.example.com"}, true},
		{"backslash", host, false, nil, []string{`https://app.example.com\@evil.example`}, true},
		{"control character", host, false, nil, []string{"https://app.example.com\x00"}, true},
		{"no host on the request", "", false, nil, []string{"https://app.example.com"}, true},
		{"no host at all", "", false, nil, []string{"https://"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Asked{Host: tt.host, Header: make(http.Header), TLS: !tt.plain}
			if tt.site != nil {
				r.Header["Sec-Fetch-Site"] = tt.site
			}
			if tt.origin != nil {
				r.Header["Origin"] = tt.origin
			}
			if got := ForeignOrigin(r); got != tt.foreign {
				t.Errorf("ForeignOrigin = %v; want %v", got, tt.foreign)
			}
		})
	}
}

// Only the host decides, which the client's connection is for. A page chooses
// neither; the headers of proxies it may.
func TestForeignOriginReadsNoForwardedHost(t *testing.T) {
	r := &Asked{Host: "app.example.com", TLS: true, Header: http.Header{
		"Origin":            {"https://evil.example"},
		"X-Forwarded-Host":  {"evil.example"},
		"X-Original-Host":   {"evil.example"},
		"Forwarded":         {"host=evil.example"},
		"Referer":           {"https://app.example.com/"},
		"X-Requested-With":  {"XMLHttpRequest"},
		"X-Forwarded-Proto": {"https"},
	}}
	if !ForeignOrigin(r) {
		t.Error("a forwarded host makes a foreign origin our own")
	}
}
