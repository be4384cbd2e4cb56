// vaultdoc.go: the document that kept keys are written in.

package token

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
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
	KID         string   `json:"kid"`
	Created     int64    `json:"created"`      // Unix seconds
	ActiveFrom  int64    `json:"active_from"`  // Unix seconds
	MaxLifetime int64    `json:"max_lifetime"` // seconds
	Key         keyBytes `json:"key"`
}

// keyBytes is the HS256 secret, or a private key as PKCS#8. It shows itself in
// the document's JSON only.
type keyBytes []byte

// Format hides the bytes from every verb.
func (keyBytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

func encodeDocument(entries []entry, alg Algorithm) ([]byte, error) {
	doc := document{Format: documentFormat, Algorithm: alg}
	for _, e := range entries {
		rec := record{
			KID:        e.key.kid,
			Created:    e.created.Unix(),
			ActiveFrom: e.activeFrom.Unix(),
			// Up, or a key would go a fraction too early.
			MaxLifetime: int64((e.maxLifetime + time.Second - 1) / time.Second),
		}
		private, err := e.key.privateBytes()
		if err != nil {
			return nil, err
		}
		rec.Key = private
		doc.Keys = append(doc.Keys, rec)
	}
	data, err := json.MarshalIndent(doc, "", "\t")
	if err != nil {
		return nil, errors.New("encoding the token keys for storage failed")
	}
	return append(data, '\n'), nil
}

// madeKeys are keys by the digest of what the document holds of them. Making a key
// checks it, which takes longer than all the rest of reading a document again.
type madeKeys map[[sha256.Size]byte]*Key

// decode is decodeDocument with the keys that the vault has made before.
func (v *Vault) decode(data []byte) ([]entry, error) {
	v.mu.RLock()
	known := v.made
	v.mu.RUnlock()
	entries, made, err := decodeDocument(data, v.opts.Algorithm, known)
	if err == nil {
		v.mu.Lock()
		v.made = made // replaced as a whole, never changed in place
		v.mu.Unlock()
	}
	return entries, err
}

// decodeDocument trusts nothing: storage may be edited, cut off or another
// program's. Its errors do not quote the document.
//
// Keys that are known need not be made anew; it returns all that are known now.
func decodeDocument(data []byte, alg Algorithm, known madeKeys) ([]entry, madeKeys, error) {
	var doc document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, nil, errors.New("the document is empty, cut off, or not one of ours")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, errors.New("the document has something behind its end")
	}
	switch {
	case doc.Format != documentFormat:
		return nil, nil, errors.New("the document is of another format or a newer release")
	case doc.Algorithm != alg:
		return nil, nil, fmt.Errorf("the document is not for %s", alg)
	case len(doc.Keys) == 0:
		return nil, nil, errors.New("the document holds no key")
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
				return nil, nil, fmt.Errorf("key %d: %w", i+1, err)
			}
		}
		made[digest] = key
		if key.kid != rec.KID {
			return nil, nil, fmt.Errorf("key %d: kid and key do not belong together", i+1)
		}
		if rec.Created <= 0 || rec.ActiveFrom <= 0 || rec.MaxLifetime <= 0 || rec.MaxLifetime > maxStoredLifetime {
			return nil, nil, fmt.Errorf("key %d: its times make no sense", i+1)
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
		return nil, nil, err
	}
	// The order is what decides who signs, so it does not rest on an editor.
	slices.SortStableFunc(entries, func(a, b entry) int { return a.activeFrom.Compare(b.activeFrom) })
	return entries, made, nil
}

// maxStoredLifetime, 100 years, keeps the product with a second from overflowing.
const maxStoredLifetime = 100 * 365 * 24 * 60 * 60

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
