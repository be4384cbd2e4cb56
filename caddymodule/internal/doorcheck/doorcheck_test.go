package doorcheck

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var token = strings.Join([]string{
	base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"AAAAAAAAAAAAAAAA","typ":"JWT"}`)),
	base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"wechat-gateway","sub":"oALICE"}`)), "c2lnbmF0dXJlLW9mLWFsaWNl",
}, ".")

// door is a proxy with its check and its backend, in one; flaw is what is wrong with it.
type door struct {
	flaw   string
	logout atomic.Bool
}

const hostile = "\x1b]0;owned\x07\x1b[31m\r\nTHROUGH"

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.flaw == "hostile" {
		w.Header().Set("Server", "THROUGH")
	}
	if d.flaw == "hostile header" {
		w.Header().Set("Server", hostile)
	}
	if d.flaw == "host" {
		w.Header().Set("X-Wechat-Error", "invalid_token") // it is the check itself
	}
	if r.URL.Path == "/wechat/logout" {
		d.logout.Store(true)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	known := slices.Equal(r.Header["Authorization"], []string{"Bearer " + token}) && (!d.logout.Load() || d.flaw == "cache")
	switch {
	case d.flaw == "no check":
		known = true
	case d.flaw == "forwarded path" && r.Header.Get("X-Forwarded-Uri") != "",
		d.flaw == "method" && r.Method == "OPTIONS",
		d.flaw == "path" && strings.Contains(r.RequestURI, "..;"),
		d.flaw == "identity is enough" && r.Header.Get("X-Wechat-Openid") != "",
		d.flaw == "user agent" && strings.HasPrefix(r.UserAgent(), "kube-probe"):
		known = true
	case d.flaw == "host" && strings.HasPrefix(r.Host, "forged.example"):
		return // an empty 200
	case d.flaw == "bad token is nobody" && !known && r.Header["Authorization"] != nil:
		known = true
	}
	if !known {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_token","error_description":"log in"}`+map[bool]string{true: hostile}[d.flaw == "hostile"])
		return
	}
	// what reaches the backend, which shows it
	for name := range r.Header {
		folded := strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return '-'
		}, strings.ToLower(name))
		alias := strings.Contains(name, "_")
		if strings.Contains(folded, "x-wechat-") || strings.Contains(folded, "x-wx-") {
			if d.flaw == "identity passes" && name == "X-Wx-Openid" || d.flaw == "aliases pass" && alias || d.flaw == "wrapped pass" && strings.HasPrefix(name, "Grpc") {
				continue
			}
			delete(r.Header, name)
		}
	}
	if d.flaw != "no identity" {
		r.Header.Set("X-Wechat-Openid", "oALICE")
	}
	if d.flaw == "hops" {
		for name := range strings.SplitSeq(r.Header.Get("Connection"), ",") {
			r.Header.Del(strings.TrimSpace(name))
		}
	}
	if d.flaw != "credential" {
		r.Header.Del("Authorization")
	}
	shown, _ := httputil.DumpRequest(r, true)
	w.Write(shown)
	if d.flaw == "trailers" {
		fmt.Fprint(w, r.Trailer)
	}
}

// TestFlaws asks doors that are wrong in one way each: it is found, named, and nothing
// else is. A door without a flaw lets nothing through.
func TestFlaws(t *testing.T) {
	for flaw, want := range map[string]struct {
		what string // part of each finding
		mend string
	}{
		"":                    {},
		"hostile":             {},
		"no check":            {"let through with 200", ""},
		"forwarded path":      {"X-Forwarded-Uri", mendMetadata},
		"user agent":          {"User-Agent: kube-probe", mendMetadata},
		"method":              {"", ""},
		"path":                {"..;", mendPath},
		"host":                {"forged.example", mendEmpty},
		"identity is enough":  {", without a token: let through with 200", mendMetadata},
		"bad token is nobody": {"", ""},
		"identity passes":     {"a client's", mendIdentity},
		"aliases pass":        {"a client's", mendIdentity},
		"wrapped pass":        {"a client's Grpc-Metadata-", mendIdentity},
		"no identity":         {"the backend is not told who is calling", ""},
		"hops":                {"Connection:", mendHops},
		"credential":          {"the credential reaches the backend", mendToken},
		"trailers":            {"trailer", mendTrailers},
		"cache":               {"after the logout the session still gets in", mendCache},
	} {
		t.Run(flaw, func(t *testing.T) {
			server := httptest.NewServer(&door{flaw: flaw})
			defer server.Close()
			opts := Options{URL: server.URL + "/api/me", Echo: server.URL + "/api/echo", Logout: server.URL + "/wechat/logout", Token: token}
			if flaw == "no check" {
				opts.Logout = ""
			}
			if flaw == "host" {
				opts = Options{URL: server.URL}
			}
			got, err := Run(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if got.Asked < 150 && flaw != "no check" {
				t.Errorf("asked %d times", got.Asked)
			}
			sound := flaw == "" || flaw == "hostile"
			if sound != (len(got.Findings) == 0) {
				t.Errorf("findings %+v", got.Findings)
			}
			for _, f := range got.Findings {
				if !strings.Contains(f.What, want.what) || f.Mend == "" || want.mend != "" && f.Mend != want.mend {
					t.Errorf("%+v; want one about %q, and %q", f, want.what, want.mend)
				}
			}
			for _, text := range append(got.Notes, fmt.Sprint(got.Findings)) {
				if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) || strings.Contains(text, "THROUGH") {
					t.Errorf("a stranger's bytes: %q", text)
				}
			}
			if text := fmt.Sprint(got); strings.Contains(text, "c2lnbmF0dXJl") {
				t.Error("the report shows the token")
			}
		})
	}
}

// Who cannot be asked is no door that lets nothing through.
func TestErrors(t *testing.T) {
	server := httptest.NewServer(&door{})
	server.Close()
	for _, opts := range []Options{
		{URL: "api.example.com"}, {URL: "ftp://127.0.0.1/"}, {URL: "http://user:secret@127.0.0.1/"}, {URL: "http://\x1b[31m/"}, {URL: server.URL},
	} {
		_, err := Run(t.Context(), opts)
		if err == nil {
			t.Errorf("%+v: no error", opts)
			continue
		}
		if strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("an escape in %q", err)
		}
	}
	odd := httptest.NewServer(&door{flaw: "hostile header"})
	defer odd.Close()
	if _, err := Run(t.Context(), Options{URL: odd.URL}); err == nil || strings.Contains(err.Error(), "THROUGH") || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("a hostile header: %v", err)
	}
	live := httptest.NewServer(&door{})
	defer live.Close()
	for name, opts := range map[string]Options{
		"no token of ours":    {URL: live.URL + "/me", Token: "x"},
		"a token of nobody":   {URL: live.URL + "/me", Token: token + "x"},
		"an echo that is not": {URL: live.URL + "/me", Token: token, Echo: live.URL + "/wechat/logout"},
	} {
		if _, err := Run(t.Context(), opts); err == nil || strings.Contains(err.Error(), "c2lnbmF0dXJl") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
