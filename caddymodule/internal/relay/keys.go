// keys.go: by which key a caller proves themselves, and how slowly keys can be guessed.

package relay

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// MinKey is the least length of a key, in bytes.
const MinKey = 16

const (
	// Of refusals, so many go out at once; then one more each tenth of a second.
	refusalBurst    = 20
	refusalInterval = 100 * time.Millisecond
	// maxRefusalWait is how long a refusal waits at most. Callers with a good key never
	// wait, whatever others guess beside them.
	maxRefusalWait = 5 * time.Second
	// derivations makes guessing a key from a token of the relay as slow as logging in
	// by a password: tokens stand in queries, which end up in logs.
	derivations = 100_000
)

// keys are what callers prove themselves by.
type keys struct {
	all      []key
	refusals *rate.Limiter
	now      func() time.Time
}

type key struct {
	digest [sha256.Size]byte
	// signing is what tokens are signed with; made when it is first needed.
	signing func() []byte
}

// CheckKey says what New would refuse a key for, or nil. It never shows the key.
func CheckKey(text string) error {
	if len(text) < MinKey {
		return fmt.Errorf("key must have at least %d characters", MinKey)
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c < '!' || c > '~' }) {
		return fmt.Errorf("key must be of printable ASCII characters without blanks, as it goes into a header")
	}
	return nil
}

func newKeys(texts []string, now func() time.Time) (*keys, error) {
	if len(texts) == 0 {
		return nil, fmt.Errorf("key is required: callers prove themselves by it")
	}
	k := &keys{refusals: rate.NewLimiter(rate.Every(refusalInterval), refusalBurst), now: now}
	for _, text := range texts {
		if err := CheckKey(text); err != nil {
			return nil, err
		}
		k.all = append(k.all, key{sha256.Sum256([]byte(text)), sync.OnceValue(func() []byte {
			derived, err := pbkdf2.Key(sha256.New, text, []byte("caddy-wechat relay token"), derivations, sha256.Size)
			if err != nil {
				panic(err) // only for parameters that are out of range, and these are constants
			}
			return derived
		})})
	}
	return k, nil
}

// find returns the key that text is, or nil. Its time does not depend on the keys.
func (k *keys) find(text string) *key {
	digest := sha256.Sum256([]byte(text))
	var found *key
	for i := range k.all {
		if subtle.ConstantTimeCompare(digest[:], k.all[i].digest[:]) == 1 {
			found = &k.all[i]
		}
	}
	return found
}

// caller checks the one credential of a call: the Authorization field, or without one
// the tokens of the query. Of two, none counts. appID is the app that a token is for,
// empty for a key.
func (k *keys) caller(ctx context.Context, authorization, tokens []string) (appID string, err error) {
	switch {
	case len(authorization) == 1:
		scheme, text, _ := strings.Cut(authorization[0], " ")
		if asciiLower(scheme) == "bearer" && k.find(strings.TrimLeft(text, " ")) != nil {
			return "", nil
		}
	case len(authorization) == 0 && len(tokens) > 0:
		if appID, ok := k.openToken(tokens[0]); ok && len(tokens) == 1 {
			return appID, nil
		}
		k.slowDown(ctx)
		return "", badToken()
	case len(authorization) == 0:
		return "", unauthorized(`Bearer realm="wechat"`, "send a key of the relay as Authorization: Bearer, or ask /cgi-bin/token for an access_token")
	}
	k.slowDown(ctx)
	return "", unauthorized(`Bearer realm="wechat", error="invalid_token"`, "this is not a key of the relay")
}

// slowDown makes a refusal wait for its turn.
func (k *keys) slowDown(ctx context.Context) {
	turn := k.refusals.ReserveN(k.now(), 1)
	wait := turn.DelayFrom(k.now())
	if wait > maxRefusalWait {
		turn.CancelAt(k.now()) // the debt of a flood must not outlive it
		wait = maxRefusalWait
	}
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func unauthorized(challenge, description string) *problem {
	p := refuse(http.StatusUnauthorized, "invalid_token", ResultUnauthorized, description)
	p.challenge = challenge
	return p
}

// badToken is what makes an SDK ask for a new token.
func badToken() *problem {
	p := unauthorized(`Bearer realm="wechat", error="invalid_token"`, "the access_token is not one of this relay, or it has ended: ask /cgi-bin/token for a new one")
	p.Errcode, p.Errmsg = 40001, "invalid credential, access_token is invalid or not latest"
	return p
}

// asciiLower folds ASCII letters alone.
func asciiLower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := range b {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
