// vaultdoc.go: the document that kept keys are written in.

package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// documentFormat marks the document as ours and names the version. Another
// version is refused, as writing it back would lose what we do not know.
const documentFormat = "wechat seal keys 1"

// maxStoredLifetime, 100 years, keeps the product with a second from overflowing.
const maxStoredLifetime = 100 * 365 * 24 * 60 * 60

// document holds secrets and lives only between storage and memory.
type document struct {
	Format      string   `json:"format"`
	MaxLifetime int64    `json:"max_lifetime"` // seconds, the greatest ever configured
	Keys        []record `json:"keys"`         // by age; the last seals
}

type record struct {
	// Stored although it follows from the key: a document whose halves do not
	// belong together is then found before it seals anything.
	ID      string   `json:"id"`
	Created int64    `json:"created"` // Unix seconds
	Key     keyBytes `json:"key"`
}

// keyBytes is a secret. It shows itself in the document's JSON only.
type keyBytes []byte

// Format hides the bytes from every verb.
func (keyBytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

func encodeDocument(entries []entry, maxLifetime time.Duration) ([]byte, error) {
	doc := document{
		Format: documentFormat,
		// Up, or a key would go a fraction too early.
		MaxLifetime: int64((maxLifetime + time.Second - 1) / time.Second),
	}
	for _, e := range entries {
		doc.Keys = append(doc.Keys, record{ID: e.key.id.String(), Created: e.created.Unix(), Key: e.key.parts().secret})
	}
	data, err := json.MarshalIndent(doc, "", "\t")
	if err != nil {
		return nil, errors.New("encoding the seal keys for storage failed")
	}
	return append(data, '\n'), nil
}

// decodeDocument trusts nothing: storage may be edited, cut off or another
// program's. Its errors do not quote the document.
func decodeDocument(data []byte) (*holding, error) {
	var doc document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, errors.New("the document is empty, cut off, or not one of ours")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("the document has something behind its end")
	}
	switch {
	case doc.Format != documentFormat:
		return nil, errors.New("the document is of another format or a newer release")
	case doc.MaxLifetime <= 0 || doc.MaxLifetime > maxStoredLifetime:
		return nil, errors.New("the document's max_lifetime makes no sense")
	case len(doc.Keys) == 0:
		return nil, errors.New("the document holds no key")
	}
	h := &holding{maxLifetime: time.Duration(doc.MaxLifetime) * time.Second}
	for i, rec := range doc.Keys {
		k, err := newKey(rec.Key)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if k.id.String() != rec.ID {
			return nil, fmt.Errorf("key %d: id and key do not belong together", i+1)
		}
		if rec.Created <= 0 || rec.Created > maxCreated {
			return nil, fmt.Errorf("key %d: its time makes no sense", i+1)
		}
		h.entries = append(h.entries, entry{key: k, created: time.Unix(rec.Created, 0)})
	}
	// The order is what decides who seals, so it does not rest on an editor.
	slices.SortStableFunc(h.entries, func(a, b entry) int { return a.created.Compare(b.created) })
	list := make([]*key, 0, len(h.entries))
	for _, e := range slices.Backward(h.entries) {
		list = append(list, e.key)
	}
	var err error
	h.keys, err = assemble(list)
	return h, err
}

// maxCreated, the year 9999, is the last that JSON and people can write.
const maxCreated = 253402300799
