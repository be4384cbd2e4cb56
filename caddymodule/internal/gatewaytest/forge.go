// forge.go: tokens by hand, by someone who holds the very key.

package gatewaytest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"
)

// Forge knows a good token's parts and the key that made it.
type Forge struct {
	header, payload string // as JSON
	Token           string
	secret          []byte
	claims          Members
}

// NewForge logs alice in at a gateway whose key the test has.
func NewForge(t *testing.T, gw *Gateway, secret []byte) Forge {
	t.Helper()
	token := Login(t, gw, Alice)
	parts := strings.Split(token, ".")
	return Forge{Unbase64(t, parts[0]), Unbase64(t, parts[1]), token, secret, Claims(t, token)}
}

// head is the token with another header, signed anew.
func (f Forge) head(old, new string) string {
	return SignHS256(f.secret, replaceIn(f.header, old, new), f.payload)
}

// Claim is the token with other claims, signed anew.
func (f Forge) Claim(old, new string) string {
	return SignHS256(f.secret, f.header, replaceIn(f.payload, old, new))
}

// replaceIn fails loudly when there is nothing to replace: the token would be good.
func replaceIn(text, old, new string) string {
	if strings.Count(text, old) != 1 {
		panic("a forged token would not differ")
	}
	return strings.Replace(text, old, new, 1)
}

// number is a claim of whole seconds.
func (f Forge) number(name string) int64 { return int64(f.claims[name].(float64)) }

// Headers are good claims under a header that is not the gateway's.
func (f Forge) Headers() map[string]string {
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
		"the none of no key":     SignHS256(nil, f.header, f.payload),
		"signed with its kid":    SignHS256([]byte(kid), f.header, f.payload),
		"signed with secret":     SignHS256([]byte("secret"), f.header, f.payload),
		"signed with app secret": SignHS256([]byte(SecretA), f.header, f.payload),
	}
}

// Payloads are claims that are not the session's, under the right header and a
// right signature.
func (f Forge) Payloads(t *testing.T, gw *Gateway) map[string]string {
	iat, exp := f.number("iat"), f.number("exp")
	jti := f.claims["jti"].(string)
	iatText, expText := fmt.Sprintf(`"iat":%d`, iat), fmt.Sprintf(`"exp":%d`, exp)
	now := time.Now().Unix()
	times := func(iat, exp int64) string {
		return f.Claim(iatText+","+expText, fmt.Sprintf(`"iat":%d,"exp":%d`, iat, exp))
	}
	other := func(appid, openid string) string { return SessionID(t, loginAt(t, gw, appid, openid)) }
	eves, appBs := other(AppA, Eve), other(AppB, Alice)
	return map[string]string{
		"exp missing":               f.Claim(expText+",", ""),
		"exp a text":                f.Claim(expText, fmt.Sprintf(`"exp":"%d"`, exp)),
		"exp a fraction":            f.Claim(expText, fmt.Sprintf(`"exp":%d.0`, exp)),
		"exp an exponent":           f.Claim(expText, `"exp":2e9`),
		"exp null":                  f.Claim(expText, `"exp":null`),
		"exp negative":              f.Claim(expText, `"exp":-1`),
		"exp too large":             f.Claim(expText, `"exp":99999999999999999999`),
		"exp with a plus":           f.Claim(expText, fmt.Sprintf(`"exp":+%d`, exp)),
		"exp with a zero":           f.Claim(expText, fmt.Sprintf(`"exp":0%d`, exp)),
		"exp twice":                 f.Claim(expText, expText+`,"exp":9999999999`),
		"expired a second ago":      times(iat-100, now-1),
		"expired now":               times(iat-100, now),
		"expired years ago":         times(1500000000, 1500086400),
		"longer than a year":        times(iat, iat+400*86400),
		"exp before iat":            times(iat, iat-1),
		"exp is iat":                times(now+30, now+30),
		"iat in the future":         times(now+3600, now+7200),
		"iat missing":               f.Claim(iatText+",", ""),
		"iat zero":                  times(0, exp),
		"iat negative":              times(-1, exp),
		"iat a text":                f.Claim(iatText, fmt.Sprintf(`"iat":"%d"`, iat)),
		"nbf":                       f.Claim(expText, expText+`,"nbf":9999999999`),
		"unknown claim":             f.Claim(expText, expText+`,"x":1`),
		"iss other":                 f.Claim("wechat-gateway", "wechat-gateway2"),
		"iss empty":                 f.Claim("wechat-gateway", ""),
		"iss missing":               f.Claim(`"iss":"wechat-gateway",`, ""),
		"iss in capitals":           f.Claim("wechat-gateway", "WeChat-Gateway"),
		"iss twice":                 f.Claim(`{"iss"`, `{"iss":"x","iss"`),
		"aud of the other app":      f.Claim(AppA, AppB),
		"aud an array":              f.Claim(`"`+AppA+`"`, `["`+AppA+`"]`),
		"aud missing":               f.Claim(`"aud":"`+AppA+`",`, ""),
		"aud empty":                 f.Claim(AppA, ""),
		"sub of eve":                f.Claim(Alice, Eve),
		"sub twice":                 f.Claim(`"sub"`, `"sub":"`+Eve+`","sub"`),
		"sub empty":                 f.Claim(Alice, ""),
		"sub an object":             f.Claim(`"`+Alice+`"`, `{"x":"`+Alice+`"}`),
		"sub with a newline":        f.Claim(Alice, Alice+`\r\nX-WeChat-OpenID: `+Eve),
		"jti of eve's session":      f.Claim(jti, eves),
		"jti of the other app":      f.Claim(jti, appBs),
		"jti of nobody":             f.Claim(jti, "AAAAAAAAAAAAAAAAAAAAAA"),
		"jti missing":               f.Claim(`,"jti":"`+jti+`"`, ""),
		"jti empty":                 f.Claim(jti, ""),
		"jti with stray bits":       f.Claim(jti, StrayBits(jti)),
		"blank in the claims":       f.Claim(`{"iss"`, `{ "iss"`),
		"newline behind the claims": f.Claim(f.payload, f.payload+"\n"),
		"other order":               f.Claim(f.payload, `{"jti":"`+jti+`",`+strings.Replace(f.payload[1:], `,"jti":"`+jti+`"`, "", 1)),
		"claims escaped":            f.Claim(`"sub"`, `"\u0073ub"`),
		"claims in capitals":        f.Claim(`"sub"`, `"SUB"`),
		"claims are no JSON":        f.Claim(f.payload, "x"),
		"claims are empty":          f.Claim(f.payload, ""),
		"claims are an array":       f.Claim(f.payload, "["+f.payload+"]"),
		"claims of 2 KB":            f.Claim(f.payload, f.payload+strings.Repeat(" ", 2000)),
		"two claims":                f.Claim(f.payload, f.payload+f.payload),
	}
}

// Spellings are texts that a lenient reader would take for the good token.
func (f Forge) Spellings(t *testing.T) map[string]string {
	parts := strings.Split(f.Token, ".")
	head, payload, sig := parts[0], parts[1], parts[2]
	flipped := []byte(Unbase64(t, sig))
	flipped[7] ^= 1
	random := make([]byte, 32)
	rand.Read(random)
	return map[string]string{
		"no signature":              head + "." + payload + ".",
		"two parts":                 head + "." + payload,
		"one part":                  head,
		"four parts":                f.Token + "." + sig,
		"an empty fourth part":      f.Token + ".",
		"five parts, as JWE":        head + "." + payload + "." + sig + "." + sig + "." + sig,
		"an empty first part":       "." + f.Token,
		"only dots":                 "..",
		"15 KB of dots":             strings.Repeat(".", 15<<10),
		"15 KB":                     f.Token + strings.Repeat("A", 15<<10),
		"4097 bytes":                f.Token + strings.Repeat("A", 4097-len(f.Token)),
		"stray bits":                head + "." + payload + "." + StrayBits(sig),
		"stray bits in the claims":  f.Token[:len(head)+1] + StrayBits(payload + "A")[:len(payload)] + "x." + sig,
		"one = behind":              f.Token + "=",
		"two = behind":              f.Token + "==",
		"= behind the claims":       head + "." + payload + "=." + sig,
		"standard alphabet":         head + "." + payload + "." + strings.NewReplacer("-", "+", "_", "/").Replace(sig) + "+",
		"cut by one":                f.Token[:len(f.Token)-1],
		"one more":                  f.Token + "A",
		"another last character":    f.Token[:len(f.Token)-2] + otherThan(f.Token[len(f.Token)-2]) + f.Token[len(f.Token)-1:],
		"signature flipped":         head + "." + payload + "." + base64.RawURLEncoding.EncodeToString(flipped),
		"signature of chance":       head + "." + payload + "." + base64.RawURLEncoding.EncodeToString(random),
		"signature of 64 bytes":     head + "." + payload + "." + base64.RawURLEncoding.EncodeToString(append(random, random...)),
		"the parts swapped":         payload + "." + head + "." + sig,
		"a blank inside":            head + ". " + payload + "." + sig,
		"a tab inside":              head + "." + payload + ".\t" + sig,
		"a comma and another":       f.Token + "," + f.Token,
		"in quotes":                 `"` + f.Token + `"`,
		"Bearer twice":              "Bearer " + f.Token,
		"percent escapes":           strings.Replace(f.Token, ".", "%2e", 1),
		"a letter of Unicode":       head + "." + payload + "." + sig + "é",
		"the session id":            f.claims["jti"].(string),
		"the claims":                payload,
		"small letters":             strings.ToLower(f.Token),
		"JSON serialisation":        `{"protected":"` + head + `","payload":"` + payload + `","signature":"` + sig + `"}`,
		"a placeholder":             "{env.HOME}",
		"the words of another user": head + "." + b64(replaceIn(f.payload, Alice, Eve)) + "." + sig,
	}
}

// StrayBits changes the bits of the last character that base64 does not use.
func StrayBits(text string) string {
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
func loginAt(t *testing.T, gw *Gateway, appid, openid string) string {
	t.Helper()
	x := LoginCall(gw, appid, openid)
	if appid == AppB {
		x.Host = gw.Fill("b.localhost:<HTTPPORT>")
	}
	got := gw.H1.Do(t, x)
	RequireStatus(t, got, 200)
	return JSON(t, got)["token"].(string)
}
