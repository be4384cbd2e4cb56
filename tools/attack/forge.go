// forge.go: tokens by hand. The runner has the gateways' keys, so that what must
// be refused is refused for its one fault.

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// newKey makes a key for an algorithm: []byte for HS256, a private key for the
// others. content is its file.
func newKey(alg string) (key any, content []byte, err error) {
	switch alg {
	case "HS256":
		secret := make([]byte, 32)
		rand.Read(secret)
		return secret, []byte(hex.EncodeToString(secret) + "\n"), nil
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// forge makes a token after a recipe.
func (w *world) forge(s *site, name string) (string, error) {
	for _, f := range forgeries {
		if f.Name == name {
			g := w.gateways[s.gateway]
			return f.make(w.tokens[s.gateway+" "+s.app+" alice"], g)
		}
	}
	return "", fmt.Errorf("no such forgery")
}

func (f *forgery) make(good string, g *gateway) (string, error) {
	parts := strings.Split(good, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("the gateway's token has %d parts", len(parts))
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	d := json.NewDecoder(strings.NewReader(string(payload)))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		return "", err
	}
	var head map[string]string
	if err := json.Unmarshal(header, &head); err != nil {
		return "", err
	}
	replace := []string{"<alg>", head["alg"], "<kid>", head["kid"], "<good>", good}
	for name, value := range claims {
		replace = append(replace, "<"+name+">", fmt.Sprint(value))
	}
	if iat, err := strconv.ParseInt(fmt.Sprint(claims["iat"]), 10, 64); err == nil {
		replace = append(replace, "<iat-1h>", fmt.Sprint(iat-3600), "<iat-25h>", fmt.Sprint(iat-25*3600), "<iat+1h>", fmt.Sprint(iat+3600), "<iat+10y>", fmt.Sprint(iat+10*365*86400))
	}
	known := strings.NewReplacer(replace...)
	fill := func(text string) string { return repeated.ReplaceAllStringFunc(known.Replace(text), repeat) }
	if f.Header != "" {
		header = []byte(fill(f.Header))
	}
	if f.Payload != "" {
		payload = []byte(fill(f.Payload))
	}
	h, p := base64.RawURLEncoding.EncodeToString(header), base64.RawURLEncoding.EncodeToString(payload)
	sig, err := signAs(f.Sign, g, h+"."+p, parts[2])
	if err != nil {
		return "", err
	}
	text := f.Text
	if text == "" {
		text = "<h>.<p>.<s>"
	}
	out := fill(strings.NewReplacer(
		"<h>", h, "<p>", p, "<s>", base64.RawURLEncoding.EncodeToString(sig),
		"<h=>", base64.URLEncoding.EncodeToString(header), "<p=>", base64.URLEncoding.EncodeToString(payload),
		"<s=>", base64.URLEncoding.EncodeToString(sig), "<s+>", base64.StdEncoding.EncodeToString(sig), "<s16>", hex.EncodeToString(sig),
		"<s'>", otherSpelling(base64.RawURLEncoding.EncodeToString(sig)), "<p'>", otherSpelling(p), "<half>", p[:len(p)/2]).Replace(text))
	if out == good {
		return "", fmt.Errorf("made the good token itself")
	}
	return out, nil
}

// repeated is <100xA>, a hundred times A.
var repeated = regexp.MustCompile(`<(\d+)x([^>]+)>`)

func repeat(match string) string {
	parts := repeated.FindStringSubmatch(match)
	n, _ := strconv.Atoi(parts[1])
	return strings.Repeat(parts[2], n)
}

// otherSpelling changes the unused bits of the last character, if there are any.
func otherSpelling(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if part == "" || len(part)%4 == 0 {
		return part + "A"
	}
	i := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[i^1])
}

// signAs signs as an attacker would who has what the name says.
func signAs(how string, g *gateway, text, original string) ([]byte, error) {
	der, public := publicParts(g.key)
	switch how {
	case "", "key":
		return sign(g.key, text)
	case "none":
		return nil, nil
	case "original":
		return base64.RawURLEncoding.DecodeString(original)
	case "other key":
		return sign(g.stranger, text)
	case "public PEM":
		return mac(sha256.New, public, text), nil
	case "public PEM, trimmed":
		return mac(sha256.New, []byte(strings.TrimSpace(string(public))), text), nil
	case "public DER":
		return mac(sha256.New, der, text), nil
	case "empty secret":
		return mac(sha256.New, nil, text), nil
	case "app secret":
		return mac(sha256.New, []byte(secretA), text), nil
	case "the word secret":
		return mac(sha256.New, []byte("secret"), text), nil
	case "HS384":
		return mac(sha512.New384, secretOf(g.key), text), nil
	case "HS512":
		return mac(sha512.New, secretOf(g.key), text), nil
	case "zeros":
		return make([]byte, 64), nil
	case "high s":
		sig, err := sign(g.key, text)
		if err != nil || len(sig) != 64 {
			return sig, err
		}
		s := new(big.Int).SetBytes(sig[32:])
		s.Sub(elliptic.P256().Params().N, s).FillBytes(sig[32:])
		return sig, nil
	case "DER":
		sig, err := sign(g.key, text)
		if err != nil || len(sig) != 64 {
			return sig, err
		}
		return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
	case "truncated":
		sig, err := sign(g.key, text)
		return sig[:len(sig)/2], err
	case "longer":
		sig, err := sign(g.key, text)
		return append(sig, 0), err
	case "hash":
		sum := sha256.Sum256([]byte(text))
		return sum[:], nil
	}
	return nil, fmt.Errorf("unknown way to sign: %s", how)
}

func mac(h func() hash.Hash, secret []byte, text string) []byte {
	m := hmac.New(h, secret)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func secretOf(key any) []byte {
	secret, _ := key.([]byte)
	return secret
}

// publicParts are the public key as an attacker gets it from the JWKS; for a
// secret, what he may guess to be one.
func publicParts(key any) (der, text []byte) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return []byte("public"), []byte("public")
	}
	der, _ = x509.MarshalPKIXPublicKey(signer.Public())
	return der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// sign signs well.
func sign(key any, text string) ([]byte, error) {
	sum := sha256.Sum256([]byte(text))
	switch key := key.(type) {
	case []byte:
		return mac(sha256.New, key, text), nil
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(text)), nil
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return nil, err
		}
		if n := elliptic.P256().Params().N; new(big.Int).Lsh(s, 1).Cmp(n) > 0 {
			s.Sub(n, s)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig, nil
	}
	return nil, fmt.Errorf("no key")
}
