// vaultopen.go: opening, and looking for a key that is not known yet.

package seal

import (
	"context"
	"errors"
	"fmt"
)

// Open returns what was sealed, on whatever node that shares the storage. Its
// error is ErrForged, bare, or says that the question could not be answered:
// the value names a key that is not known here, and storage could not be read.
func (v *Vault) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	plaintext, err := v.doc.Held().keys.Open(sealed, associated)
	if !errors.Is(err, ErrUnknownKey) {
		return plaintext, err
	}
	h, found, err := v.doc.Find(ctx, idOf(sealed).String())
	switch {
	case err != nil:
		return nil, fmt.Errorf("opening a sealed value: %w", err)
	case !found:
		return nil, ErrForged
	}
	return h.keys.Open(sealed, associated)
}
