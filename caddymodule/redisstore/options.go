// options.go: what identifies a Redis deployment, and what is merely tuned.

package redisstore

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
)

// Modes of a deployment.
const (
	ModeSingle   = primary.ModeSingle
	ModeSentinel = primary.ModeSentinel
	ModeCluster  = primary.ModeCluster
)

const (
	// DefaultPrefix begins every key.
	DefaultPrefix = "wechat:"

	defaultWait = 500 * time.Millisecond
	maxWait     = time.Second
)

// Options say where Redis is and how it is used.
type Options struct {
	// redis:// or rediss://, with user, password and database. Several are the
	// seeds of a cluster, or the Sentinels.
	URLs []string

	// ModeSingle, ModeSentinel or ModeCluster. Default: ModeSingle.
	Mode string

	// The name of the primary, for ModeSentinel.
	Master string

	// Begins every key. Default: DefaultPrefix.
	Prefix string

	// Files for rediss://: a CA instead of the system's, a client certificate with
	// its key. ServerName is verified instead of each URL's host.
	TLSCA, TLSCert, TLSKey, TLSServerName string

	// For Sentinels whose user differs from that of the servers. Default: the same
	// as in the URLs, or none where the Sentinels refuse that.
	SentinelUser, SentinelPassword string

	// How many replicas must have a write before it is acknowledged; nil is 0 for
	// ModeSingle, and for the others 1 unless there has been none for 15 s.
	WaitReplicas *int

	// How long that may take; then the write fails. Default: 500 ms, at most 1 s.
	WaitTimeout time.Duration

	resolve func(string) (string, error) // placeholders in the parts of a URL
	written bool                         // nothing is resolved yet: URLs with placeholders are not looked at
}

// String tells nothing: there may be passwords in all of it.
func (o Options) String() string { return "redisstore.Options" }

// GoString does as String does.
func (o Options) GoString() string { return o.String() }

// deployment is what Options mean: everything that identifies the servers and
// how to log in there.
type deployment struct {
	primary.Deployment
	tlsFiles [4]string
	caSum    [sha256.Size]byte
}

// tuning is what may change without another connection.
type tuning struct {
	names   names
	confirm primary.Confirm
}

func (o Options) deployment() (*deployment, tuning, error) {
	d, tune, _, err := o.read()
	if err != nil {
		return nil, tune, err
	}
	d.SentinelUser, d.SentinelPassword = d.User, d.Password
	if o.SentinelPassword != "" {
		d.SentinelUser, d.SentinelPassword, d.SentinelOwnAccount = o.SentinelUser, o.SentinelPassword, true
	}
	return d, tune, d.secure(o)
}

// read checks what the options say, without a look at files. With an error comes
// the option to mend; "" is the store itself, with its URLs.
func (o Options) read() (d *deployment, tune tuning, option string, err error) {
	d = &deployment{Deployment: primary.Deployment{Mode: o.Mode, Master: o.Master}}
	if tune, option, err = o.tuning(); err != nil {
		return nil, tune, option, err
	}
	bad := func(option, text string) (*deployment, tuning, string, error) {
		return nil, tune, option, errors.New(text)
	}
	switch d.Mode {
	case "":
		d.Mode = ModeSingle
	case ModeSingle, ModeSentinel, ModeCluster:
	default:
		return bad("mode", "mode must be single, cluster or sentinel"+not(d.Mode))
	}
	if err := d.addresses(o); err != nil {
		return nil, tune, "", err
	}
	switch {
	case d.Mode == ModeSingle && len(o.URLs) > 1:
		return bad("", "several urls need  mode cluster  or  mode sentinel")
	case d.Mode == ModeSentinel && d.Master == "":
		return bad("mode", "mode sentinel needs  master <name>")
	case d.Mode != ModeSentinel && d.Master != "":
		return bad("master", "master is for  mode sentinel")
	case d.Mode == ModeCluster && d.DB != 0:
		return bad("", "a cluster has no databases: remove the number from the url")
	case d.Mode != ModeSentinel && (o.SentinelUser != "" || o.SentinelPassword != ""):
		return bad("sentinel_auth", "sentinel_auth is for  mode sentinel")
	case o.SentinelUser != "" && o.SentinelPassword == "":
		return bad("sentinel_auth", "sentinel_auth has a user but no password")
	}
	if d.TLS == nil && len(d.Addrs) > 0 {
		for _, f := range [][2]string{{"tls_ca", o.TLSCA}, {"tls_cert", o.TLSCert + o.TLSKey}, {"tls_server_name", o.TLSServerName}} {
			if f[1] != "" {
				return bad(f[0], f[0]+" is for rediss:// urls")
			}
		}
	}
	return d, tune, "", nil
}

func (o Options) tuning() (t tuning, option string, err error) {
	t = tuning{names: names{cmp.Or(o.Prefix, DefaultPrefix)}, confirm: primary.Confirm{Within: cmp.Or(o.WaitTimeout, defaultWait)}}
	if len(t.names.prefix) > 100 || strings.ContainsFunc(t.names.prefix, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`{}*?[]\`, r)
	}) {
		return t, "prefix", errors.New(`prefix must have at most 100 characters, without spaces and without {}*?[]\`)
	}
	switch {
	case o.WaitReplicas != nil:
		t.confirm.Replicas = *o.WaitReplicas
	case o.Mode == ModeSentinel || o.Mode == ModeCluster:
		t.confirm.Replicas = primary.Auto
	}
	if o.WaitReplicas != nil && (t.confirm.Replicas < 0 || t.confirm.Replicas > 100) {
		return t, "wait_replicas", errors.New("wait_replicas must be a number from 0 to 100")
	}
	if t.confirm.Within < time.Millisecond || t.confirm.Within > maxWait {
		return t, "wait_replicas", fmt.Errorf("the timeout of wait_replicas must be a duration from 1ms, at most %v", maxWait)
	}
	return t, "", nil
}

// identity names the deployment without telling any of it: a hash over all that
// makes a connection a different one.
func (d *deployment) identity() string {
	h := sha256.New()
	addrs := slices.Sorted(slices.Values(d.Addrs))
	for _, s := range append([]string{
		d.Mode, d.Master, d.User, d.Password, fmt.Sprint(d.DB), fmt.Sprint(d.TLS != nil),
		d.SentinelUser, d.SentinelPassword, fmt.Sprint(d.SentinelOwnAccount), string(d.caSum[:]),
	}, append(d.tlsFiles[:], addrs...)...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
