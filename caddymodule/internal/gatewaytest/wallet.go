// wallet.go: tokens good and bad, of every sort.

package gatewaytest

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// Wallet holds the tokens of the users in a table of credentials.
type Wallet struct{ Alice, alice2, Eve, bad string }

// NewWallet logs the users in.
func NewWallet(t *testing.T, gw *Gateway) Wallet {
	w := Wallet{Alice: Login(t, gw, Alice), alice2: Login(t, gw, Alice), Eve: Login(t, gw, Eve)}
	w.bad = w.Alice[:len(w.Alice)-6] + "AAAAAA"
	return w
}

// Fill replaces <alice>, <alice2>, <eve> and <bad> in field values.
func (w Wallet) Fill(list []Field) []Field {
	r := strings.NewReplacer("<alice>", w.Alice, "<alice2>", w.alice2, "<eve>", w.Eve, "<bad>", w.bad, "<cookie>", CookieName)
	list = slices.Clone(list)
	for i := range list {
		list[i].Value = r.Replace(list[i].Value)
	}
	return list
}

// Live reports whether an Authorization field lets somebody in.
func (w Wallet) Live(value string) bool {
	scheme, token, _ := strings.Cut(value, " ")
	return strings.EqualFold(scheme, "bearer") && slices.Contains([]string{w.Alice, w.alice2, w.Eve}, strings.TrimSpace(token))
}

// BadTokens are tokens that differ from a good one in every way that came to mind.
func BadTokens(w Wallet) []string {
	part := strings.Split(w.Alice, ".")
	other := strings.Split(w.Eve, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	head := func(s string) string { return b64(s) + "." + part[1] + "." + part[2] }
	return []string{
		"x", ".", "..", "...", part[0], part[0] + "." + part[1], part[0] + "." + part[1] + ".", "." + part[1] + "." + part[2],
		part[0] + ".." + part[2], w.Alice + ".", "." + w.Alice, w.Alice + "=", w.Alice + "%00", w.Alice + "." + part[2], w.Alice + "A",
		part[0] + "." + part[1] + "." + other[2], part[0] + "." + other[1] + "." + part[2], w.Alice[1:], w.Alice[:len(w.Alice)-1],
		strings.ToUpper(w.Alice), strings.Replace(w.Alice, ".", "-", 1), w.Alice + strings.Repeat("A", 5000), strings.Repeat(".", 3000),
		head(`{"alg":"none","typ":"JWT"}`), head(`{"alg":"None"}`), head(`{"alg":"HS256"}`), head(`{"alg":"HS512","typ":"JWT"}`),
		head(`{"alg":"RS256","typ":"JWT","kid":"../../etc/passwd"}`), head(`{"alg":"HS256","typ":"JWT","kid":"x","crit":["b64"],"b64":false}`),
		head(`{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AAAA"}}`), head(`{"alg":"HS256","typ":"JWT","jku":"http://127.0.0.1/x"}`),
		b64(`{"alg":"none"}`) + "." + part[1] + ".", head(`not json`), head(``), head(`[]`), b64("\xff\xfe") + "." + part[1] + "." + part[2],
		part[0] + "." + b64(`{"sub":"`+Alice+`"}`) + "." + part[2], w.bad,
	}
}
