// store.go: the Caddy module, and what of it survives a reload.

package memorystore

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() {
	caddy.RegisterModule(new(Store))
}

// tables outlives configurations: nobody must be logged out, and no redeemed
// code forgotten, because a header rule changed. The table goes when the last
// configuration with a memory store goes.
var tables = caddy.NewUsagePool()

// tableName is the key of the one table. It holds no option: one that changed
// would otherwise start an empty table.
const tableName = "sessions"

// pooled ends its table when no configuration uses it any more.
type pooled struct{ *table }

// Destruct implements caddy.Destructor.
func (p pooled) Destruct() error {
	p.close()
	return nil
}

// Store keeps sessions in memory, and nothing on disk: they survive a reload of
// the configuration, and are gone when the process ends. Other nodes do not see
// them. For sessions that outlive a restart use the store `local`, for several
// nodes the store `redis`.
//
// Memory is bounded: a session takes about 400 bytes. When the limit is
// reached, a login is answered with 503 until a session ends or expires; users
// who are logged in stay so, and may log in again where that replaces one of
// their own sessions.
type Store struct {
	// How many sessions may be live at the same time. As many marks of redeemed
	// login codes may be kept for their ten minutes, those of failed logins too,
	// and the WeChat session keys of twice as many users are kept; both of them
	// at least 100000. A reload may change it: sessions stay. Default: 1000000.
	MaxSessions int `json:"max_sessions,omitempty"`

	*table `json:"-"`

	limits *Limits // set once the table was taken: what Cleanup must give back
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "wechat.stores.memory",
		New: func() caddy.Module { return new(Store) },
	}
}

// Provision takes the table, a new one or that of the configuration before.
func (s *Store) Provision(ctx caddy.Context) error {
	if s.MaxSessions < 0 {
		return fmt.Errorf("max_sessions is %d, it must be at least 1", s.MaxSessions)
	}
	limits := Limits{Sessions: s.MaxSessions}.withDefaults()
	v, reloaded, err := tables.LoadOrNew(tableName, func() (caddy.Destructor, error) {
		return pooled{newTable()}, nil
	})
	if err != nil {
		return fmt.Errorf("taking the session table: %w", err)
	}
	s.table, s.limits = v.(pooled).table, &limits
	s.tune(s.limits)
	s.announce(ctx.Logger(), reloaded)
	return nil
}

// announce says what the operator has chosen: it is not the default.
func (s *Store) announce(logger *zap.Logger, reloaded bool) {
	if !reloaded {
		logger.Info("sessions are kept in memory: they survive a reload, not a restart")
		return
	}
	sessions := 0
	for _, n := range s.sessions.counts() {
		sessions += n
	}
	logger.Info("sessions in memory were carried over", zap.Int("sessions", sessions))
}

// Cleanup gives back what Provision took; Caddy also calls it when Provision
// failed. The table stays readable for requests that are still under way.
func (s *Store) Cleanup() error {
	if s.limits == nil {
		return nil
	}
	s.untune(s.limits)
	s.limits = nil
	if _, err := tables.Delete(tableName); err != nil {
		return errors.Join(errors.New("releasing the session table"), err)
	}
	return nil
}

var (
	_ caddy.Module          = (*Store)(nil)
	_ caddy.Provisioner     = (*Store)(nil)
	_ caddy.CleanerUpper    = (*Store)(nil)
	_ caddyfile.Unmarshaler = (*Store)(nil)
	_ session.Store         = (*Store)(nil)
	_ session.Checker       = (*Store)(nil)
	_ session.Locker        = (*Store)(nil)
	_ caddy.Destructor      = pooled{}
)
