// token_test.go: tokens written by somebody who holds the very key, in every way
// but the gateway's own (C10-C12, H10-H13 of the threat list).

package integration

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"testing"
	"time"
)

// forge knows a good token's parts and the key that made it.
type forge struct {
	header, payload string // as JSON
	token           string
	secret          []byte
	claims          members
}

// newForge logs alice in at a gateway whose key the test has.
func newForge(t *testing.T, gw *gateway, secret []byte) forge {
	t.Helper()
	token := login(t, gw, alice)
	parts := strings.Split(token, ".")
	return forge{unb64(t, parts[0]), unb64(t, parts[1]), token, secret, claimsOf(t, token)}
}

// head is the token with another header, signed anew.
func (f forge) head(old, new string) string {
	return signHS256(f.secret, replaceIn(f.header, old, new), f.payload)
}

// claim is the token with other claims, signed anew.
func (f forge) claim(old, new string) string {
	return signHS256(f.secret, f.header, replaceIn(f.payload, old, new))
}

// replaceIn fails loudly when there is nothing to replace: the token would be good.
func replaceIn(text, old, new string) string {
	if strings.Count(text, old) != 1 {
		panic("a forged token would not differ")
	}
	return strings.Replace(text, old, new, 1)
}

// number is a claim of whole seconds.
func (f forge) number(name string) int64 { return int64(f.claims[name].(float64)) }

// Whoever finds the gateway lenient in one way gets in with it. Each of these is
// refused, with the same bytes whatever is wrong with it (L3), and the upstream
// hears of none. The same token, only signed by the test, is good: so each fails
// for its own reason.
func TestForgedTokens(t *testing.T) {
	path, key := keyFile(t, "HS256")
	gw := start(t, setup{
		Apps: []string{appA, appB}, Auth: "wechat_auth {\n app " + appA + "\n}", Wechat: inMemory + tokenBlock("HS256", path),
		Sites: "http://b.localhost:<HTTPPORT> {\n wechat_auth {\n app " + appB + "\n}\n reverse_proxy <UPSTREAM>\n}",
	})
	f := newForge(t, gw, key.([]byte))
	if f.claim(`"iss"`, `"iss"`) != f.token {
		t.Fatal("signed with the file's key, the claims are not the gateway's token")
	}

	all := f.headers()
	for name, token := range f.payloads(t, gw) {
		all[name] = token
	}
	for name, token := range f.spellings(t) {
		all[name] = token
	}
	if len(all) < 90 {
		t.Fatalf("only %d tokens", len(all))
	}

	want := gw.h1.do(t, call{Target: "/me", Token: "x.y.z"})
	requireRefused(t, want)
	want.Header.Del("Date")
	for name, token := range all {
		t.Run(name, func(t *testing.T) {
			got, err := gw.h1.try(call{Target: "/me", Token: token})
			if err != nil {
				t.Fatal("the client could not send it")
			}
			got.Header.Del("Date")
			if got.Status != 401 || got.Body != want.Body || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
				t.Errorf("answered %d %v %s; want what x.y.z got", got.Status, got.Header, got.Body)
			}
			requireNoUpstream(t, gw)
		})
	}
	// before and after, the token itself is good
	if !alive(t, gw, f.token) {
		t.Error("the good token is refused")
	}
	requireIdentity(t, gw.up.only(t), alice)
}

// headers are good claims under a header that is not the gateway's.
func (f forge) headers() map[string]string {
	kid := f.header[strings.Index(f.header, `"kid":"`)+7:][:16]
	with := func(extra string) string { return f.head(`{"alg"`, `{`+extra+`,"alg"`) }
	otherMAC := func(alg string, h func() hash.Hash) string {
		text := b64(strings.Replace(f.header, "HS256", alg, 1)) + "." + b64(f.payload)
		mac := hmac.New(h, f.secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	unsigned := func(alg string) string {
		return b64(strings.Replace(f.header, "HS256", alg, 1)) + "." + b64(f.payload) + "."
	}
	return map[string]string{
		"alg none":               unsigned("none"),
		"alg None":               unsigned("None"),
		"alg NONE":               unsigned("NONE"),
		"alg none, no kid":       b64(`{"alg":"none","typ":"JWT"}`) + "." + b64(f.payload) + ".",
		"alg none, signed":       f.head("HS256", "none"),
		"alg empty":              f.head("HS256", ""),
		"alg missing":            f.head(`"alg":"HS256",`, ""),
		"alg null":               f.head(`"HS256"`, "null"),
		"alg an array":           f.head(`"HS256"`, `["HS256"]`),
		"alg in small letters":   f.head("HS256", "hs256"),
		"alg twice":              with(`"alg":"none"`),
		"HS512 with the key":     otherMAC("HS512", sha512.New),
		"HS384 with the key":     otherMAC("HS384", sha512.New384),
		"RS256 with an HMAC":     f.head("HS256", "RS256"),
		"EdDSA with an HMAC":     f.head("HS256", "EdDSA"),
		"jwk":                    with(`"jwk":{"kty":"oct","k":"AAAA"}`),
		"jku":                    with(`"jku":"http://127.0.0.1/jwks.json"`),
		"x5u":                    with(`"x5u":"http://127.0.0.1/cert.pem"`),
		"x5c":                    with(`"x5c":["MIIB"]`),
		"x5t":                    with(`"x5t":"AAAA"`),
		"crit, unknown":          with(`"crit":["exp2"],"exp2":1`),
		"crit, empty":            with(`"crit":[]`),
		"b64 false":              with(`"b64":false,"crit":["b64"]`),
		"zip":                    with(`"zip":"DEF"`),
		"cty":                    with(`"cty":"JWT"`),
		"enc":                    with(`"enc":"A128GCM"`),
		"unknown member":         with(`"x":1`),
		"typ missing":            f.head(`,"typ":"JWT"`, ""),
		"typ of another kind":    f.head(`"JWT"`, `"at+jwt"`),
		"typ in small letters":   f.head(`"JWT"`, `"jwt"`),
		"other order":            f.head(f.header, `{"kid":"`+kid+`","alg":"HS256","typ":"JWT"}`),
		"blank in the header":    f.head(`{"alg"`, `{ "alg"`),
		"newline in the header":  f.head(`{"alg"`, "{\n\"alg\""),
		"header escaped":         f.head(`"alg"`, `"\u0061lg"`),
		"kid missing":            f.head(`"kid":"`+kid+`",`, ""),
		"kid empty":              f.head(kid, ""),
		"kid unknown":            f.head(kid, "AAAAAAAAAAAAAAAA"),
		"kid twice":              with(`"kid":"AAAAAAAAAAAAAAAA"`),
		"kid a path":             f.head(kid, "../../../../dev/null"),
		"kid a file":             f.head(kid, "/etc/hostname"),
		"kid a URL":              f.head(kid, "http://127.0.0.1/key"),
		"kid SQL":                f.head(kid, `x' UNION SELECT 'AAAA`),
		"kid a command":          f.head(kid, "|id"),
		"kid an array":           f.head(`"`+kid+`"`, `["`+kid+`"]`),
		"kid a number":           f.head(`"`+kid+`"`, "0"),
		"kid null":               f.head(`"`+kid+`"`, "null"),
		"kid of 3 KB":            f.head(kid, strings.Repeat("A", 3000)),
		"kid with a NUL":         f.head(kid, kid+`\u0000`),
		"header is no JSON":      f.head(f.header, "x"),
		"header is empty":        f.head(f.header, ""),
		"header is an array":     f.head(f.header, "["+f.header+"]"),
		"the none of no key":     signHS256(nil, f.header, f.payload),
		"signed with its kid":    signHS256([]byte(kid), f.header, f.payload),
		"signed with secret":     signHS256([]byte("secret"), f.header, f.payload),
		"signed with app secret": signHS256([]byte(secretA), f.header, f.payload),
	}
}

// payloads are claims that are not the session's, under the right header and a
// right signature.
func (f forge) payloads(t *testing.T, gw *gateway) map[string]string {
	iat, exp := f.number("iat"), f.number("exp")
	jti := f.claims["jti"].(string)
	iatText, expText := fmt.Sprintf(`"iat":%d`, iat), fmt.Sprintf(`"exp":%d`, exp)
	now := time.Now().Unix()
	times := func(iat, exp int64) string {
		return f.claim(iatText+","+expText, fmt.Sprintf(`"iat":%d,"exp":%d`, iat, exp))
	}
	other := func(appid, openid string) string { return idOf(t, loginAt(t, gw, appid, openid)) }
	eves, appBs := other(appA, eve), other(appB, alice)
	return map[string]string{
		"exp missing":               f.claim(expText+",", ""),
		"exp a text":                f.claim(expText, fmt.Sprintf(`"exp":"%d"`, exp)),
		"exp a fraction":            f.claim(expText, fmt.Sprintf(`"exp":%d.0`, exp)),
		"exp an exponent":           f.claim(expText, `"exp":2e9`),
		"exp null":                  f.claim(expText, `"exp":null`),
		"exp negative":              f.claim(expText, `"exp":-1`),
		"exp too large":             f.claim(expText, `"exp":99999999999999999999`),
		"exp with a plus":           f.claim(expText, fmt.Sprintf(`"exp":+%d`, exp)),
		"exp with a zero":           f.claim(expText, fmt.Sprintf(`"exp":0%d`, exp)),
		"exp twice":                 f.claim(expText, expText+`,"exp":9999999999`),
		"expired a second ago":      times(iat-100, now-1),
		"expired now":               times(iat-100, now),
		"expired years ago":         times(1500000000, 1500086400),
		"longer than a year":        times(iat, iat+400*86400),
		"exp before iat":            times(iat, iat-1),
		"exp is iat":                times(now+30, now+30),
		"iat in the future":         times(now+3600, now+7200),
		"iat missing":               f.claim(iatText+",", ""),
		"iat zero":                  times(0, exp),
		"iat negative":              times(-1, exp),
		"iat a text":                f.claim(iatText, fmt.Sprintf(`"iat":"%d"`, iat)),
		"nbf":                       f.claim(expText, expText+`,"nbf":9999999999`),
		"unknown claim":             f.claim(expText, expText+`,"x":1`),
		"iss other":                 f.claim("wechat-gateway", "wechat-gateway2"),
		"iss empty":                 f.claim("wechat-gateway", ""),
		"iss missing":               f.claim(`"iss":"wechat-gateway",`, ""),
		"iss in capitals":           f.claim("wechat-gateway", "WeChat-Gateway"),
		"iss twice":                 f.claim(`{"iss"`, `{"iss":"x","iss"`),
		"aud of the other app":      f.claim(appA, appB),
		"aud an array":              f.claim(`"`+appA+`"`, `["`+appA+`"]`),
		"aud missing":               f.claim(`"aud":"`+appA+`",`, ""),
		"aud empty":                 f.claim(appA, ""),
		"sub of eve":                f.claim(alice, eve),
		"sub twice":                 f.claim(`"sub"`, `"sub":"`+eve+`","sub"`),
		"sub empty":                 f.claim(alice, ""),
		"sub an object":             f.claim(`"`+alice+`"`, `{"x":"`+alice+`"}`),
		"sub with a newline":        f.claim(alice, alice+`\r\nX-WeChat-OpenID: `+eve),
		"jti of eve's session":      f.claim(jti, eves),
		"jti of the other app":      f.claim(jti, appBs),
		"jti of nobody":             f.claim(jti, "AAAAAAAAAAAAAAAAAAAAAA"),
		"jti missing":               f.claim(`,"jti":"`+jti+`"`, ""),
		"jti empty":                 f.claim(jti, ""),
		"jti with stray bits":       f.claim(jti, strayBits(jti)),
		"blank in the claims":       f.claim(`{"iss"`, `{ "iss"`),
		"newline behind the claims": f.claim(f.payload, f.payload+"\n"),
		"other order":               f.claim(f.payload, `{"jti":"`+jti+`",`+strings.Replace(f.payload[1:], `,"jti":"`+jti+`"`, "", 1)),
		"claims escaped":            f.claim(`"sub"`, `"\u0073ub"`),
		"claims in capitals":        f.claim(`"sub"`, `"SUB"`),
		"claims are no JSON":        f.claim(f.payload, "x"),
		"claims are empty":          f.claim(f.payload, ""),
		"claims are an array":       f.claim(f.payload, "["+f.payload+"]"),
		"claims of 2 KB":            f.claim(f.payload, f.payload+strings.Repeat(" ", 2000)),
		"two claims":                f.claim(f.payload, f.payload+f.payload),
	}
}

// spellings are texts that a lenient reader would take for the good token.
func (f forge) spellings(t *testing.T) map[string]string {
	parts := strings.Split(f.token, ".")
	head, payload, sig := parts[0], parts[1], parts[2]
	flipped := []byte(unb64(t, sig))
	flipped[7] ^= 1
	random := make([]byte, 32)
	rand.Read(random)
	return map[string]string{
		"no signature":              head + "." + payload + ".",
		"two parts":                 head + "." + payload,
		"one part":                  head,
		"four parts":                f.token + "." + sig,
		"an empty fourth part":      f.token + ".",
		"five parts, as JWE":        head + "." + payload + "." + sig + "." + sig + "." + sig,
		"an empty first part":       "." + f.token,
		"only dots":                 "..",
		"15 KB of dots":             strings.Repeat(".", 15<<10),
		"15 KB":                     f.token + strings.Repeat("A", 15<<10),
		"4097 bytes":                f.token + strings.Repeat("A", 4097-len(f.token)),
		"stray bits":                head + "." + payload + "." + strayBits(sig),
		"stray bits in the claims":  f.token[:len(head)+1] + strayBits(payload + "A")[:len(payload)] + "x." + sig,
		"one = behind":              f.token + "=",
		"two = behind":              f.token + "==",
		"= behind the claims":       head + "." + payload + "=." + sig,
		"standard alphabet":         head + "." + payload + "." + strings.NewReplacer("-", "+", "_", "/").Replace(sig) + "+",
		"cut by one":                f.token[:len(f.token)-1],
		"one more":                  f.token + "A",
		"another last character":    f.token[:len(f.token)-2] + otherThan(f.token[len(f.token)-2]) + f.token[len(f.token)-1:],
		"signature flipped":         head + "." + payload + "." + base64.RawURLEncoding.EncodeToString(flipped),
		"signature of chance":       head + "." + payload + "." + base64.RawURLEncoding.EncodeToString(random),
		"signature of 64 bytes":     head + "." + payload + "." + base64.RawURLEncoding.EncodeToString(append(random, random...)),
		"the parts swapped":         payload + "." + head + "." + sig,
		"a blank inside":            head + ". " + payload + "." + sig,
		"a tab inside":              head + "." + payload + ".\t" + sig,
		"a comma and another":       f.token + "," + f.token,
		"in quotes":                 `"` + f.token + `"`,
		"Bearer twice":              "Bearer " + f.token,
		"percent escapes":           strings.Replace(f.token, ".", "%2e", 1),
		"a letter of Unicode":       head + "." + payload + "." + sig + "é",
		"the session id":            f.claims["jti"].(string),
		"the claims":                payload,
		"small letters":             strings.ToLower(f.token),
		"JSON serialisation":        `{"protected":"` + head + `","payload":"` + payload + `","signature":"` + sig + `"}`,
		"a placeholder":             "{env.HOME}",
		"the words of another user": head + "." + b64(replaceIn(f.payload, alice, eve)) + "." + sig,
	}
}

// strayBits changes the bits of the last character that base64 does not use.
func strayBits(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last^1])
}

func otherThan(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// loginAt logs a user of any app in at the site that takes the app.
func loginAt(t *testing.T, gw *gateway, appid, openid string) string {
	t.Helper()
	x := loginCall(gw, appid, openid)
	if appid == appB {
		x.Host = gw.fill("b.localhost:<HTTPPORT>")
	}
	got := gw.h1.do(t, x)
	requireStatus(t, got, 200)
	return object(t, got)["token"].(string)
}

// What no version of HTTP lets through reaches no verifier either: 100 000 parts
// and a newline in the middle (H11, H13) get the gate's refusal or the server's.
func TestTokensBeyondHTTP(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for name, text := range map[string]string{
			"100 000 parts": strings.Repeat("A.", 100_000), "a newline": token[:len(token)-5] + "\n" + token[len(token)-5:],
			"a folded line": token[:len(token)-5] + "\r\n " + token[len(token)-5:], "a NUL": token + "\x00",
		} {
			got, err := c.exact(t, exactCall{Target: "/me", Fields: []field{bearer(text)}})
			if err == nil && got.Status != 401 && got.Status != 400 && got.Status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: status %d", name, got.Status)
			}
			requireNoUpstream(t, gw)
		}
	})
	if !alive(t, gw, token) {
		t.Error("the good token is refused")
	}
}
