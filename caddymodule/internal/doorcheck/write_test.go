// write_test.go: what got through is said once, in 80 columns.

package doorcheck

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// report asks a door with a flaw, and returns what is said about it, line by line and
// with each sentence in one line.
func report(t *testing.T, flaw string) (lines []string, said string, r Report) {
	t.Helper()
	server := httptest.NewServer(&door{flaw: flaw})
	defer server.Close()
	r, err := Run(t.Context(), Options{URL: server.URL + "/api/me", Echo: server.URL + "/api/echo", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	return strings.Split(text.String(), "\n"), strings.Join(strings.Fields(text.String()), " "), r
}

func TestWriteIsShort(t *testing.T) {
	for flaw, want := range map[string][]string{
		"":                    {"Nothing got through."},
		"no check":            {"THROUGH a plain request without a token: let through with 200 Mend it: have the proxy ask wechat_check", "no other without a session was sent"},
		"bad token is nobody": {"THROUGH a bad token: let through with 200 (12 of 12: a token of 8000 bytes; "},
		"aliases pass": {"a client's header reaches the backend (", "X_WeChat_OpenID and 11 other names spelled like it; ",
			"Mend it: let the proxy remove all X-WeChat-* and X-WX-* headers"},
		"wrapped pass":    {"a client's header reaches the backend (Grpc-Metadata-X-WeChat-OpenID and 11 other names spelled like it)"},
		"identity passes": {"a client's header reaches the backend ("},
		"credential":      {"THROUGH the credential reaches the backend, and its logs Mend it: remove Authorization"},
		"hops":            {"the backend takes it for nobody (2 of 2: Connection: close, X-WeChat-OpenID; Connection: X-WX-OPENID, X-WeChat-OpenID, X-WeChat-AppID, close)"},
	} {
		t.Run(flaw, func(t *testing.T) {
			lines, said, r := report(t, flaw)
			for _, text := range append(want, fmt.Sprintf("Asked a page %d times.", r.Asked), "Note: without --logout: ") {
				if !strings.Contains(said, text) {
					t.Errorf("does not say %q:\n%s", text, strings.Join(lines, "\n"))
				}
			}
			for _, line := range lines {
				if len(line) > width {
					t.Errorf("%d columns: %s", len(line), line)
				}
			}
			if len(lines) > 60 {
				t.Errorf("%d lines for %d findings:\n%s", len(lines), len(r.Findings), strings.Join(lines, "\n"))
			}
		})
	}
}

// Of many of a kind, all of which got through, some are shown.
func TestWriteAll(t *testing.T) {
	var findings []Finding
	for _, name := range names {
		for i, spelling := range spellings(name) {
			findings = append(findings, Finding{What: spelling, Mend: "m", Kind: "k", Which: spelling, Shape: spellings(names[0])[i], Tried: 240})
		}
	}
	var text strings.Builder
	if err := (Report{Findings: findings}).Write(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "THROUGH  k (all 240 that were tried, such as X-WeChat-OpenID, x-wechat-openid,\n         X-WECHAT-OPENID)\nMend it: m.\n") {
		t.Error(text.String())
	}
}

// Every finding is in what is said: by its own words, or counted and named with its kind.
func TestWriteLosesNothing(t *testing.T) {
	var findings []Finding
	for i, shape := range spellings("X-WeChat-OpenID") {
		if i%2 == 0 {
			findings = append(findings, Finding{What: shape, Mend: "m", Kind: "k", Which: shape, Shape: shape, Tried: 40})
		}
	}
	findings = append(findings, Finding{What: "alone", Mend: "m"}, Finding{What: "another", Mend: "n"})
	var text strings.Builder
	if err := (Report{Findings: findings}).Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if !strings.Contains(text.String(), f.What) {
			t.Errorf("%q is missing:\n%s", f.What, text.String())
		}
	}
	if n := strings.Count(text.String(), "THROUGH"); n != 3 {
		t.Errorf("%d kinds; want 3:\n%s", n, text.String())
	}
}
