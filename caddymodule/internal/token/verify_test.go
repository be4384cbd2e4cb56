package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What we mint is accepted, says what was said, and an ordinary JWT library
// agrees; with every algorithm.
func TestMintedTokenVerifies(t *testing.T) {
	for _, alg := range allAlgorithms {
		k := testKeys()[alg]
		r, clock := testRing(t, k)
		text := mustMint(t, r, testClaims())
		got, err := r.Verify(text)
		if err != nil || got != testClaims() {
			t.Errorf("%s: Verify = %+v, %v; want the claims minted", alg, got, err)
		}
		var c jwt.RegisteredClaims
		parsed, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return k.parts().public, nil },
			jwt.WithTimeFunc(clock.now), jwt.WithValidMethods([]string{string(alg)}), jwt.WithIssuer("wechat-gateway"),
			jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
		if err != nil || c.Subject != testClaims().Subject || c.ID != testClaims().ID || parsed.Header["kid"] != k.kid {
			t.Errorf("%s: golang-jwt says %+v, %v", alg, c, err)
		}
	}
}

// The promise of 600 bytes holds for the greatest claims that Mint takes.
func TestGreatestTokenFits(t *testing.T) {
	long := strings.Repeat("x", maxIDBytes)
	opts := Options{Issuer: strings.Repeat("i", maxIssuerBytes), MaxLifetime: time.Hour, Now: func() time.Time { return time.Unix(99_999_999_999, 0) }}
	r, err := NewKeyring(opts, testKeys()[HS256])
	if err != nil {
		t.Fatal(err)
	}
	text := mustMint(t, r, Claims{Subject: long, Audience: long, ID: long, IssuedAt: 99_999_999_999, ExpiresAt: 99_999_999_999 + 3600})
	if len(text) > 600 {
		t.Errorf("the greatest HS256 token has %d bytes; want at most 600", len(text))
	}
	if _, err := r.Verify(text); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

// C10: the attacker picks the algorithm. He drops the signature (none, in any
// case), signs RS256 headers with the public key as HMAC secret, or takes
// another hash size with the right secret. Each signature below is good for the
// algorithm its header names.
func TestAlgorithmIsNotTheTokensChoice(t *testing.T) {
	hs, rs := testKeys()[HS256], testKeys()[RS256]
	r, _ := testRing(t, hs, rs)
	body := b64(payload(testClaims()))
	der, err := x509.MarshalPKIXPublicKey(rs.parts().public)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mac := func(h crypto.Hash, secret []byte, header string) string {
		m := hmac.New(h.New, secret)
		signed := b64(header) + "." + body
		m.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	_ = sha512.New // linked in for crypto.SHA384 and crypto.SHA512
	secret := hs.parts().private.([]byte)

	if _, err := r.Verify(mac(crypto.SHA256, secret, header(hs))); err != nil {
		t.Fatalf("control: the same forger with the right header has to pass, got %v", err)
	}
	attacks := map[string]string{
		"HS512 with our secret":         mac(crypto.SHA512, secret, strings.Replace(header(hs), "HS256", "HS512", 1)),
		"HS384 with our secret":         mac(crypto.SHA384, secret, strings.Replace(header(hs), "HS256", "HS384", 1)),
		"RS to HS, public PEM":          mac(crypto.SHA256, public, strings.Replace(header(rs), "RS256", "HS256", 1)),
		"RS to HS, public DER":          mac(crypto.SHA256, der, strings.Replace(header(rs), "RS256", "HS256", 1)),
		"RS header, HMAC of the public": mac(crypto.SHA256, public, header(rs)),
		"HS header under the RS kid":    mac(crypto.SHA256, secret, strings.Replace(header(hs), hs.kid, rs.kid, 1)),
		"PS256 header":                  forge(t, rs, strings.Replace(header(rs), "RS256", "PS256", 1), payload(testClaims())),
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		head := b64(strings.Replace(header(hs), "HS256", none, 1))
		attacks["alg "+none+", no signature"] = head + "." + body + "."
		attacks["alg "+none+", HMAC"] = mac(crypto.SHA256, secret, strings.Replace(header(hs), "HS256", none, 1))
	}
	for name, text := range attacks {
		refused(t, r, name, text, "")
	}
}

// C11, H12: the attacker brings his own key, or header members that other
// libraries obey or ignore. All are signed with our key: only the header is off.
func TestHeaderIsOursToTheLastByte(t *testing.T) {
	k := testKeys()[HS256]
	r, _ := testRing(t, k)
	body := payload(testClaims())
	if _, err := r.Verify(forge(t, k, header(k), body)); err != nil {
		t.Fatalf("control: %v", err)
	}
	with := func(member string) string { return strings.TrimSuffix(header(k), "}") + "," + member + "}" }
	for _, head := range []string{
		with(`"jwk":{"kty":"oct","k":"AAAA"}`),
		with(`"jku":"https://evil.example/jwks.json"`),
		with(`"x5u":"https://evil.example/cert.pem"`),
		with(`"x5c":["MIIB"]`),
		with(`"crit":["exp"]`), with(`"crit":[]`), with(`"crit":["b64"],"b64":false`), with(`"b64":false`),
		with(`"zip":"DEF"`), with(`"cty":"JWT"`), with(`"enc":"A128GCM"`),
		with(`"alg":"HS256"`), with(`"alg":"none"`), with(`"kid":"` + k.kid + `"`),
		`{"alg":"none",` + header(k)[1:],
		`{"alg":"HS256","typ":"JWT"}`,
		`{"alg":"HS256","kid":"` + k.kid + `"}`,
		`{"alg":"HS256","kid":null,"typ":"JWT"}`,
		`{"alg":"HS256","kid":["` + k.kid + `"],"typ":"JWT"}`,
		`{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}`,
		`{"alg":"HS256","kid":"x' UNION SELECT 'k","typ":"JWT"}`,
		`{"alg":"HS256","kid":"https://evil.example/k","typ":"JWT"}`,
		strings.Replace(header(k), k.kid, strings.ToLower(k.kid)+"A", 1),
		strings.Replace(header(k), "JWT", "jwt", 1), strings.Replace(header(k), "JWT", "at+jwt", 1),
		strings.Replace(header(k), `"alg"`, `"ALG"`, 1), strings.Replace(header(k), "HS256", "hs256", 1),
		strings.Replace(header(k), "HS256", `HS\u003256`, 1),
		`{"typ":"JWT","alg":"HS256","kid":"` + k.kid + `"}`,
		`{"kid":"` + k.kid + `","alg":"HS256","typ":"JWT"}`,
		" " + header(k), header(k) + " ", header(k) + "\n", strings.Replace(header(k), ":", ": ", 1),
		"\xef\xbb\xbf" + header(k), header(k) + "{}", "[" + header(k) + "]", "null", "{}", "",
	} {
		refused(t, r, "header "+head, forge(t, k, head, body), ReasonUnknownKey)
		if _, err := r.Verify(forge(t, k, head, body)); !errors.Is(err, ErrForeign) {
			t.Errorf("header %s: error does not wrap ErrForeign", head)
		}
	}
	refused(t, r, "65 KB kid", forge(t, k, strings.Replace(header(k), k.kid, strings.Repeat("k", 65<<10), 1), body), ReasonMalformed)
	other, err := GenerateKey(HS256)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, r, "a stranger's key", forge(t, other, header(other), body), ReasonUnknownKey)
	refused(t, r, "a stranger's key under our kid", forge(t, other, header(k), body), ReasonBadSignature)
}

// H10, C12: a well signed payload that this gateway would not write, or whose
// claims are not good here and now.
func TestPayloadIsOneWeWouldWrite(t *testing.T) {
	k := testKeys()[HS256]
	r, clock := testRing(t, k)
	good := payload(testClaims())
	check := func(name, body, reason string) {
		t.Helper()
		refused(t, r, name, forge(t, k, header(k), body), reason)
		if body == good {
			t.Errorf("%s: the case changes nothing", name)
		}
	}
	control := func() {
		t.Helper()
		if _, err := r.Verify(forge(t, k, header(k), good)); err != nil {
			t.Fatalf("control: %v", err)
		}
	}
	control()
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	edit := func(f func(*Claims)) string { c := testClaims(); f(&c); return payload(c) }
	iat, exp := fmt.Sprint(testClaims().IssuedAt), fmt.Sprint(testClaims().ExpiresAt)

	check("sub twice, last is eve", swap(`,"aud"`, `,"sub":"oEVE","aud"`), ReasonClaims)
	check("sub twice at the end", swap(`"}`, `","sub":"oEVE"}`), ReasonClaims)
	check("SUB in another case", swap(`"sub"`, `"SUB"`), ReasonClaims)
	check("exp twice", swap(`,"jti"`, `,"exp":9999999999,"jti"`), ReasonClaims)
	check("exp as string", swap(exp, `"`+exp+`"`), ReasonClaims)
	check("exp with fraction", swap(exp, exp+".0"), ReasonClaims)
	check("exp with exponent", swap(exp, "18e8"), ReasonClaims)
	check("exp with leading zero", swap(exp, "0"+exp), ReasonClaims)
	check("exp with plus", swap(exp, "+"+exp), ReasonClaims)
	check("exp null", swap(exp, "null"), ReasonClaims)
	check("exp beyond int64", swap(exp, "9999999999999999999999"), ReasonClaims)
	check("exp at the end of int64", swap(exp, "9223372036854775807"), ReasonClaims)
	check("no exp", swap(`,"exp":`+exp, ""), ReasonClaims)
	check("no iat", swap(`,"iat":`+iat, ""), ReasonClaims)
	check("no jti", swap(`,"jti":"`+testClaims().ID+`"`, ""), ReasonClaims)
	check("no aud", swap(`,"aud":"`+testClaims().Audience+`"`, ""), ReasonClaims)
	check("no iss", swap(`"iss":"wechat-gateway",`, ""), ReasonClaims)
	check("aud as list", swap(`"`+testClaims().Audience+`"`, `["`+testClaims().Audience+`"]`), ReasonClaims)
	check("empty sub", swap(testClaims().Subject, ""), ReasonClaims)
	check("empty aud", swap(testClaims().Audience, ""), ReasonClaims)
	check("empty jti", swap(testClaims().ID, ""), ReasonClaims)
	check("sub with a line break", swap(testClaims().Subject, `oA\nX-Evil: 1`), ReasonClaims)
	check("sub with a raw NUL", swap(testClaims().Subject, "oA\x00"), ReasonClaims)
	check("sub too long", swap(testClaims().Subject, strings.Repeat("o", maxIDBytes+1)), ReasonClaims)
	check("sub that closes itself", swap(testClaims().Subject, `oA","aud":"wxeeeeeeeeeeeeeeee`), ReasonClaims)
	check("sub with an escape", swap("oALICE", `o\u0041LICE`), ReasonClaims)
	check("other issuer", edit(func(c *Claims) { c.Issuer = "wechat-gateway2" }), ReasonClaims)
	check("issuer cut short", edit(func(c *Claims) { c.Issuer = "wechat" }), ReasonClaims)
	check("blank after a colon", swap(`"iat":`, `"iat": `), ReasonClaims)
	check("blank at the end", good+" ", ReasonClaims)
	check("reordered", swap(`"iat":`+iat+`,"exp":`+exp, `"exp":`+exp+`,"iat":`+iat), ReasonClaims)
	check("nbf added", swap(`,"jti"`, `,"nbf":1,"jti"`), ReasonClaims)
	check("second document", good+good, ReasonClaims)
	check("empty payload", "", ReasonClaims)
	check("not JSON", "hello", ReasonClaims)
	check("a huge payload", swap(testClaims().Subject, strings.Repeat("o", 2000)), ReasonClaims)

	check("iat 61 s ahead", edit(func(c *Claims) { c.IssuedAt += 61; c.ExpiresAt += 61 }), ReasonClaims)
	check("iat zero", edit(func(c *Claims) { c.IssuedAt = 0 }), ReasonClaims)
	check("iat negative", edit(func(c *Claims) { c.IssuedAt = -5 }), ReasonClaims)
	check("exp equals iat", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt }), ReasonClaims)
	check("exp before iat", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt - 1 }), ReasonClaims)
	check("lives too long", edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt + 86400 + lifetimeSlack + 1 }), ReasonClaims)
	check("expired this second", edit(func(c *Claims) { c.IssuedAt -= 3600; c.ExpiresAt = start.Unix() }), ReasonExpired)

	for name, c := range map[string]string{
		"iat 60 s ahead":   edit(func(c *Claims) { c.IssuedAt += 60 }),
		"longest lifetime": edit(func(c *Claims) { c.ExpiresAt = c.IssuedAt + 86400 }),
		"one second left":  edit(func(c *Claims) { c.IssuedAt -= 3600; c.ExpiresAt = start.Unix() + 1 }),
	} {
		if _, err := r.Verify(forge(t, k, header(k), c)); err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
	clock.forward(time.Hour - time.Second)
	control()
	clock.forward(time.Second)
	refused(t, r, "an hour later", forge(t, k, header(k), good), ReasonExpired)
}

// CVE-2024-51744: an expired forgery must not look merely expired, or a caller
// that lets expired tokens renew would let forgeries do so.
func TestExpiredForgeryIsAForgery(t *testing.T) {
	k := testKeys()[HS256]
	r, clock := testRing(t, k)
	text := mustMint(t, r, testClaims())
	clock.forward(2 * time.Hour)
	refused(t, r, "expired", text, ReasonExpired)
	refused(t, r, "expired and forged", tamper(text, len(text)-10), ReasonBadSignature)
}

// H11: many spellings of one token. Whoever keys a deny-list or a cache by token
// text is fooled by each that passes.
func TestOneSpelling(t *testing.T) {
	for _, alg := range allAlgorithms {
		k := testKeys()[alg]
		r, _ := testRing(t, k)
		text := mustMint(t, r, testClaims())
		if _, err := r.Verify(text); err != nil {
			t.Fatalf("%s: control: %v", alg, err)
		}
		parts := strings.Split(text, ".")
		const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for i, part := range parts {
			last := strings.IndexByte(digits, part[len(part)-1])
			for _, bit := range []int{1, 2, 4, 8} { // unused or not, each is another text
				changed := append([]string(nil), parts...)
				changed[i] = part[:len(part)-1] + string(digits[last^bit])
				refused(t, r, fmt.Sprintf("%s: part %d, last character changed by %d", alg, i, bit), strings.Join(changed, "."), "")
			}
			for _, extra := range []string{"=", "==", "\n", "\r\n", " ", "\t", "\x00", "A", "é"} {
				changed := append([]string(nil), parts...)
				changed[i] = part + extra
				refused(t, r, fmt.Sprintf("%s: part %d with %q behind", alg, i, extra), strings.Join(changed, "."), "")
				changed[i] = part[:5] + extra + part[5:]
				refused(t, r, fmt.Sprintf("%s: part %d with %q inside", alg, i, extra), strings.Join(changed, "."), "")
			}
		}
		sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
		if std := base64.RawStdEncoding.EncodeToString(sig); std != parts[2] {
			refused(t, r, string(alg)+": signature in the standard alphabet", parts[0]+"."+parts[1]+"."+std, ReasonMalformed)
		}
		refused(t, r, string(alg)+": quoted", `"`+text+`"`, ReasonMalformed)
		refused(t, r, string(alg)+": with the scheme", "Bearer "+text, ReasonMalformed)
	}
}

// A non-canonical signature of a token that is right otherwise is told from a
// line break, which only the alphabet check stops: Go's strict decoding does not.
func TestLineBreakInSignature(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	broken := text[:len(text)-10] + "\n" + text[len(text)-10:]
	if _, err := strictBase64.DecodeString(broken[strings.LastIndex(broken, ".")+1:]); err != nil {
		t.Skip("Go's strict decoding refuses line breaks by now")
	}
	refused(t, r, "line break", broken, ReasonMalformed)
}

// ECDSA has two signatures for each text, (r, s) and (r, n-s). Both are correct;
// one of them is ours.
func TestECDSASignatureHasOneForm(t *testing.T) {
	k := testKeys()[ES256]
	r, _ := testRing(t, k)
	for range 20 { // s is random; without normalising about half would fail
		text := mustMint(t, r, testClaims())
		if _, err := r.Verify(text); err != nil {
			t.Fatalf("control: %v", err)
		}
		dot := strings.LastIndexByte(text, '.')
		sig, _ := base64.RawURLEncoding.DecodeString(text[dot+1:])
		s := new(big.Int).SetBytes(sig[32:])
		s.Sub(elliptic.P256().Params().N, s).FillBytes(sig[32:])
		sum := sha256.Sum256([]byte(text[:dot]))
		if !ecdsa.Verify(k.parts().public.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(sig[:32]), s) {
			t.Fatal("the twin signature should be correct in itself")
		}
		refused(t, r, "twin signature", text[:dot+1]+base64.RawURLEncoding.EncodeToString(sig), ReasonBadSignature)
	}
}

// RSA and Ed25519 have twins too, if the library does not bound the numbers:
// s+n and S+L. Ours do; this holds them to it.
func TestSignatureNumbersAreBounded(t *testing.T) {
	rk := testKeys()[RS256]
	r, _ := testRing(t, rk, testKeys()[EdDSA])
	text := mustMint(t, r, testClaims())
	dot := strings.LastIndexByte(text, '.')
	sig, _ := base64.RawURLEncoding.DecodeString(text[dot+1:])
	twin := new(big.Int).SetBytes(sig)
	twin.Add(twin, rk.parts().public.(*rsa.PublicKey).N)
	refused(t, r, "RSA s+n", text[:dot+1]+base64.RawURLEncoding.EncodeToString(twin.Bytes()), ReasonBadSignature)
	refused(t, r, "RSA 0-prefixed", text[:dot+1]+base64.RawURLEncoding.EncodeToString(append([]byte{0}, sig...)), ReasonBadSignature)

	ed, _ := testRing(t, testKeys()[EdDSA])
	text = mustMint(t, ed, testClaims())
	dot = strings.LastIndexByte(text, '.')
	sig, _ = base64.RawURLEncoding.DecodeString(text[dot+1:])
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	le := make([]byte, 32)
	for i := range le {
		le[i] = sig[63-i]
	}
	le = new(big.Int).Add(new(big.Int).SetBytes(le), order).FillBytes(le)
	for i := range le {
		sig[32+i] = le[31-i]
	}
	refused(t, ed, "Ed25519 S+L", text[:dot+1]+base64.RawURLEncoding.EncodeToString(sig), ReasonBadSignature)
}

// H13: CVE-2025-30204. Size is looked at before anything else, and parts are
// found without splitting the whole text.
func TestOddAndOversizedTexts(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	parts := strings.Split(text, ".")
	for name, c := range map[string]struct{ text, reason string }{
		"empty":             {"", ReasonMalformed},
		"one part":          {parts[0], ReasonMalformed},
		"two parts":         {parts[0] + "." + parts[1], ReasonMalformed},
		"four parts":        {text + ".", ReasonMalformed},
		"five parts (JWE)":  {text + "." + parts[1] + "." + parts[2], ReasonMalformed},
		"leading dot":       {"." + text, ReasonMalformed},
		"two dots":          {"..", ReasonUnknownKey},
		"100k dots":         {strings.Repeat(".", 100_000), ReasonMalformed},
		"5 KB token":        {text + strings.Repeat("A", 5<<10), ReasonMalformed},
		"4097 bytes":        {text + strings.Repeat("A", maxTokenBytes+1-len(text)), ReasonMalformed},
		"4096 bytes":        {text + strings.Repeat("A", maxTokenBytes-len(text)), ""},
		"no signature":      {parts[0] + "." + parts[1] + ".", ReasonBadSignature},
		"short signature":   {text[:len(text)-4], ""},
		"no payload":        {parts[0] + ".." + parts[2], ReasonBadSignature},
		"JSON serialised":   {`{"payload":"` + parts[1] + `","signatures":[]}`, ReasonMalformed},
		"another's payload": {parts[0] + "." + b64(strings.Replace(payload(testClaims()), "oALICE", "oEVELN", 1)) + "." + parts[2], ReasonBadSignature},
	} {
		refused(t, r, name, c.text, c.reason)
	}
	if _, err := r.Verify(text); err != nil {
		t.Errorf("control: %v", err)
	}
	dots := strings.Repeat(".", 100_000)
	if n := testing.AllocsPerRun(10, func() { _, _ = r.Verify(dots) }); n > 0 {
		t.Errorf("refusing 100k dots allocates %v times; want 0", n)
	}
}

// Callers tell the two kinds of refusal apart, and errors quote nothing.
func TestRefusalsAreClassified(t *testing.T) {
	r, clock := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	for _, c := range []struct {
		text, reason string
		foreign      bool
	}{
		{"garbage", ReasonMalformed, true},
		{strings.Repeat("a", 5000), ReasonMalformed, true},
		{"e30." + b64("{}") + ".AAAA", ReasonUnknownKey, true},
		{tamper(text, len(text)-10), ReasonBadSignature, false},
		{text[:len(text)-1] + "B", ReasonMalformed, false},
	} {
		_, err := r.Verify(c.text)
		if !errors.Is(err, ErrInvalid) || Reason(err) != c.reason || errors.Is(err, ErrForeign) != c.foreign {
			t.Errorf("%.20s…: %v, reason %q, foreign %v; want %q, %v", c.text, err, Reason(err), errors.Is(err, ErrForeign), c.reason, c.foreign)
		}
		if len(c.text) > 6 && strings.Contains(err.Error(), c.text[:7]) {
			t.Errorf("the error quotes the token: %v", err)
		}
		if Reason(fmt.Errorf("request: %w", err)) != c.reason {
			t.Error("a wrapped refusal lost its reason")
		}
	}
	clock.forward(time.Hour)
	if _, err := r.Verify(text); errors.Is(err, ErrForeign) || Reason(err) != ReasonExpired {
		t.Errorf("expired token: %v", err)
	}
	if got := Reason(errors.New("other")); got != "" {
		t.Errorf("Reason of another error = %q", got)
	}
}

// refused fails if text is accepted, or refused for another reason (if one is
// given), or if claims come with the error.
func refused(t *testing.T, r *Keyring, name, text, reason string) {
	t.Helper()
	c, err := r.Verify(text)
	switch {
	case err == nil:
		t.Errorf("%s: accepted", name)
	case !errors.Is(err, ErrInvalid):
		t.Errorf("%s: %v does not wrap ErrInvalid", name, err)
	case reason != "" && Reason(err) != reason:
		t.Errorf("%s: reason %q (%v); want %q", name, Reason(err), err, reason)
	case c != Claims{}:
		t.Errorf("%s: claims given with an error", name)
	}
}

func tamper(text string, at int) string {
	c := byte('A')
	if text[at] == 'A' {
		c = 'B'
	}
	return text[:at] + string(c) + text[at+1:]
}
