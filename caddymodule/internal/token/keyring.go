// keyring.go: which key signs, which still verify.

package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keydoc"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
)

// Options are what the keys of one ring have in common.
type Options struct {
	// The iss of every token, compared exactly. At most 96 bytes of JSON.
	Issuer string
	// The longest time a token may live from iat to exp. Lowering it ends the
	// tokens that were minted for longer.
	MaxLifetime time.Duration
	// The clock. Default: time.Now.
	Now func() time.Time
}

// KeyState says what a key is good for at a moment.
type KeyState string

// A key goes through these in order, then it is gone.
const (
	Pending   KeyState = "pending"   // published, verifies, signs later
	Signing   KeyState = "signing"   // signs and verifies
	Verifying KeyState = "verifying" // superseded; verifies what it signed
)

// KeyInfo describes a key to an operator. It holds nothing secret.
type KeyInfo struct {
	KID       string    `json:"kid"`
	Algorithm Algorithm `json:"alg"`
	State     KeyState  `json:"state"`
	// Zero for keys from files: nobody wrote it down.
	Created    time.Time `json:"created,omitzero"`
	ActiveFrom time.Time `json:"active_from,omitzero"`
	// When its last token is certainly dead. Zero: no end is set yet.
	VerifiesUntil time.Time `json:"verifies_until,omitzero"`
}

// Keyring is an immutable set of keys: one signs, all verify. To change keys
// make another ring; a key that is not in it has no valid tokens. It is safe
// for concurrent use.
type Keyring struct {
	redact.Shown
	signer   *Key
	keys     []*Key
	byHeader map[string]*Key

	issuer      string
	prefix      string // of every payload; ends where the sub begins
	maxLifetime int64  // seconds
	now         func() time.Time

	jwks []byte
	id   string
}

// NewKeyring makes a ring whose first key signs. It refuses an empty ring, a
// key that is there twice and a first key without private part; weak keys do
// not get this far, as NewKey refuses them.
func NewKeyring(opts Options, keys ...*Key) (*Keyring, error) {
	prefix, err := opts.check()
	if err != nil {
		return nil, err
	}
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	return assemble(opts, prefix, keys), nil
}

func (o Options) check() (prefix string, err error) {
	if o.MaxLifetime < time.Second {
		return "", errors.New("the greatest token lifetime has to be at least one second")
	}
	if o.MaxLifetime > keydoc.MaxSeconds*time.Second {
		return "", errors.New("the greatest token lifetime is above 100 years")
	}
	return payloadPrefix(o.Issuer)
}

func checkKeys(keys []*Key) error {
	if len(keys) == 0 {
		return errors.New("there is no token key")
	}
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if k == nil || k.parts == nil {
			return errors.New("a token key is nil or was not made by NewKey")
		}
		if seen[k.kid] {
			return fmt.Errorf("token key %s is there twice", k.kid)
		}
		seen[k.kid] = true
	}
	if !keys[0].CanSign() {
		return fmt.Errorf("token key %s is only a public key and cannot be the one that signs", keys[0].kid)
	}
	return nil
}

// assemble cannot fail: options and keys were checked.
func assemble(opts Options, prefix string, keys []*Key) *Keyring {
	r := &Keyring{
		signer:      keys[0],
		keys:        append([]*Key(nil), keys...),
		byHeader:    make(map[string]*Key, len(keys)),
		issuer:      opts.Issuer,
		prefix:      prefix,
		maxLifetime: int64((opts.MaxLifetime + time.Second - 1) / time.Second),
		now:         opts.Now,
		jwks:        keySet(keys),
	}
	if r.now == nil {
		r.now = time.Now
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %d", r.issuer, r.maxLifetime)
	for _, k := range r.keys {
		r.byHeader[k.header] = k
		fmt.Fprintf(sum, " %s", k.kid)
	}
	r.id = hex.EncodeToString(sum.Sum(nil)[:16])
	r.Shown = redact.Shown(fmt.Sprintf("token keyring %s (%d keys)", r.id, len(r.keys)))
	return r
}

// ID is equal for two rings that sign and accept the same tokens, and differs
// when a key, their order, the issuer or the lifetime does.
func (r *Keyring) ID() string { return r.id }

// JWKS is the RFC 7517 key set of the public keys; empty for HS256.
func (r *Keyring) JWKS() []byte { return bytes.Clone(r.jwks) }

// Keys describes the keys in order, the signing one first. A ring knows no
// times: all others are Verifying here, and Vault.Keys tells more.
func (r *Keyring) Keys() []KeyInfo {
	infos := make([]KeyInfo, len(r.keys))
	for i, k := range r.keys {
		infos[i] = KeyInfo{KID: k.kid, Algorithm: k.alg, State: Verifying}
	}
	infos[0].State = Signing
	return infos
}
