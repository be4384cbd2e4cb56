// shorten.go: secrets as they may be shown: begun, and not ended.

package main

import (
	"encoding/base64"
	"regexp"
	"strings"
)

var (
	tokens = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)
	// what nobody but WeChat and the gateway may know is not even begun
	hidden = regexp.MustCompile(`("(?:session_key|secret|access_token|refresh_token)"\s*:\s*"|[?&](?:secret|access_token|refresh_token)=)[^"&]+`)
	// what is worth something once, or for a while
	begun = regexp.MustCompile(`("(?:code|ticket|encryptedData|iv|signature)"\s*:\s*"|[?&](?:js_code|code|ticket|state)=|__Host-[\w-]+=)([^"&;]{6})[^"&;]+`)
)

// shorten is for every text that leaves the recorder.
func shorten(text string) string {
	text = tokens.ReplaceAllStringFunc(text, func(token string) string { return token[:8] + "…" + token[len(token)-4:] })
	text = hidden.ReplaceAllString(text, "${1}••••")
	return begun.ReplaceAllString(text, "${1}${2}…")
}

// claimsIn takes the first token in a text apart, as anybody can who holds it.
func claimsIn(text string) string {
	var parts []string
	for i, part := range strings.Split(tokens.FindString(text), ".") {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || i == 2 {
			break
		}
		parts = append(parts, string(decoded))
	}
	return strings.Join(parts, "\n")
}
