// vault.go: keys the gateway made itself, kept in Caddy's storage and shared by
// all nodes that share it.

package seal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keydoc"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
)

// VaultOptions say where the keys are kept and how long they are needed.
type VaultOptions struct {
	// Where the keys are kept, which should not be the store whose values they
	// seal. Anyone who can read it can open and seal.
	Storage certmagic.Storage
	// The longest time a sealed value is kept. The greatest ever given on any
	// node is noted beside the keys and counts for all.
	MaxLifetime time.Duration
	// The clock. Default: time.Now.
	Now func() time.Time
}

const (
	// documentPath and lockName are names in storage, the same on all nodes.
	documentPath = "wechat/seal_keys.json"
	lockName     = "wechat_seal_keys"

	// openSlack keeps a superseded key longer than its last value can live: other
	// nodes seal with it until their next Refresh, and clocks differ.
	openSlack = 15 * time.Minute
)

// Vault keeps keys in storage, and seals and opens with them. It is safe for
// concurrent use. The caller refreshes and rotates, every few minutes at least;
// only a value under a key that is not known yet makes Open ask storage by itself.
type Vault struct {
	redact.Shown
	opts VaultOptions
	doc  *keydoc.Document[*holding]
}

// holding is what the document says, as last read. It is replaced as a whole and
// never changed in place.
type holding struct {
	entries     []entry // by age; the last seals
	maxLifetime time.Duration
	keys        *Keys
}

// entry is one key. It is superseded when the next one was created.
type entry struct {
	key     *key
	created time.Time
}

// OpenVault reads the keys and makes the first one if there are none. A document
// that cannot be read or understood is an error: with a new key in its place,
// all sessions would be lost.
func OpenVault(ctx context.Context, opts VaultOptions) (*Vault, error) {
	switch {
	case opts.Storage == nil:
		return nil, errors.New("there is no storage for the seal keys")
	case opts.MaxLifetime < time.Second:
		return nil, errors.New("the greatest lifetime of sealed values has to be at least one second")
	case opts.MaxLifetime > keydoc.MaxSeconds*time.Second:
		return nil, errors.New("the greatest lifetime of sealed values is above 100 years")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	v := &Vault{Shown: "seal vault " + documentPath, opts: opts, doc: keydoc.New(keydoc.Form[*holding]{
		Storage: opts.Storage, Path: documentPath, Lock: lockName, What: "seal keys", Ends: "all sessions",
		Decode: func(data []byte, _ *holding) (*holding, error) { return decodeDocument(data) },
		Encode: func(h *holding) ([]byte, error) { return encodeDocument(h.entries, h.maxLifetime) },
		Has:    (*holding).has,
	})}
	err := v.Refresh(ctx)
	if errors.Is(err, keydoc.ErrAbsent) {
		err = v.change(ctx, true, func(d *draft) error {
			if len(d.entries) > 0 { // another node was first
				return nil
			}
			return d.add()
		})
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Refresh reads the keys again. After an error the vault keeps those it had,
// also when the document has vanished: only OpenVault makes a first key.
func (v *Vault) Refresh(ctx context.Context) error {
	if err := v.doc.Follow(ctx); err != nil {
		return err
	}
	if v.doc.Held().maxLifetime < v.opts.MaxLifetime {
		// Or a key would go while values of this node are alive.
		return v.change(ctx, false, func(*draft) error { return nil })
	}
	return nil
}

// has tells whether a key of that id, as String has it, is in the document.
func (h *holding) has(id string) bool {
	return h != nil && slices.ContainsFunc(h.entries, func(e entry) bool { return e.key.id.String() == id })
}

// Seal encrypts with the newest key this node knows; see [Keys.Seal]. It never
// waits, so ctx has no part in it.
func (v *Vault) Seal(_ context.Context, plaintext, associated []byte) ([]byte, error) {
	return v.doc.Held().keys.Seal(plaintext, associated)
}

// Infos describes all keys in the document as last read, newest first.
func (v *Vault) Infos() []KeyInfo {
	h := v.doc.Held()
	infos := make([]KeyInfo, 0, len(h.entries))
	for i := len(h.entries) - 1; i >= 0; i-- {
		infos = append(infos, h.info(i))
	}
	return infos
}

func (h *holding) info(i int) KeyInfo {
	e := h.entries[i]
	if i == len(h.entries)-1 {
		return KeyInfo{ID: e.key.id.String(), State: Sealing, Created: e.created}
	}
	return KeyInfo{ID: e.key.id.String(), State: Opening, Created: e.created,
		OpensUntil: opensUntil(h.entries, i, h.maxLifetime)}
}

// opensUntil is meaningful for all keys but the newest, which has no end yet.
func opensUntil(entries []entry, i int, maxLifetime time.Duration) time.Time {
	return entries[i+1].created.Add(maxLifetime + openSlack)
}
