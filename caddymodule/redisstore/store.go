// store.go: the Caddy module, and what of it survives a reload.

package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() {
	caddy.RegisterModule(new(Store))
}

// links outlives configurations: connections, and the leases of every user who is
// logged in, must not go because a header rule changed. Its keys are hashes.
var links = caddy.NewUsagePool()

// Store keeps sessions in Redis (6.2 or newer) or Valkey: one server, Sentinel or
// Cluster. Gateways that share it share logins, logouts and redeemed codes: a
// logout is seen by all of them within a second, usually within milliseconds.
//
// Caddy starts without Redis, warns, and answers 503 until it is there. While it
// is slow or away, requests that need it get 503 within two seconds, and all of
// them at once when it has been silent for that long; nobody is logged out by that.
//
// Set `maxmemory-policy noeviction`, `appendonly yes` and `appendfsync always`:
// what Redis forgets is logged out, and what a snapshot brings back may be a
// session that had ended. The package's documentation says what is survived and
// has an ACL line for the gateway's user.
type Store struct {
	// `redis://` or, with TLS, `rediss://`, with user, password and database:
	// `rediss://gateway:{env.REDIS_PASSWORD}@redis.example.com:6379/2`. Several
	// are the seeds of a cluster, or the Sentinels. Every part may be a
	// placeholder, `{env.NAME}` or `{file./path}`, resolved when the
	// configuration is loaded; a placeholder for a password is taken as it is.
	URLs []string `json:"urls,omitempty"`

	// `single`, `cluster` or `sentinel`. Default: `single`
	Mode string `json:"mode,omitempty"`

	// The name of the primary, with `sentinel`.
	Master string `json:"master,omitempty"`

	// Begins every key. Stores with different prefixes share nothing.
	// Default: `wechat:`
	Prefix string `json:"prefix,omitempty"`

	// A file with the certificates (PEM) that sign the servers'. Default: those
	// the system trusts.
	TLSCA string `json:"tls_ca,omitempty"`

	// A client certificate and its key (PEM); read again for each connection.
	TLSCert string `json:"tls_cert,omitempty"`
	TLSKey  string `json:"tls_key,omitempty"`

	// The name in the servers' certificates. Default: the host of each URL.
	TLSServerName string `json:"tls_server_name,omitempty"`

	// User and password for the Sentinels, where they are not those of the URLs.
	SentinelUser     string `json:"sentinel_user,omitempty"`
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// How many replicas must have a write before it is acknowledged: fewer, and
	// the request gets 503. It keeps a failover from bringing back a session that
	// ended. Default: 0 with `single`; otherwise 1, unless the primary has been
	// without a replica for 15s.
	WaitReplicas *int `json:"wait_replicas,omitempty"`

	// How long that may take, at most 1s. Default: 500ms
	WaitTimeout caddy.Duration `json:"wait_timeout,omitempty"`

	*Client `json:"-"`

	key string // in the pool; set once the link was taken: what Cleanup must give back
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "wechat.stores.redis",
		New: func() caddy.Module { return new(Store) },
	}
}

// Provision takes the link to Redis, a new one or that of the configuration
// before. What cannot work is an error; a Redis that does not answer is a warning.
func (s *Store) Provision(ctx caddy.Context) error {
	o, err := s.options()
	if err != nil {
		return err
	}
	d, tune, err := o.deployment()
	if err != nil {
		return err
	}
	key := d.identity()
	v, _, err := links.LoadOrNew(key, func() (caddy.Destructor, error) { return newLink(d), nil })
	if err != nil {
		return fmt.Errorf("taking the link to redis: %w", err)
	}
	s.key, s.Client = key, &Client{link: v.(*link), tune: tune}
	s.Client.mayProbe()
	switch err := s.try(); {
	case primary.IsConfigError(err):
		return err // Cleanup gives the link back
	case err != nil:
		ctx.Logger().Warn("redis does not answer: requests that need a session get 503 until it does", zap.Error(err))
	}
	return nil
}

// written are the options as the configuration has them.
func (s *Store) written() Options {
	return Options{
		URLs: s.URLs, Mode: s.Mode, Master: s.Master, Prefix: s.Prefix,
		TLSCA: s.TLSCA, TLSCert: s.TLSCert, TLSKey: s.TLSKey, TLSServerName: s.TLSServerName,
		SentinelUser: s.SentinelUser, SentinelPassword: s.SentinelPassword,
		WaitReplicas: s.WaitReplicas, WaitTimeout: time.Duration(s.WaitTimeout),
	}
}

// options resolves placeholders. The fields keep them: the admin API shows those.
func (s *Store) options() (o Options, err error) {
	o = s.written()
	o.resolve = func(text string) (string, error) { return resolve("url", text) }
	for _, f := range []struct {
		option string
		text   *string
	}{
		{"master", &o.Master}, {"prefix", &o.Prefix}, {"tls_ca", &o.TLSCA}, {"tls_cert", &o.TLSCert}, {"tls_cert", &o.TLSKey},
		{"tls_server_name", &o.TLSServerName}, {"sentinel_auth", &o.SentinelUser}, {"sentinel_auth", &o.SentinelPassword},
	} {
		if *f.text, err = resolve(f.option, *f.text); err != nil {
			return o, err
		}
	}
	return o, nil
}

// resolve replaces placeholders. The error names the option and nothing of its text.
func resolve(option, text string) (string, error) {
	if !strings.Contains(text, "{") {
		return text, nil
	}
	resolved, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return "", fmt.Errorf("store redis: %s: a placeholder resolves to nothing: set the environment variable, or put the value into the file", option)
	}
	// a file ends with a line break that is not part of what it holds
	if resolved = strings.TrimSpace(resolved); resolved == "" {
		return "", fmt.Errorf("store redis: %s: a placeholder resolves to nothing: set the environment variable, or put the value into the file", option)
	}
	return resolved, nil
}

// Cleanup gives back what Provision took; Caddy also calls it when Provision failed.
func (s *Store) Cleanup() error {
	if s.key == "" {
		return nil
	}
	key := s.key
	s.key = ""
	if _, err := links.Delete(key); err != nil {
		return errors.Join(errors.New("releasing the link to redis"), err)
	}
	return nil
}

// String tells nothing: a URL may hold a password.
func (s *Store) String() string { return "wechat.stores.redis" }

// Close does nothing: the link is shared, and Cleanup releases it.
func (s *Store) Close() error { return nil }

var (
	_ caddy.Module          = (*Store)(nil)
	_ caddy.Provisioner     = (*Store)(nil)
	_ caddy.CleanerUpper    = (*Store)(nil)
	_ caddyfile.Unmarshaler = (*Store)(nil)
	_ session.Store         = (*Store)(nil)
	_ caddy.Destructor      = (*link)(nil)
)
