// owntoken.go: the tokens that the relay hands out in place of WeChat's.

package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

const (
	// tokenLife is what WeChat gives its own tokens, so SDKs are at home with it.
	tokenLife = 2 * time.Hour
	// tokenMark begins a token, so that nobody takes it for one of WeChat's.
	tokenMark = "relay_"
	// maxOwnToken is more than any AppID needs.
	maxOwnToken = 256
)

// A token is its end (8 bytes, Unix seconds) and its AppID, then their HMAC-SHA256 by a
// key that is derived from a key of the relay. So it is good on every node with that
// key, across reloads and restarts, and ends with its time or with the key. It names
// nothing that its holder does not know.

// makeToken makes a token for an app.
func (k *key) makeToken(appID string, now time.Time) string {
	claim := binary.BigEndian.AppendUint64(nil, uint64(now.Add(tokenLife).Unix()))
	claim = append(claim, appID...)
	return tokenMark + base64.RawURLEncoding.EncodeToString(append(claim, k.sign(claim)...))
}

// openToken reads a token and returns the app that it is for.
func (k *keys) openToken(token string) (appID string, ok bool) {
	text, marked := strings.CutPrefix(token, tokenMark)
	if !marked || len(token) > maxOwnToken {
		return "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= 8+sha256.Size || strings.ContainsAny(text, "\r\n") {
		return "", false
	}
	claim, sum := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	end := binary.BigEndian.Uint64(claim)
	if now := k.now().Unix(); now < 0 || uint64(now) >= end {
		return "", false
	}
	for i := range k.all {
		if hmac.Equal(sum, k.all[i].sign(claim)) {
			return string(claim[8:]), true
		}
	}
	return "", false
}

func (k *key) sign(claim []byte) []byte {
	mac := hmac.New(sha256.New, k.signing())
	mac.Write(claim)
	return mac.Sum(nil)
}
