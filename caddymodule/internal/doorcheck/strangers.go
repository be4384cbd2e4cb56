// strangers.go: the questions of somebody who has no session.

package doorcheck

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// names are headers by which a backend could be told of a user, as they are meant.
var names = []string{
	"X-WeChat-OpenID", "X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone", "X-WeChat-Assertion", "X-WeChat-Push",
	"X-WX-OPENID", "X-WX-APPID", "X-WX-UNIONID", "X-WX-SOURCE", "X-WX-FROM-OPENID",
}

// spellings are a name in the ways that some backend takes for it: CGI and its like map
// every character that is no letter or digit to "_". Each place in the list is one way,
// whatever the name.
func spellings(name string) []string {
	all := []string{name, strings.ToLower(name), strings.ToUpper(name)}
	for _, c := range "_.!#$%&'*+^`|~" {
		all = append(all, strings.ReplaceAll(name, "-", string(c)))
	}
	first := strings.Replace(name, "-", "_", 1)
	last := strings.LastIndex(name, "-")
	return append(all, first, name[:last]+"_"+name[last+1:], "Grpc-Metadata-"+name)
}

const (
	without  = "without a token" // a question of that kind has none
	badToken = "a bad token"
)

// strangers are all questions that must be refused.
func (p *prober) strangers() (all []question) {
	add := func(q question) {
		q.what = q.which
		if strings.HasSuffix(q.kind, without) {
			q.what += ", " + without
		}
		all = append(all, q)
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "CONNECT", "GIT"} {
		add(question{kind: "a method, " + without, which: method, method: method})
	}
	add(question{kind: "a method, " + without, which: "OPTIONS *", method: http.MethodOptions, target: "*"})
	add(question{kind: "a method, " + without, which: "a CORS preflight", method: http.MethodOptions, fields: [][2]string{
		{"Origin", "https://forged.example"}, {"Access-Control-Request-Method", "PUT"},
	}})

	b64 := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	const claims = `{"iss":"wechat-gateway","sub":"oFORGED","aud":"wx0000000000000000","iat":1700000000,"exp":4102444800,"jti":"AAAAAAAAAAAAAAAAAAAAAA"}`
	tokens := map[string]string{
		"an empty token": "", "a token that is one word": "garbage", "a token of dots": "..",
		"an unsigned token":                 b64(`{"alg":"none","typ":"JWT"}`) + "." + b64(claims) + ".",
		"a token with a made-up signature":  b64(`{"alg":"HS256","kid":"AAAAAAAAAAAAAAAA","typ":"JWT"}`) + "." + b64(claims) + "." + strings.Repeat("A", 43),
		"a token that brings its own key":   b64(`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"typ":"JWT"}`) + "." + b64(claims) + "." + strings.Repeat("A", 43),
		"a token of 8000 bytes":             strings.Repeat("A", 8000),
		"two tokens in one line, both bad":  "garbage, Bearer garbage",
		"a token with a byte above 127":     "caf\xc3\xa9",
		"a token of another kind of server": "ya29.A0ARrdaM",
	}
	for _, what := range slices.Sorted(maps.Keys(tokens)) { // reports of two runs can be compared
		add(question{kind: badToken, which: what, fields: [][2]string{{"Authorization", "Bearer " + tokens[what]}}})
	}
	add(question{kind: badToken, which: "two bad tokens", fields: [][2]string{{"Authorization", "Bearer a"}, {"Authorization", "Bearer b"}}})
	add(question{kind: badToken, which: "a password", fields: [][2]string{{"Authorization", "Basic YWRtaW46YWRtaW4="}}})

	for _, host := range []string{"localhost", "127.0.0.1", "127.0.0.1:9180", "forged.example", "forged.example:443", "[::1]", "FORGED.EXAMPLE.", "a..b", "_"} {
		add(question{kind: "a host, " + without, which: "Host: " + host, host: host})
	}
	for _, target := range p.targets() {
		add(question{kind: "a path, " + without, which: target, target: target})
	}
	for _, f := range [][2]string{
		{"X-Forwarded-Uri", "/wechat/login"}, {"X-Forwarded-Uri", "/public/x"}, {"X-Original-URL", "http://localhost/public/x"}, {"X-Original-URI", "/favicon.ico"},
		{"X-Rewrite-URL", "/public/x"}, {"X-Forwarded-Method", "OPTIONS"}, {"X-HTTP-Method-Override", "OPTIONS"}, {"X-Original-Method", "OPTIONS"},
		{"X-Forwarded-For", "127.0.0.1"}, {"X-Real-IP", "127.0.0.1"}, {"Forwarded", "for=127.0.0.1;host=localhost"}, {"X-Forwarded-Host", "localhost"},
		{"X-Forwarded-Prefix", "/public"}, {"X-Auth-Request-User", "oFORGED"}, {"Remote-User", "oFORGED"}, {"User-Agent", "kube-probe/1.30"}, {"X-Authorization", "Bearer garbage"},
		{"Cookie", "__Host-wechat_session=garbage"}, {"Proxy-Authorization", "Bearer garbage"},
	} {
		add(question{kind: "a header, " + without, which: f[0] + ": " + f[1], fields: [][2]string{f}})
	}
	for _, f := range [][2]string{{"If-None-Match", "*"}, {"If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT"}, {"Range", "bytes=0-0"}} {
		add(question{kind: "a header, " + without, which: f[0], fields: [][2]string{f}})
	}
	add(question{kind: "a header, " + without, which: "Upgrade: websocket", fields: [][2]string{
		{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="},
	}})
	shapes := spellings(names[0])
	for _, name := range names {
		for i, spelling := range spellings(name) {
			add(question{kind: "an identity header, " + without, which: spelling, shape: shapes[i], fields: [][2]string{{spelling, "oFORGED"}}})
		}
	}
	return all
}

// targets are paths. Of a check every path must be refused; of a page, those that a
// backend could take for its.
func (p *prober) targets() []string {
	path := p.door.url.EscapedPath()
	if p.report.IsCheck {
		return []string{
			"/", "//", "/x", "/healthz", "/favicon.ico", "/public/x", "/wechat/login", "/wechat/jwks.json", "/../wechat/jwks.json", "/%2e%2e/", "/;x", "/a%00b", "/%5c..%5c",
			"/?app=*&optional=true", "/.well-known/acme-challenge/x", "http://forged.example/", path + "/../x",
		}
	}
	if path == "" || path == "/" {
		return nil // what is below it may be public
	}
	last := strings.LastIndex(strings.TrimSuffix(path, "/"), "/")
	before, after := path[:last+1], path[last+1:]
	return []string{
		"/" + path, before + "./" + after, before + "x/../" + after, before + "x/..;/" + after, before + ";/" + after, strings.TrimSuffix(before, "/") + ";x/" + after, before + "%2e/" + after,
		before + "x/%2e%2e/" + after, before + "x/..%2f" + after, before + "x/..%5c" + after, before + "%2f" + after, path + "/", path + "?", path + "%00", path + "%20", path + ".json", path + "/.",
		before + strings.ToUpper(after), "/wechat/.." + path, "/wechat/%2e%2e" + path, "/wechat/..;" + path, "/wechat/..%2f" + strings.TrimPrefix(path, "/"),
		p.door.url.Scheme + "://" + p.door.url.Host + path,
	}
}
