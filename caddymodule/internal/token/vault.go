// vault.go: keys the gateway made itself, kept in Caddy's storage and shared by
// all nodes that share it.

package token

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keydoc"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
)

// VaultOptions say where the keys are kept and what they sign.
type VaultOptions struct {
	Options
	// Where the keys are kept. Anyone who can read it can mint tokens, as with the
	// private keys of certificates that live there too.
	Storage certmagic.Storage
	// The algorithm of all keys. Each has a document of its own, so changing it
	// ends the tokens of the other one.
	Algorithm Algorithm
	// How long before it signs a new key is published, in whole seconds at least.
	// It has to cover a few of the caller's calls of Follow on every node, and be
	// the same on all. Default: 5m.
	ActivationDelay time.Duration
}

const (
	defaultActivationDelay = 5 * time.Minute
	// verifySlack keeps a superseded key a little longer than its last token
	// can live: nodes go over to the next key one refresh and one clock error
	// apart. It is less where keys are replaced in seconds, see slack.
	verifySlack = 15 * time.Minute
)

// slack is verifySlack with the default delay, and less with a shorter one: of
// keys that are replaced in seconds a quarter of an hour would be hundreds.
func slack(delay time.Duration) time.Duration {
	return min(verifySlack, 3*delay+30*time.Second)
}

// MaxKept is how many keys a document may come to hold by its configuration:
// each costs every node memory, and the rotation a little longer write.
const MaxKept = 1000

// Kept tells how many keys there will be when one is replaced every so often.
func Kept(every, lifetime, delay time.Duration) int64 {
	return int64((lifetime+slack(delay)+delay+rotationLead)/every) + 2
}

// Vault keeps keys in storage. It is safe for concurrent use. Nothing happens
// by itself: the caller refreshes, rotates and takes snapshots.
type Vault struct {
	redact.Shown
	opts   VaultOptions
	prefix string
	doc    *keydoc.Document[holding]
}

// holding is what the document says. It is never changed in place.
type holding struct {
	entries []entry // by activation
	made    madeKeys
}

// has tells whether a key of that kid is in the document.
func (h holding) has(kid string) bool {
	return slices.ContainsFunc(h.entries, func(e entry) bool { return e.key.kid == kid })
}

// entry is one key with its times. The rest follows from them: which key signs now,
// and when a superseded key goes.
type entry struct {
	key         *Key
	created     time.Time
	activeFrom  time.Time
	maxLifetime time.Duration // the greatest configured anywhere while it could sign
}

// OpenVault reads the keys and makes the first one if there are none. A document
// that cannot be read or understood is an error: a new key in its place would
// log everybody out.
func OpenVault(ctx context.Context, opts VaultOptions) (*Vault, error) {
	prefix, err := opts.check()
	if err != nil {
		return nil, err
	}
	if _, err := ParseAlgorithm(string(opts.Algorithm)); err != nil {
		return nil, err
	}
	if opts.Storage == nil {
		return nil, errors.New("there is no storage for the token keys")
	}
	if opts.ActivationDelay < 0 {
		return nil, errors.New("the activation delay of token keys is negative")
	}
	if opts.ActivationDelay == 0 {
		opts.ActivationDelay = defaultActivationDelay
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	v := &Vault{opts: opts, prefix: prefix}
	form := v.form()
	v.doc, v.Shown = keydoc.New(form), redact.Shown("token vault "+form.Path)
	err = v.Refresh(ctx)
	if errors.Is(err, keydoc.ErrAbsent) {
		err = v.change(ctx, true, func(entries []entry, now time.Time) ([]entry, bool, error) {
			if len(entries) > 0 { // another node was first
				return v.raise(entries, now)
			}
			first, err := v.generate(now)
			return []entry{first}, true, err
		})
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Follow reads the keys again, and never waits for a lock. After an error the
// vault keeps those it had, also when the document has vanished: only OpenVault
// makes a first key.
func (v *Vault) Follow(ctx context.Context) error { return v.doc.Follow(ctx) }

// Refresh is Follow, and notes in the document what this node needs of it.
func (v *Vault) Refresh(ctx context.Context) error {
	if err := v.Follow(ctx); err != nil {
		return err
	}
	// Nodes configured for longer tokens than the one that made the key say so
	// in the document, or the key would go while their tokens are alive.
	if _, short, _ := v.raise(v.current(), v.opts.Now()); short {
		return v.change(ctx, false, v.raise)
	}
	return nil
}

// Snapshot is the ring for the moment now. Without a Refresh in between it
// changes only when a key starts to sign or stops to verify.
//
// Its tokens may live as long as any node was ever configured for while one of
// the keys could sign: shortening the lifetime is about the logins to come, and logs
// nobody out.
func (v *Vault) Snapshot(now time.Time) *Keyring {
	entries, opts := v.current(), v.opts.Options
	signer := signerAt(entries, now)
	keys := []*Key{entries[signer].key}
	for i := len(entries) - 1; i >= 0; i-- {
		if i != signer && !v.over(entries, i, now) {
			keys = append(keys, entries[i].key)
		}
		opts.MaxLifetime = max(opts.MaxLifetime, entries[i].maxLifetime)
	}
	return assemble(opts, v.prefix, keys)
}

// Keys describes all keys in the document, newest first.
func (v *Vault) Keys(now time.Time) []KeyInfo {
	entries := v.current()
	infos := make([]KeyInfo, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		infos = append(infos, v.info(entries, i, now))
	}
	return infos
}

func (v *Vault) info(entries []entry, i int, now time.Time) KeyInfo {
	e := entries[i]
	info := KeyInfo{KID: e.key.kid, Algorithm: e.key.alg, State: Verifying, Created: e.created, ActiveFrom: e.activeFrom}
	switch signer := signerAt(entries, now); {
	case i == signer:
		info.State = Signing
	case i > signer:
		info.State = Pending
	}
	if i < len(entries)-1 {
		info.VerifiesUntil = v.verifiesUntil(entries, i)
	}
	return info
}

// signerAt is the newest key that is active. If this node's clock is behind and
// none is, the oldest signs: its maker found it active.
func signerAt(entries []entry, now time.Time) int {
	for i := len(entries) - 1; i > 0; i-- {
		if !entries[i].activeFrom.After(now) {
			return i
		}
	}
	return 0
}

// verifiesUntil is meaningful for all keys but the newest, which has no end yet.
func (v *Vault) verifiesUntil(entries []entry, i int) time.Time {
	return entries[i+1].activeFrom.Add(entries[i].maxLifetime + slack(v.opts.ActivationDelay))
}

func (v *Vault) over(entries []entry, i int, now time.Time) bool {
	return i < len(entries)-1 && !v.verifiesUntil(entries, i).After(now)
}

// raise notes our lifetime at the keys that can still sign.
func (v *Vault) raise(entries []entry, now time.Time) ([]entry, bool, error) {
	changed := false
	entries = append([]entry(nil), entries...)
	for i := signerAt(entries, now); i < len(entries); i++ {
		if entries[i].maxLifetime < v.opts.MaxLifetime {
			entries[i].maxLifetime, changed = v.opts.MaxLifetime, true
		}
	}
	return entries, changed, nil
}

// generate makes a key that signs from now on. Its times are as the document
// will hold them, so that nobody sees two versions.
func (v *Vault) generate(now time.Time) (entry, error) {
	key, err := GenerateKey(v.opts.Algorithm)
	now = now.Truncate(time.Second)
	return entry{key: key, created: now, activeFrom: now, maxLifetime: v.opts.MaxLifetime}, err
}

// publish makes a key that signs from a moment on, or later: when the other nodes
// have had the time to learn of it, which begins when it is made. RSA takes long.
func (v *Vault) publish(from time.Time) (entry, error) {
	e, err := v.generate(time.Time{})
	now := v.opts.Now()
	e.created, e.activeFrom = now.Truncate(time.Second), v.known(now)
	if from = wholeSecond(from); from.After(e.activeFrom) {
		e.activeFrom = from
	}
	return e, err
}

// known is when all nodes know a key that is in storage now.
func (v *Vault) known(now time.Time) time.Time { return wholeSecond(now.Add(v.opts.ActivationDelay)) }

// wholeSecond rounds up.
func wholeSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

func (v *Vault) current() []entry { return v.doc.Held().entries }

// form is where the keys of the vault's algorithm are, and how they are written.
func (v *Vault) form() keydoc.Form[holding] {
	alg := v.opts.Algorithm
	return keydoc.Form[holding]{
		Storage: v.opts.Storage,
		Path:    "wechat/token_keys/" + strings.ToLower(string(alg)) + ".json",
		Lock:    "wechat_token_keys_" + string(alg),
		What:    "token keys", Ends: "all sessions' tokens",
		Decode: func(data []byte, have holding) (holding, error) { return decodeDocument(data, alg, have.made) },
		Encode: func(h holding) ([]byte, error) { return encodeDocument(h.entries, alg) },
		Has:    holding.has,
	}
}
