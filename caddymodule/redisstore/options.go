// options.go: what identifies a Redis deployment, and what is merely tuned.

package redisstore

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Modes of a deployment.
const (
	ModeSingle   = "single"
	ModeSentinel = "sentinel"
	ModeCluster  = "cluster"
)

const (
	// DefaultPrefix begins every key.
	DefaultPrefix = "wechat:"

	defaultWait = 500 * time.Millisecond
	maxWait     = time.Second

	autoReplicas = -1 // see node.demanded
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
	mode, master       string
	addrs              []string
	user, password     string
	db                 int
	tls                *tls.Config
	sentinelUser       string
	sentinelPassword   string
	tlsFiles           [4]string
	caSum              [sha256.Size]byte
	sentinelOwnAccount bool
}

// tuning is what may change without another connection.
type tuning struct {
	names    names
	replicas int
	wait     time.Duration
}

func (o Options) deployment() (*deployment, error) {
	d, _, err := o.read()
	if err != nil {
		return nil, err
	}
	d.sentinelUser, d.sentinelPassword = d.user, d.password
	if o.SentinelPassword != "" {
		d.sentinelUser, d.sentinelPassword, d.sentinelOwnAccount = o.SentinelUser, o.SentinelPassword, true
	}
	return d, d.secure(o)
}

// read checks what the options say, without a look at files. With an error comes
// the option to mend; "" is the store itself, with its URLs.
func (o Options) read() (d *deployment, option string, err error) {
	d = &deployment{mode: o.Mode, master: o.Master}
	switch d.mode {
	case "":
		d.mode = ModeSingle
	case ModeSingle, ModeSentinel, ModeCluster:
	default:
		return nil, "mode", errors.New("mode must be single, cluster or sentinel")
	}
	if err := d.addresses(o); err != nil {
		return nil, "", err
	}
	switch {
	case d.mode == ModeSingle && len(o.URLs) > 1:
		return nil, "", errors.New("several urls need  mode cluster  or  mode sentinel")
	case d.mode == ModeSentinel && d.master == "":
		return nil, "mode", errors.New("mode sentinel needs  master <name>")
	case d.mode != ModeSentinel && d.master != "":
		return nil, "master", errors.New("master is for  mode sentinel")
	case d.mode == ModeCluster && d.db != 0:
		return nil, "", errors.New("a cluster has no databases: remove the number from the url")
	case d.mode != ModeSentinel && (o.SentinelUser != "" || o.SentinelPassword != ""):
		return nil, "sentinel_auth", errors.New("sentinel_auth is for  mode sentinel")
	case o.SentinelUser != "" && o.SentinelPassword == "":
		return nil, "sentinel_auth", errors.New("sentinel_auth has a user but no password")
	}
	if d.tls == nil && len(d.addrs) > 0 {
		for _, f := range [][2]string{{"tls_ca", o.TLSCA}, {"tls_cert", o.TLSCert + o.TLSKey}, {"tls_server_name", o.TLSServerName}} {
			if f[1] != "" {
				return nil, f[0], fmt.Errorf("%s is for rediss:// urls", f[0])
			}
		}
	}
	return d, "", nil
}

func checkPrefix(prefix string) error {
	if len(prefix) > 100 || strings.ContainsFunc(prefix, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`{}*?[]\`, r)
	}) {
		return errors.New(`prefix must have at most 100 characters, without spaces and without {}*?[]\`)
	}
	return nil
}

func (o Options) tuning() (tuning, error) {
	t := tuning{names: names{o.Prefix}, wait: o.WaitTimeout}
	if o.Prefix == "" {
		t.names.prefix = DefaultPrefix
	}
	if err := checkPrefix(t.names.prefix); err != nil {
		return t, err
	}
	switch {
	case o.WaitReplicas != nil:
		t.replicas = *o.WaitReplicas
	case o.Mode == ModeSentinel || o.Mode == ModeCluster:
		t.replicas = autoReplicas
	}
	if o.WaitReplicas != nil && (t.replicas < 0 || t.replicas > 100) {
		return t, errors.New("wait_replicas must be a number from 0 to 100")
	}
	if t.wait == 0 {
		t.wait = defaultWait
	}
	if t.wait < time.Millisecond || t.wait > maxWait {
		return t, fmt.Errorf("the timeout of wait_replicas must be from 1ms to %v", maxWait)
	}
	return t, nil
}

// identity names the deployment without telling any of it: a hash over all that
// makes a connection a different one.
func (d *deployment) identity() string {
	h := sha256.New()
	addrs := slices.Sorted(slices.Values(d.addrs))
	for _, s := range append([]string{
		d.mode, d.master, d.user, d.password, fmt.Sprint(d.db), fmt.Sprint(d.tls != nil),
		d.sentinelUser, d.sentinelPassword, fmt.Sprint(d.sentinelOwnAccount), string(d.caSum[:]),
	}, append(d.tlsFiles[:], addrs...)...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
