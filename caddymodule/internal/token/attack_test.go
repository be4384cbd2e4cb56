// attack_test.go: tokens made to choose their own key, algorithm or size.

package token

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"strings"
	"testing"
)

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
		refused(t, r, name, text, nil)
	}
}

// C11, H12: attackers bring their own key, or header members that other
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
		refused(t, r, "header "+head, forge(t, k, head, body), unknownKey)
	}
	refused(t, r, "65 KB kid", forge(t, k, strings.Replace(header(k), k.kid, strings.Repeat("k", 65<<10), 1), body), malformed)
	other, err := GenerateKey(HS256)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, r, "a stranger's key", forge(t, other, header(other), body), unknownKey)
	refused(t, r, "a stranger's key under our kid", forge(t, other, header(k), body), badSignature)
}

// H13: CVE-2025-30204. Size is looked at before anything else, and parts are
// found without splitting the whole text.
func TestOddAndOversizedTexts(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256])
	text := mustMint(t, r, testClaims())
	parts := strings.Split(text, ".")
	for name, c := range map[string]struct {
		text   string
		reason reason
	}{
		"empty":             {"", malformed},
		"one part":          {parts[0], malformed},
		"two parts":         {parts[0] + "." + parts[1], malformed},
		"four parts":        {text + ".", malformed},
		"five parts (JWE)":  {text + "." + parts[1] + "." + parts[2], malformed},
		"leading dot":       {"." + text, malformed},
		"two dots":          {"..", unknownKey},
		"100k dots":         {strings.Repeat(".", 100_000), malformed},
		"5 KB token":        {text + strings.Repeat("A", 5<<10), malformed},
		"4097 bytes":        {text + strings.Repeat("A", maxTokenBytes+1-len(text)), malformed},
		"4096 bytes":        {text + strings.Repeat("A", maxTokenBytes-len(text)), nil},
		"no signature":      {parts[0] + "." + parts[1] + ".", badSignature},
		"short signature":   {text[:len(text)-4], nil},
		"no payload":        {parts[0] + ".." + parts[2], badSignature},
		"JSON serialised":   {`{"payload":"` + parts[1] + `","signatures":[]}`, malformed},
		"another's payload": {parts[0] + "." + b64(strings.Replace(payload(testClaims()), "oALICE", "oEVELN", 1)) + "." + parts[2], badSignature},
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
