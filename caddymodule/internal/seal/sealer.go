// sealer.go: the two values that a session manager takes.

package seal

import (
	"context"
	"errors"
)

// sealer repeats what the session manager asks for; it declares its own.
type sealer interface {
	Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error)
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// Fixed seals and opens with a set of keys that stays as it is, such as one
// from files. It is safe for concurrent use; a Vault is the same for kept keys.
type Fixed struct{ keys *Keys }

// NewFixed makes a Fixed of keys.
func NewFixed(keys *Keys) Fixed { return Fixed{keys} }

// Seal never waits, so ctx has no part in it.
func (f Fixed) Seal(_ context.Context, plaintext, associated []byte) ([]byte, error) {
	return f.keys.Seal(plaintext, associated)
}

// Open returns what was sealed. Its error is ErrForged, bare: there is no place
// where a key that is not known could still be looked for.
func (f Fixed) Open(_ context.Context, sealed, associated []byte) ([]byte, error) {
	plaintext, err := f.keys.Open(sealed, associated)
	if errors.Is(err, ErrUnknownKey) {
		return nil, ErrForged
	}
	return plaintext, err
}

var (
	_ sealer = Fixed{}
	_ sealer = (*Vault)(nil)
)
