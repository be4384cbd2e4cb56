// vaultdoc.go: the document that kept keys are written in.

package token

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keydoc"
)

// documentFormat marks the document as ours and names the version. Another
// version is refused, as writing it back would lose what we do not know.
const documentFormat = "wechat token keys 1"

// document holds secrets and lives only between storage and memory.
type document struct {
	Format    string    `json:"format"`
	Algorithm Algorithm `json:"alg"`
	Keys      []record  `json:"keys"` // by activation
}

type record struct {
	// Stored although it follows from the key: a document whose halves do not
	// belong together is then found before it signs anything.
	KID         string `json:"kid"`
	Created     int64  `json:"created"`      // Unix seconds
	ActiveFrom  int64  `json:"active_from"`  // Unix seconds
	MaxLifetime int64  `json:"max_lifetime"` // seconds
	// The HS256 secret, or the private key as PKCS#8.
	Key keydoc.Secret `json:"key"`
}

func encodeDocument(entries []entry, alg Algorithm) ([]byte, error) {
	doc := document{Format: documentFormat, Algorithm: alg}
	for _, e := range entries {
		rec := record{
			KID:         e.key.kid,
			Created:     e.created.Unix(),
			ActiveFrom:  e.activeFrom.Unix(),
			MaxLifetime: keydoc.Seconds(e.maxLifetime),
		}
		private, err := e.key.privateBytes()
		if err != nil {
			return nil, err
		}
		rec.Key = private
		doc.Keys = append(doc.Keys, rec)
	}
	return keydoc.Marshal(doc)
}

// madeKeys are keys by the digest of what the document holds of them. Making a key
// checks it, which takes longer than all the rest of reading a document again.
type madeKeys map[[sha256.Size]byte]*Key

// decodeDocument trusts nothing: storage may be edited, cut off or another
// program's. Its errors do not quote the document.
//
// Keys that are known need not be made anew.
func decodeDocument(data []byte, alg Algorithm, known madeKeys) (holding, error) {
	var doc document
	if err := keydoc.Unmarshal(data, &doc); err != nil {
		return holding{}, err
	}
	switch {
	case doc.Format != documentFormat:
		return holding{}, errors.New("the document is of another format or a newer release")
	case doc.Algorithm != alg:
		return holding{}, fmt.Errorf("the document is not for %s", alg)
	case len(doc.Keys) == 0:
		return holding{}, errors.New("the document holds no key")
	}
	var entries []entry
	var keys []*Key
	made := make(madeKeys, len(doc.Keys))
	for i, rec := range doc.Keys {
		digest := sha256.Sum256(rec.Key)
		key := known[digest]
		if key == nil {
			var err error
			if key, err = rec.key(alg); err != nil {
				return holding{}, fmt.Errorf("key %d: %w", i+1, err)
			}
		}
		made[digest] = key
		if key.kid != rec.KID {
			return holding{}, fmt.Errorf("key %d: kid and key do not belong together", i+1)
		}
		if rec.Created <= 0 || rec.ActiveFrom <= 0 || rec.MaxLifetime <= 0 || rec.MaxLifetime > keydoc.MaxSeconds {
			return holding{}, fmt.Errorf("key %d: its times make no sense", i+1)
		}
		keys = append(keys, key)
		entries = append(entries, entry{
			key:         key,
			created:     time.Unix(rec.Created, 0),
			activeFrom:  time.Unix(rec.ActiveFrom, 0),
			maxLifetime: time.Duration(rec.MaxLifetime) * time.Second,
		})
	}
	if err := checkKeys(keys); err != nil {
		return holding{}, err
	}
	// The order decides which key signs, so it does not rest on an editor.
	slices.SortStableFunc(entries, func(a, b entry) int { return a.activeFrom.Compare(b.activeFrom) })
	return holding{entries: entries, made: made}, nil
}

func (rec record) key(alg Algorithm) (*Key, error) {
	if alg == HS256 {
		return NewKey(alg, []byte(rec.Key))
	}
	private, err := x509.ParsePKCS8PrivateKey(rec.Key)
	if err != nil {
		return nil, errors.New("it is damaged")
	}
	return NewKey(alg, private)
}
