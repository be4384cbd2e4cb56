// keys.go: which key seals, which still open.

package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
)

var (
	// ErrForged is the answer to everything that is not what one of our keys
	// sealed for this associated data. It says no more on purpose.
	ErrForged = errors.New("the value is not one that this gateway sealed for its place")

	// ErrUnknownKey is the answer of Keys to a value that names a key that is not
	// among them. Nothing else about the value was checked.
	ErrUnknownKey = errors.New("the value names a seal key that is not known here")
)

// State says what a key is good for.
type State string

// A key goes through these in order, then it is gone.
const (
	Sealing State = "sealing" // seals and opens
	Opening State = "opening" // superseded; opens what it sealed
)

// KeyInfo describes a key to an operator. It holds nothing secret.
type KeyInfo struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Zero for keys from files: nobody wrote it down.
	Created time.Time `json:"created,omitzero"`
	// When the last value it sealed is certainly over. Zero: no end is set yet.
	OpensUntil time.Time `json:"opens_until,omitzero"`
}

// Keys is an immutable set of keys: the first seals, all open. It is safe for
// concurrent use.
type Keys struct {
	redact.Shown
	list []*key
	byID map[keyID]*key
}

// NewKeys makes a set from secrets of at least 32 random bytes. It refuses an
// empty set, weak secrets, and one that is there twice.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	list := make([]*key, 0, len(secrets))
	for i, secret := range secrets {
		k, err := newKey(secret)
		if err != nil {
			return nil, fmt.Errorf("seal key %d: %w", i+1, err)
		}
		list = append(list, k)
	}
	return assemble(list)
}

func assemble(list []*key) (*Keys, error) {
	if len(list) == 0 {
		return nil, errors.New("there is no seal key")
	}
	keys := &Keys{Shown: redact.Shown(fmt.Sprintf("%d seal keys", len(list))), list: list, byID: make(map[keyID]*key, len(list))}
	for _, k := range list {
		// Two secrets of one id are a chance in four billion; then too, one of
		// them has to go.
		if keys.byID[k.id] != nil {
			return nil, fmt.Errorf("seal key %s is there twice", k.id)
		}
		keys.byID[k.id] = k
	}
	return keys, nil
}

// Seal encrypts plaintext and binds it to associated, which is not part of the
// result: Open has to be given the same. It fails only on the zero Keys.
func (k *Keys) Seal(plaintext, associated []byte) ([]byte, error) {
	if k == nil || len(k.list) == 0 {
		return nil, errors.New("there is no seal key")
	}
	sealed := k.list[0].begin(len(plaintext))
	rand.Read(sealed[headerSize:]) // never fails: it crashes the program instead
	return k.list[0].finish(sealed, plaintext, associated), nil
}

// Open returns what was sealed. Its error is ErrForged or ErrUnknownKey, bare.
func (k *Keys) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrForged
	}
	if k == nil {
		return nil, ErrUnknownKey
	}
	named := k.byID[idOf(sealed)]
	if named == nil {
		return nil, ErrUnknownKey
	}
	plaintext, err := named.open(sealed, associated)
	if err != nil {
		return nil, ErrForged
	}
	return plaintext, nil
}

// idOf is meaningful for a value that is long enough to be sealed.
func idOf(sealed []byte) keyID { return keyID(sealed[1:headerSize]) }

// Infos describes the keys in order, the sealing one first. A set knows no
// times; Vault.Infos tells more.
func (k *Keys) Infos() []KeyInfo {
	infos := make([]KeyInfo, 0, len(k.list))
	for i, one := range k.list {
		info := KeyInfo{ID: one.id.String(), State: Opening}
		if i == 0 {
			info.State = Sealing
		}
		infos = append(infos, info)
	}
	return infos
}
