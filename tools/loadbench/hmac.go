// hmac.go: the least that a check can do for its answer: compare an HMAC.

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// hmacArgument and an address make this program a check that knows no session, no
// app, no logout and no expiry: it takes each token that hmacKey has signed.
const hmacArgument = "serve-hmac-check"

var hmacKey = []byte("the key of the program that only compares an HMAC")

func serveHMAC(address string) error {
	openID := []string{"oABCDEFGHIJKLMNOPQRSTUVWXYZ1"}
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !signedByHMAC(token) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header()["X-Wechat-Openid"] = openID
	}))
}

func signedByHMAC(token string) bool {
	at := strings.LastIndexByte(token, '.')
	if at < 0 {
		return false
	}
	sent, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	return err == nil && subtle.ConstantTimeCompare(sent, sumHMAC(token[:at])) == 1
}

func sumHMAC(text string) []byte {
	mac := hmac.New(sha256.New, hmacKey)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// hmacToken is a token of the i-th user, as long as ours.
func hmacToken(i int) string {
	text := fmt.Sprintf("eyJhbGciOiJIUzI1NiIsImtpZCI6IjEyMzQ1Njc4OTAxMiIsInR5cCI6IkpXVCJ9.%0247d", i)
	return text + "." + base64.RawURLEncoding.EncodeToString(sumHMAC(text))
}
