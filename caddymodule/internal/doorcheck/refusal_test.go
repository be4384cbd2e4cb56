// refusal_test.go: only a gate's answer shows a gate.

package doorcheck

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// page is a server whose answers a test writes, and which notes what it was asked.
type page struct {
	answer func(w http.ResponseWriter, r *http.Request)

	mu      sync.Mutex
	methods []string
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.methods = append(p.methods, r.Method)
	p.mu.Unlock()
	p.answer(w, r)
}

// check asks a page and returns the report, with its words in one line.
func (p *page) check(t *testing.T, opts Options) (Report, string) {
	t.Helper()
	server := httptest.NewServer(p)
	defer server.Close()
	opts.URL = server.URL + "/api/me"
	r, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	return r, strings.Join(strings.Fields(text.String()), " ")
}

// reply answers with a status, a header and a body.
func reply(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

var (
	gate401  = reply(401, `{"error":"invalid_token","error_description":"log in"}`, "Content-Type", "application/json", "WWW-Authenticate", `Bearer realm="wechat"`)
	naked404 = reply(404, `{"error":"not found"}`, "Content-Type", "application/json")
)

// A page that nothing guards does not pass, whatever it answers, and gets no request
// that could write.
func TestNothingShowsAGate(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"404":                              naked404,
		"403":                              reply(403, `{"error":"forbidden"}`),
		"403, with a text":                 reply(403, `{"error":"forbidden","error_description":"not for you"}`),
		"405":                              reply(405, "Method Not Allowed\n", "Allow", "POST"),
		"302 to a page":                    reply(302, "", "Location", "/login"),
		"302 to its own login":             reply(302, "", "Location", "https://login.example/authorize?client_id=x"),
		"302 to nowhere":                   reply(302, ""),
		"500":                              reply(500, "oops"),
		"502":                              reply(502, ""),
		"503":                              reply(503, "<html>maintenance</html>"),
		"400":                              reply(400, `{"error":"bad request"}`),
		"404 of the gateway for no page":   reply(404, `{"error":"invalid_request","error_description":"there is no such endpoint"}`),
		"200 that speaks like the gateway": reply(200, `{"error":"invalid_token","error_description":"log in"}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := &page{answer: answer}
			r, said := p.check(t, Options{Token: token, Echo: "http://127.0.0.1:1/echo"}.only(name))
			if len(r.Findings) != 1 || r.Findings[0].Mend == "" || strings.Contains(said, "Nothing got through") {
				t.Errorf("findings %+v:\n%s", r.Findings, said)
			}
			if !strings.HasPrefix(name, "200") && (!strings.Contains(said, "NO GATE") || !strings.Contains(said, "answered "+name[:3]) || !strings.Contains(said, "address")) {
				t.Errorf("says\n%s", said)
			}
			if slices.ContainsFunc(p.methods, func(m string) bool { return m != "GET" }) || len(p.methods) > 2 {
				t.Errorf("it was sent %v", p.methods)
			}
		})
	}
}

// only leaves a user's questions out where a plain request gets through: they are asked then.
func (o Options) only(name string) Options {
	if strings.HasPrefix(name, "200") {
		return Options{}
	}
	return o
}

// The answers of a gate, of its kinds and through proxies, pass and are believed.
func TestAGateShows(t *testing.T) {
	type answer = func(http.ResponseWriter, *http.Request)
	for name, want := range map[string]struct {
		answer answer
		note   string // a part of what is said besides
	}{
		"the gate":                  {gate401, ""},
		"its challenge alone":       {reply(401, "<html>401</html>", "WWW-Authenticate", `Bearer realm="wechat"`), ""},
		"a proxy's words":           {reply(401, `{"error":"invalid_token","error_description":"log in, and send the token"}`), ""},
		"no words":                  {reply(401, ""), "it could be a backend's own"},
		"refused":                   {reply(403, `{"error":"access_denied","error_description":"this user may not enter"}`), ""},
		"out of order":              {reply(503, `{"error":"temporarily_unavailable","error_description":"try again in a moment"}`), "little is proven"},
		"a web login":               {reply(302, "", "Location", "/wechat/authorize?return=%2Fapi%2Fme"), ""},
		"a web login, absolute":     {reply(302, "", "Location", "https://api.example.com/login/authorize?return=%2Fapi%2Fme"), ""},
		"after an early hint":       {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103); gate401(w, r) }, ""},
		"a check in front of pages": {reply(401, `{"error":"invalid_token","error_description":"x"}`, "X-Wechat-Error", "invalid_token"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &page{answer: want.answer}
			r, said := p.check(t, Options{})
			if len(r.Findings) != 0 || !strings.Contains(said, "Nothing got through.") || r.Asked < 150 || len(p.methods) < 100 {
				t.Errorf("asked %d:\n%s", r.Asked, said)
			}
			if !strings.Contains(strings.Join(r.Notes, "\n"), want.note) || strings.Contains(said, "something that is no gate") {
				t.Errorf("want a note with %q:\n%s", want.note, said)
			}
		})
	}
}

// A page of which a part is open does not pass, though what is behind it answers no 2xx.
func TestPartlyOpen(t *testing.T) {
	for name, c := range map[string]struct {
		open   func(r *http.Request) bool
		answer func(http.ResponseWriter, *http.Request)
		found  string // in the findings; empty for none
		noted  string // in a note
	}{
		"writes reach a 404":    {func(r *http.Request) bool { return r.Method != "GET" && r.Method != "HEAD" }, naked404, "(8 of 12: POST; PUT; PATCH; DELETE; OPTIONS;", ""},
		"writes reach a 400":    {func(r *http.Request) bool { return r.Method == "POST" }, reply(400, "no body"), "(POST)", ""},
		"writes reach a 500":    {func(r *http.Request) bool { return r.Method == "POST" }, reply(500, ""), "(POST)", ""},
		"writes reach a 302":    {func(r *http.Request) bool { return r.Method == "DELETE" }, reply(302, "", "Location", "/login"), "(DELETE)", ""},
		"writes are 405":        {func(r *http.Request) bool { return r.Method != "GET" && r.Method != "HEAD" }, reply(405, ""), "", "POST; PUT; PATCH; DELETE; OPTIONS; "},
		"another 401":           {func(r *http.Request) bool { return r.Method == "POST" }, reply(401, `{"detail":"who are you"}`), "", "(POST)"},
		"a path is a 404":       {func(r *http.Request) bool { return strings.Contains(r.RequestURI, "..;") }, naked404, "", "answered 404 by something that is no gate"},
		"a path is redirected":  {func(r *http.Request) bool { return strings.HasPrefix(r.RequestURI, "//") }, reply(301, "", "Location", "/api/me"), "", "!"},
		"X-Original-URL":        {func(r *http.Request) bool { return r.Header.Get("X-Original-Url") != "" }, naked404, "X-Original-URL: http://localhost/public/x", ""},
		"an identity header":    {func(r *http.Request) bool { return r.Header.Get("X-Wechat-Openid") != "" }, naked404, "an identity header, without a token: something behind the gate answered 404", ""},
		"a bad token":           {func(r *http.Request) bool { return r.Header.Get("Authorization") != "" }, naked404, "a bad token: something behind the gate answered 404", ""},
		"a firewall":            {func(r *http.Request) bool { return r.Header.Get("X-Real-Ip") != "" }, reply(403, "no"), "", "X-Real-IP: 127.0.0.1"},
		"a header is too large": {func(r *http.Request) bool { return len(r.Header.Get("Authorization")) > 4000 }, reply(431, ""), "", "!"},
		"a header is odd":       {func(r *http.Request) bool { return r.Header.Get("X!wechat!openid") != "" }, reply(400, ""), "", "!"},
		"TRACE is the server's": {func(r *http.Request) bool { return r.Method == "TRACE" || r.Method == "CONNECT" }, reply(405, ""), "", "!"},
		"odd methods":           {func(r *http.Request) bool { return r.Method == "GIT" || r.Method == "PROPFIND" }, reply(501, ""), "", "!"},
		"another host":          {func(r *http.Request) bool { return !strings.HasPrefix(r.Host, "127.0.0.1:") }, reply(421, ""), "", "!"},
		"another host is a 404": {func(r *http.Request) bool { return !strings.HasPrefix(r.Host, "127.0.0.1:") }, reply(404, ""), "", "!"},
		"the login's own":       {func(r *http.Request) bool { return strings.HasPrefix(r.RequestURI, "/wechat/") }, reply(404, `{"error":"invalid_request","error_description":"there is no such endpoint"}`), "", "!"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &page{answer: func(w http.ResponseWriter, r *http.Request) {
				if c.open(r) {
					c.answer(w, r)
				} else {
					gate401(w, r)
				}
			}}
			r, said := p.check(t, Options{})
			if (len(r.Findings) > 0) != (c.found != "") || !strings.Contains(said, c.found) || len(r.Findings) == 0 != strings.Contains(said, "Nothing got through.") {
				t.Errorf("want %q found:\n%s", c.found, said)
			}
			for _, f := range r.Findings {
				if f.Mend == "" || f.Kind == "" {
					t.Errorf("%+v", f)
				}
			}
			notes := strings.Join(slices.DeleteFunc(r.Notes, func(note string) bool { // Go's own answer, and --token
				return strings.HasPrefix(note, "OPTIONS *") || strings.HasPrefix(note, "without --token")
			}), "\n")
			switch {
			case c.noted == "!" && notes != "":
				t.Errorf("a false alarm: %s", notes)
			case c.noted != "!" && !strings.Contains(notes, c.noted):
				t.Errorf("want %q noted:\n%s", c.noted, notes)
			}
		})
	}
}
