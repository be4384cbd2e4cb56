// vaultdoc.go: the document that kept keys are written in.

package seal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keydoc"
)

// documentFormat marks the document as ours and names the version. Another
// version is refused, as writing it back would lose what we do not know.
const documentFormat = "wechat seal keys 1"

// document holds secrets and lives only between storage and memory.
type document struct {
	Format      string   `json:"format"`
	MaxLifetime int64    `json:"max_lifetime"` // seconds, the greatest ever configured
	Keys        []record `json:"keys"`         // by age; the last seals
}

type record struct {
	// Stored although it follows from the key: a document whose halves do not
	// belong together is then found before it seals anything.
	ID      string        `json:"id"`
	Created int64         `json:"created"` // Unix seconds
	Key     keydoc.Secret `json:"key"`
}

func encodeDocument(entries []entry, maxLifetime time.Duration) ([]byte, error) {
	doc := document{Format: documentFormat, MaxLifetime: keydoc.Seconds(maxLifetime)}
	for _, e := range entries {
		doc.Keys = append(doc.Keys, record{ID: e.key.id.String(), Created: e.created.Unix(), Key: e.key.parts().secret})
	}
	return keydoc.Marshal(doc)
}

// decodeDocument trusts nothing: storage may be edited, cut off or another
// program's. Its errors do not quote the document.
func decodeDocument(data []byte) (*holding, error) {
	var doc document
	if err := keydoc.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	switch {
	case doc.Format != documentFormat:
		return nil, errors.New("the document is of another format or a newer release")
	case doc.MaxLifetime <= 0 || doc.MaxLifetime > keydoc.MaxSeconds:
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
	// The order decides which key seals, so it does not rest on an editor.
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
