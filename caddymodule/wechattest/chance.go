// chance.go: identifiers that look like WeChat's.

package wechattest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

const (
	alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base64url    = alphanumeric + "-_"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails since Go 1.24
	return b
}

func randomText(alphabet string, n int) string {
	b := randomBytes(n)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// newLoginCode has both cases in it: wx.login's codes are case sensitive, and a client that folds them must fail.
func newLoginCode() string { return "0" + randomText(alphanumeric, 31) }

func newPhoneCode() string { return hex.EncodeToString(randomBytes(32)) }

func newOpenID() string { return "o" + randomText(base64url, 27) }

func newSessionKey() string { return base64.StdEncoding.EncodeToString(randomBytes(16)) }

const (
	tokenPrefix = "90_"
	tokenLength = 136
)

func newAccessToken() string {
	return tokenPrefix + randomText(base64url, tokenLength-len(tokenPrefix))
}

// newRID makes the request id that WeChat appends to every errmsg: the time and two random words.
func newRID(now time.Time) string {
	b := randomBytes(8)
	return fmt.Sprintf("%08x-%08x-%08x", uint32(now.Unix()), binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]))
}

// unionIDOf depends on the openid alone: the same name at two apps is the same person at one Open Platform account.
func unionIDOf(openid string) string {
	sum := sha256.Sum256([]byte("unionid\x00" + openid))
	return "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}

// phoneOf is a made-up mainland number that stays the same for a user.
func phoneOf(openid string) string {
	sum := sha256.Sum256([]byte("phone\x00" + openid))
	return fmt.Sprintf("1380000%04d", binary.BigEndian.Uint16(sum[:])%10_000)
}

// isAppID knows the form of a mini program's AppID: wx and 16 hexadecimal digits.
func isAppID(s string) bool {
	digits, ok := strings.CutPrefix(s, "wx")
	return ok && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// isOpenID is wider than WeChat (28 characters beginning with o) so that a test may say "alice".
func isOpenID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, base64url) == ""
}
