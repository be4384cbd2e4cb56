// store.go: the Caddy module, and what of it survives a reload.

package localstore

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() {
	caddy.RegisterModule(new(Store))
}

// databases outlives configurations, by file: the old and the new one of a
// reload use one open database, for a file can be opened once.
var databases = caddy.NewUsagePool()

// pooled closes its database when no configuration uses it any more.
type pooled struct{ *shared }

// Destruct implements caddy.Destructor.
func (p pooled) Destruct() error { return p.close() }

// Store keeps sessions in an embedded database file, and those that are in use
// in memory as well. A login or a logout that was acknowledged is on disk: it
// survives a reload, a restart, kill -9 and a power cut. One process may use a
// file at a time; for several nodes use the store `redis`.
//
// A record that the disk has damaged is taken out, which the log tells: its user logs
// in again, nobody else notices. A file with damaged pages is written anew at start
// with the records that are whole; the damaged one stays beside it as
// `<file>.damaged-<time>`, one of them.
//
// The file is bounded: a session with its keys takes about half a kilobyte of it,
// and about 150 bytes of memory, and what has expired makes room for what is
// new. When the limit is reached, a login is answered with 503 until a session ends
// or expires; users who are logged in stay so, and may log in again where that
// replaces one of their own sessions. With a million sessions it takes a few
// seconds to start.
//
// The file is opened when the configuration starts, not when it is validated:
// `caddy validate` works beside a running gateway. One that is mostly free is
// then written anew. One that another process has open, that cannot be read at all, or
// that is no session file of this version is refused with an error and never
// overwritten: the configuration is not loaded, and one that is running stays. To
// start anew, move the file away, and everybody logs in again. While the disk is full,
// logins and logouts are answered with 503 and sessions stay good: make room, and
// all is well again.
type Store struct {
	// The database file, on a local disk; placeholders are replaced. It is made
	// if there is none, with its directory, readable for the gateway's user alone.
	// Default: `wechat/sessions.db` in the directory that is Caddy's storage
	// (`storage file_system <root>`, or else Caddy's data directory). With another
	// storage module it is in Caddy's data directory.
	File string `json:"file,omitempty"`

	// How many sessions may be live at the same time. As many marks of redeemed
	// login codes may be kept for their ten minutes, those of failed logins too,
	// and the WeChat session keys of twice as many users are kept; both of them
	// at least 100000. A reload may change it: sessions stay. Default: 1000000.
	MaxSessions int `json:"max_sessions,omitempty"`

	*shared `json:"-"`

	tuned *tune // set once the database was taken: what Cleanup must give back with it
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "wechat.stores.local",
		New: func() caddy.Module { return new(Store) },
	}
}

// Provision takes the database, a new one or that of the configuration before.
// Only Start opens it, or a request that comes first.
func (s *Store) Provision(ctx caddy.Context) error {
	if s.MaxSessions < 0 {
		return fmt.Errorf("max_sessions is %d, it must be at least 1", s.MaxSessions)
	}
	file, err := s.file(ctx)
	if err != nil {
		return err
	}
	name, err := resolve(file)
	if err != nil {
		return err
	}
	v, _, err := databases.LoadOrNew(name, func() (caddy.Destructor, error) {
		return pooled{&shared{name: name, tuning: newTuning()}}, nil
	})
	if err != nil {
		return fmt.Errorf("taking the session store: %w", err)
	}
	s.shared = v.(pooled).shared
	s.tuned = Options{Sessions: s.MaxSessions, Damaged: tellOfDamage(ctx.Logger(), name), Salvaged: tellOfSalvage(ctx.Logger(), name)}.tune()
	s.tune(s.tuned)
	return nil
}

// tellOfDamage is how the operator hears of damaged records.
func tellOfDamage(logger *zap.Logger, file string) func(records int) {
	return func(records int) {
		logger.Error("records of the session file were damaged and have been taken out: their users log in again; check the disk",
			zap.Int("records", records), zap.String("file", file))
	}
}

// tellOfSalvage is how the operator hears of damaged pages.
func tellOfSalvage(logger *zap.Logger, file string) func(Salvage) {
	return func(s Salvage) {
		kept := s.Kept
		if kept == "" {
			kept = "not kept: there is an older one beside it, which you may move away, or the file system has no links"
		}
		logger.Error("pages of the session file were damaged; it was written anew with what is whole: the users of what was lost log in again; check the disk",
			zap.Int("lost_records", s.Records), zap.Int("lost_pages", s.Pages), zap.String("file", file), zap.String("damaged_file", kept))
	}
}

// file returns the name of the session file. The default goes with Caddy's
// storage, so that gateways on one machine that have a storage each have a file
// each, and so that the file moves with the keys that seal what is in it.
func (s *Store) file(ctx caddy.Context) (string, error) {
	if s.File != "" {
		file, err := caddy.NewReplacer().ReplaceOrErr(s.File, true, true)
		if err != nil {
			return "", fmt.Errorf("replacing placeholders in the name of the session file: %w", err)
		}
		return file, nil
	}
	root := caddy.AppDataDir()
	if storage, ok := ctx.Storage().(*certmagic.FileStorage); ok {
		root = storage.Path
	}
	return filepath.Join(root, "wechat", "sessions.db"), nil
}

// Cleanup gives back what Provision took; Caddy also calls it when Provision
// failed. With the last configuration the database is closed, and requests that
// are still under way get an error.
func (s *Store) Cleanup() error {
	if s.tuned == nil {
		return nil
	}
	s.untune(s.tuned)
	s.tuned = nil
	if _, err := databases.Delete(s.name); err != nil {
		return errors.Join(errors.New("closing the session store"), err)
	}
	return nil
}

var (
	_ caddy.Module          = (*Store)(nil)
	_ caddy.Provisioner     = (*Store)(nil)
	_ caddy.CleanerUpper    = (*Store)(nil)
	_ caddyfile.Unmarshaler = (*Store)(nil)
	_ session.Store         = (*Store)(nil)
	_ session.Counter       = (*Store)(nil)
	_ session.Checker       = (*Store)(nil)
	_ session.Locker        = (*Store)(nil)
	_ caddy.Destructor      = pooled{}
)
