// path_test.go: which paths and queries reach WeChat, in every spelling.

package relay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// raw sends a request line just as it is.
func (w *world) raw(t testing.TB, line string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n", line, testKey)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body), err}
}

// What gives or takes away credentials or quota, as an attacker with a key would spell it.
func TestNeverRelayed(t *testing.T) {
	w := start(t, neverAsked(t), func(o *Options) { o.Allow = []string{"/*"} })
	for _, path := range []string{
		"/sns/jscode2session", "/sns/oauth2/access_token", "/sns/userinfo", "/sns", "/cgi-bin/ticket/getticket",
		"/cgi-bin/clear_quota", "/cgi-bin/clear_quota/v2", "/cgi-bin/openapi/quota/clear", "/cgi-bin/clear_quotas",
		"/cgi-bin/openapi/quota/clearapiquota", "/cgi-bin/component/api_component_token", "/cgi-bin/component",
		"/wxa/resetusersessionkey", "/wxa/checksession", "/wxa/business/getuserencryptkey", "/tcb/invokecloudfunction", "/tcb/x/y",
		"/cgi-bin/token/x", "/cgi-bin/stable_token/x", "/wxa/checksession/x",
	} {
		for _, spelled := range []string{path, path + "/", strings.ToUpper(path), strings.ToTitle(path[:3]) + path[3:] + "/"} {
			for _, method := range []string{"GET", "POST"} {
				if a := w.raw(t, method+" "+spelled+"?a=1"); a.status != 403 || !strings.Contains(a.body, "never relayed") {
					t.Errorf("%s %s: %d %s %v", method, spelled, a.status, a.body, a.err)
				}
			}
		}
		// Spellings that a server behind us might read as the same are no path at all.
		rest := path[1:]
		for _, spelled := range []string{
			"//" + rest, "/./" + rest, "/x/../" + rest, "/%2e/" + rest, "/x/%2e%2e/" + rest, path + "//", path + "/.", path + "/..", path + "/x/..",
			path + ";x", "/;/" + rest, "/x;/../" + rest, path + "%00", path + "%20", path + "%2f", "/%2f" + rest, "/" + fmt.Sprintf("%%%02x", rest[0]) + rest[1:],
			"/" + fmt.Sprintf("%%25%02x", rest[0]) + rest[1:], "/\\" + rest, "\\" + rest, path + "\u017f", path + "#x", path + "%3fa=1", path + "\x00",
			"http://api.weixin.qq.com" + path, "//api.weixin.qq.com" + path, "*", rest, path + "!", path + ":443", path + "@x", path + "'", path + "+", path + "~", path + "*",
			path + ".", "/." + rest, strings.Replace(path[1:], "/", "./", 1) + "/.x", "/" + strings.Replace(rest, "/", "./", 1) + "./x",
		} {
			if a := w.raw(t, "GET "+spelled); a.status != 400 {
				t.Errorf("%q: %d %s %v", spelled, a.status, a.body, a.err)
			}
		}
	}
}

func TestAllow(t *testing.T) {
	var got string
	w := start(t, func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path }, func(o *Options) {
		o.Allow = []string{"/wxa/msg_sec_check", "/cgi-bin/message/*", "/WXA/Upper/"}
	})
	for path, want := range map[string]int{
		"/wxa/msg_sec_check": 200, "/wxa/msg_sec_check/": 200, "/WXA/Msg_Sec_Check": 200, "/wxa/upper": 200,
		"/cgi-bin/message/subscribe/send": 200, "/cgi-bin/message/x": 200,
		"/cgi-bin/message": 403, "/cgi-bin/message/": 403, "/cgi-bin/messages/x": 403, "/wxa/msg_sec_check/x": 403, "/wxa/msg_sec_checks": 403, "/wxa": 403, "/other": 403,
	} {
		got = ""
		a := w.ask(t, "GET", path, "")
		if a.status != want || (want == 200) != (got == path) || want == 403 && !strings.Contains(a.body, "access_denied") {
			t.Errorf("%s: %d %s, WeChat saw %q; want %d", path, a.status, a.body, got, want)
		}
	}
	// Without a key nobody learns what is allowed.
	w.ask(t, "GET", "/other", "", "-Authorization", "").want(t, 401, "")
}

func TestQuery(t *testing.T) {
	var got string
	w := start(t, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI })
	for query, want := range map[string]string{
		"": "", "?": "", "?a=1": "&a=1", "?b=2&a=1&b=1": "&b=2&a=1&b=1", "?a=%26+%3D&%62": "&a=%26+%3D&%62", "?a=x&&=": "&a=x&&=",
		"?access_token=x": "", "?a=1&access_token=x&b=2": "&a=1&b=2", "?access_token=x&ACCESS_TOKEN=y&Access_Token": "", "?%61ccess_token=x&a=1": "&a=1",
		"?access%5Ftoken=x": "", "?access%255ftoken=x": "", "?%2561ccess_token=x": "", "?%252561ccess_token=x": "", "?access_token%00=x": "", "?+access_token=x": "", "?access_token%20=x": "",
		"?access_token[]=x": "", "?access_token%5B0%5D=x": "", "?access-token=x": "", "?accessToken=x": "", "?access.token=x": "",
		"?component_access_token=x&cloudbase_access_token=x&authorizer_access_token=y": "", "?secret=x&SECRET=x&appsecret=x&AppSecret=x&app_secret=x&%73ecret=x": "",
		"?access_token": "", "?a=access_token": "&a=access_token", "?token=1&key=2": "&token=1&key=2",
	} {
		a := w.ask(t, "GET", "/wxa/x"+query, "")
		if want = "/wxa/x?access_token=T0" + want; a.status != 200 || got != want {
			t.Errorf("%q: %d, WeChat saw %q, want %q", query, a.status, got, want)
		}
	}
	for _, query := range []string{"a=%", "a=%zz", "%=1", "a=1;access_token=x", "a=1#access_token", "a=\\", "a=\x01", "a=\u00e9", "a=" + strings.Repeat("x", maxQuery)} {
		got = ""
		if a := w.raw(t, "GET /wxa/x?"+query); a.status != 400 || got != "" {
			t.Errorf("%.40q: %d, WeChat saw %q", query, a.status, got)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/wxa/x", "/sns/x", "//", "/%2e", "/a/../b", "/CGI-BIN/Token/", "/a;b", "/\\", "http://h/p", "*", "/cgi-bin/clear_quota2", "/tcb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		path, err := cleanPath(u)
		if err != nil {
			return
		}
		if path != u.Path || u.Host != "" || len(path) > maxPath || strings.Contains(path, "//") || !strings.HasPrefix(path, "/") ||
			strings.ContainsAny(path, "%;\\?# \x00\r\n") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../") {
			t.Errorf("%q is clean as %q", target, path)
		}
		out := url.URL{Scheme: "https", Host: "api.weixin.qq.com", Path: path}
		if got := out.RequestURI(); got != path {
			t.Errorf("%q goes out as %q", path, got)
		}
		lower := strings.ToLower(strings.TrimSuffix(path, "/"))
		for _, secret := range []string{"/sns/", "/cgi-bin/component/", "/tcb/", "/cgi-bin/clear_quota", "/cgi-bin/ticket/getticket"} {
			if strings.HasPrefix(lower, secret) && !neverRelayed(fold(path)) && !strings.HasPrefix(lower, "/cgi-bin/ticket/getticket") {
				t.Errorf("%q may be relayed", path)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "a=1", "access_token=x&a", "%61ccess_token", "a=1;access_token=2", "access_token[]=1", "&&=&", "%2561ccess_token=1", "secret=1#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		rest, tokens, err := cleanQuery(raw)
		if err != nil {
			if rest != "" || tokens != nil {
				t.Errorf("%q: an error with %q", raw, rest)
			}
			return
		}
		// Read as Go reads it, once and twice decoded, no credential is left, and what
		// is left is what was there.
		before, err1 := url.ParseQuery(raw)
		after, err2 := url.ParseQuery(rest)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q: %v, %v", raw, err1, err2)
		}
		for name, values := range before {
			again, _ := url.QueryUnescape(name)
			for _, n := range []string{name, again} {
				n = strings.ToLower(n)
				if n == "access_token" || n == "secret" || n == "appsecret" || n == "component_access_token" {
					if _, left := after[name]; left {
						t.Errorf("%q leaves %q", raw, rest)
					}
				}
			}
			if left, ok := after[name]; ok && fmt.Sprint(left) != fmt.Sprint(values) {
				t.Errorf("%q changes %q to %q", raw, values, left)
			}
		}
		if fmt.Sprint(before["access_token"]) != fmt.Sprint(tokens) {
			t.Errorf("%q: tokens %q, want %q", raw, tokens, before["access_token"])
		}
		if strings.ContainsAny(rest, "#; \\\r\n") {
			t.Errorf("%q leaves %q", raw, rest)
		}
	})
}
