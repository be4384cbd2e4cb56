// vault.go: keys the gateway made itself, kept in Caddy's storage and shared by
// all nodes that share it.

package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// VaultOptions say where the keys are kept and how long they are needed.
type VaultOptions struct {
	// Where the keys are kept, which should not be the store whose values they
	// seal. Who can read it can open and seal.
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

	// storageTimeout bounds one operation, waiting for the lock included. A
	// lock of a node that crashed goes stale well within it.
	storageTimeout = time.Minute

	// openSlack keeps a superseded key longer than its last value can live: other
	// nodes seal with it until their next Refresh, and clocks differ.
	openSlack = 15 * time.Minute
)

// Vault keeps keys in storage, and seals and opens with them. It is safe for
// concurrent use. The caller refreshes and rotates, every few minutes at least;
// only a value under a key that is not known yet makes Open ask storage by itself.
type Vault struct {
	opts VaultOptions
	// One operation at a time within the process: waiting for ourselves on a
	// storage lock costs a second with files. A channel, to wait with a context.
	busy chan struct{}
	held atomic.Pointer[holding]
	asks lookups
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

// errAbsent is apart from all other failures, as only it allows a first key.
var errAbsent = errors.New("there are no seal keys in storage")

// OpenVault reads the keys and makes the first one if there are none. A document
// that cannot be read or understood is an error: with a new key in its place,
// all sessions would be lost.
func OpenVault(ctx context.Context, opts VaultOptions) (*Vault, error) {
	switch {
	case opts.Storage == nil:
		return nil, errors.New("there is no storage for the seal keys")
	case opts.MaxLifetime < time.Second:
		return nil, errors.New("the greatest lifetime of sealed values has to be at least one second")
	case opts.MaxLifetime > maxStoredLifetime*time.Second:
		return nil, errors.New("the greatest lifetime of sealed values is above 100 years")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	v := &Vault{opts: opts, busy: make(chan struct{}, 1)}
	err := v.Refresh(ctx)
	if errors.Is(err, errAbsent) {
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
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := v.begin(ctx); err != nil {
		return err
	}
	h, err := v.load(ctx)
	if err == nil {
		v.held.Store(h)
	}
	v.end()
	if err == nil && h.maxLifetime < v.opts.MaxLifetime {
		// Or a key would go while values of this node are alive.
		return v.change(ctx, false, func(*draft) error { return nil })
	}
	return err
}

// Seal encrypts with the newest key this node knows; see [Keys.Seal]. It never
// waits, so ctx has no part in it.
func (v *Vault) Seal(_ context.Context, plaintext, associated []byte) ([]byte, error) {
	return v.held.Load().keys.Seal(plaintext, associated)
}

// Infos describes all keys in the document as last read, newest first.
func (v *Vault) Infos() []KeyInfo {
	h := v.held.Load()
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

func (v *Vault) begin(ctx context.Context) error {
	select {
	case v.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for another use of the seal keys: %w", ctx.Err())
	}
}

func (v *Vault) end() { <-v.busy }

func (v *Vault) load(ctx context.Context) (*holding, error) {
	data, err := v.opts.Storage.Load(ctx, documentPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s", errAbsent, documentPath)
	}
	if err != nil {
		return nil, fmt.Errorf("reading seal keys %s from storage: %w", documentPath, err)
	}
	h, err := decodeDocument(data)
	if err != nil {
		return nil, fmt.Errorf("seal keys %s in storage: %w; restore the document, or delete it and reload to start anew, which ends all sessions",
			documentPath, err)
	}
	return h, nil
}

// String shows where the keys are, not what they are.
func (v *Vault) String() string { return "seal vault " + documentPath }

// GoString is for %#v.
func (v *Vault) GoString() string { return v.String() }

// Format answers every verb.
func (v *Vault) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.String()) }

// LogValue is for log/slog.
func (v *Vault) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalJSON is for encoders and zap's reflection.
func (v *Vault) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

var (
	_ fmt.Formatter  = (*Vault)(nil)
	_ slog.LogValuer = (*Vault)(nil)
	_ json.Marshaler = (*Vault)(nil)
)
