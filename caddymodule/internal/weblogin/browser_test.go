package weblogin

import (
	"net/http"
	"testing"
)

// headers makes a header of names and values.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestIsNavigation(t *testing.T) {
	chrome := "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	for _, c := range []struct {
		name, method string
		header       http.Header
		want         bool
	}{
		{"browser", "GET", headers("Sec-Fetch-Mode", "navigate", "Accept", chrome), true},
		{"HEAD", "HEAD", headers("Sec-Fetch-Mode", "navigate"), true},
		{"old browser", "GET", headers("Accept", chrome), true},
		{"capitals", "GET", headers("Accept", "application/json, TEXT/HTML ;q=0.5"), true},
		{"two lines", "GET", headers("Accept", "application/json", "Accept", "text/html"), true},
		{"form", "POST", headers("Sec-Fetch-Mode", "navigate", "Accept", chrome), false},
		{"OPTIONS", "OPTIONS", headers("Sec-Fetch-Mode", "navigate"), false},
		{"lower case method", "get", headers("Sec-Fetch-Mode", "navigate"), false},
		{"fetch", "GET", headers("Sec-Fetch-Mode", "cors", "Accept", chrome), false},
		{"two modes", "GET", headers("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Mode", "cors"), false},
		{"joined modes", "GET", headers("Sec-Fetch-Mode", "navigate, navigate"), false},
		{"image", "GET", headers("Sec-Fetch-Dest", "image", "Accept", chrome), false},
		{"with token", "GET", headers("Sec-Fetch-Mode", "navigate", "Authorization", "Bearer x"), false},
		{"with empty token", "GET", headers("Accept", chrome, "Authorization", ""), false},
		{"wx.request", "GET", headers("Accept", "*/*"), false},
		{"JSON", "GET", headers("Accept", "application/json"), false},
		{"refused", "GET", headers("Accept", "text/html;q=0, application/json"), false},
		{"refused exactly", "GET", headers("Accept", "text/html; level=1; q=0.000"), false},
		{"near name", "GET", headers("Accept", "text/html5, xtext/html, text/htm"), false},
		{"Unicode blanks", "GET", headers("Accept", "\u00a0text/html"), false},
		{"nothing", "GET", headers(), false},
	} {
		if got := IsNavigation(c.method, c.header); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestIsForeignPage(t *testing.T) {
	const host = "app.example.com"
	for _, c := range []struct {
		name   string
		host   string
		header http.Header
		want   bool
	}{
		{"no browser", host, headers(), false},
		{"own page", host, headers("Sec-Fetch-Site", "same-origin", "Origin", "https://app.example.com"), false},
		{"typed in", host, headers("Sec-Fetch-Site", "none"), false},
		{"Host rewritten on the way", "backend:8080", headers("Sec-Fetch-Site", "same-origin", "Origin", "https://app.example.com"), false},
		{"sibling domain", host, headers("Sec-Fetch-Site", "same-site", "Origin", "https://app.example.com"), true},
		{"cross-site", host, headers("Sec-Fetch-Site", "cross-site"), true},
		{"two values", host, headers("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "same-origin"), true},
		{"joined values", host, headers("Sec-Fetch-Site", "same-origin, none"), true},
		{"capitals", host, headers("Sec-Fetch-Site", "Same-Origin"), true},
		{"empty", host, headers("Sec-Fetch-Site", ""), true},
		{"old browser, own page", host, headers("Origin", "https://app.example.com"), false},
		{"own port", host + ":8443", headers("Origin", "https://app.example.com:8443"), false},
		{"scheme's own port", host + ":443", headers("Origin", "https://app.example.com"), false},
		{"capital Host", "App.Example.com", headers("Origin", "https://app.example.com"), false},
		{"another port", host, headers("Origin", "https://app.example.com:8443"), true},
		{"another port here", host + ":8443", headers("Origin", "https://app.example.com"), true},
		{"another host", host, headers("Origin", "https://evil.example"), true},
		{"suffix", host, headers("Origin", "https://app.example.com.evil.example"), true},
		{"prefix", host, headers("Origin", "https://xapp.example.com"), true},
		{"unprotected page", host, headers("Origin", "http://app.example.com"), true},
		{"another scheme", host, headers("Origin", "ftp://app.example.com"), true},
		{"null", host, headers("Origin", "null"), true},
		{"empty Origin", host, headers("Origin", ""), true},
		{"two Origins", host, headers("Origin", "https://app.example.com", "Origin", "https://app.example.com"), true},
		{"joined Origins", host, headers("Origin", "https://app.example.com https://evil.example"), true},
		{"path", host, headers("Origin", "https://app.example.com/"), true},
		{"user", host, headers("Origin", "https://app.example.com@evil.example"), true},
		{"own user", host, headers("Origin", "https://evil@app.example.com"), true},
		{"blank", host, headers("Origin", " https://app.example.com"), true},
		{"no browser writes it so", host, headers("Origin", "HTTPS://APP.example.com"), true},
		{"port written out", host, headers("Origin", "https://app.example.com:443"), true},
		{"Kelvin sign", "kite.example", headers("Origin", "https://\u212aite.example"), true},
		{"no Host", "", headers("Origin", "https://app.example.com"), true},
		{"mini program", host, headers("Origin", "https://servicewechat.com"), true},
	} {
		if got := IsForeignPage(c.header, c.host, true); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// Something in front of the gateway may have ended TLS, or nobody uses it.
	for _, o := range []string{"https://app.example.com", "http://app.example.com"} {
		if IsForeignPage(headers("Origin", o), host, false) {
			t.Errorf("without TLS: %s is foreign", o)
		}
	}
}

func TestTrustedOrigins(t *testing.T) {
	named, err := ParseTrustedOrigins("https://Shop.example.com:443", "capacitor://localhost")
	if err != nil {
		t.Fatal(err)
	}
	everyone, err := ParseTrustedOrigins("*", "https://shop.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		origins      []string
		named, every Trust
	}{
		{[]string{"https://shop.example.com"}, Named, Named},
		{[]string{"capacitor://localhost"}, Named, ByToken},
		{[]string{"https://evil.example"}, Untrusted, ByToken},
		{[]string{"http://shop.example.com"}, Untrusted, ByToken},
		{[]string{"https://shop.example.com.evil.example"}, Untrusted, ByToken},
		{[]string{"HTTPS://shop.example.com"}, Untrusted, ByToken},
		{[]string{"https://shop.example.com/"}, Untrusted, ByToken},
		{[]string{"null"}, Untrusted, ByToken},
		{[]string{""}, Untrusted, Untrusted},
		{[]string{"https://shop.example.com", "https://evil.example"}, Untrusted, Untrusted},
		{nil, Untrusted, Untrusted},
	} {
		h := http.Header{"Origin": c.origins}
		if sent, got := named.Of(h); got != c.named || (got == Untrusted) != (sent == "") {
			t.Errorf("%q: %q, %v", c.origins, sent, got)
		}
		if sent, got := everyone.Of(h); got != c.every || (got == Untrusted) != (sent == "") {
			t.Errorf("%q, with *: %q, %v", c.origins, sent, got)
		}
	}
	if _, got := (TrustedOrigins{}).Of(headers("Origin", "https://a.example")); got != Untrusted || (TrustedOrigins{}).Any() || !named.Any() || !everyone.Any() {
		t.Error("the zero value trusts somebody, or Any is wrong")
	}
	if _, err := ParseTrustedOrigins("https://a.example", "b.example"); err == nil {
		t.Error("a bare host is taken")
	}
}
