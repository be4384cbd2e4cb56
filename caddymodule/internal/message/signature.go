// signature.go: WeChat's signature over token, time and nonce.

package message

import (
	"crypto/sha1" // WeChat's choice
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// ErrForged is the one answer to all that is not a push of WeChat to this app,
// of now. Its text may go on with a cause, which is for the operator's log and
// holds nothing of the request; the sender is told none.
var ErrForged = errors.New("not a push of WeChat to this app")

func forged(cause string) error { return fmt.Errorf("%w: %s", ErrForged, cause) }

// maxAge is how far a push's time may be from ours, either way.
const maxAge = 10 * time.Minute

// sign is the lower-case hex SHA-1 of the byte-sorted parts, joined without
// anything between them. So it does not say where one part ends: each part must
// have a form that leaves no choice.
func sign(parts ...string) string {
	slices.Sort(parts)
	joined := make([]byte, 0, 1<<10) // on the stack, for the messages that people write
	for _, part := range parts {
		joined = append(joined, part...)
	}
	sum := sha1.Sum(joined)
	return hex.EncodeToString(sum[:])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// stamp is the part of a query that every signature covers.
type stamp struct{ timestamp, nonce string }

// readStamp reads and checks time and nonce.
func readStamp(query url.Values, now time.Time) (stamp, error) {
	timestamp, ok := single(query, "timestamp")
	nonce, ok2 := single(query, "nonce")
	if !ok || !ok2 {
		return stamp{}, forged("timestamp or nonce is missing or repeated")
	}
	if len(timestamp) != 10 || !all(timestamp, isDigit) {
		return stamp{}, forged("timestamp is not Unix time in seconds")
	}
	if len(nonce) > 64 || !all(nonce, isAlphanumeric) {
		return stamp{}, forged("nonce is not letters and digits")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return stamp{}, forged("timestamp is not Unix time in seconds")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > maxAge || age < -maxAge {
		return stamp{}, forged("timestamp is more than 10 minutes off: see to the clock, or an old push was sent again")
	}
	return stamp{timestamp, nonce}, nil
}

// single returns a parameter that is there once and not empty.
func single(query url.Values, name string) (string, bool) {
	if v := query[name]; len(v) == 1 && v[0] != "" {
		return v[0], true
	}
	return "", false
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool        { return c >= '0' && c <= '9' }
func isAlphanumeric(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }
