// config_test.go: what cannot work is an error at load, told without a secret.

package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	d := func(mode string, urls ...string) (*deployment, tuning, error) {
		o := Options{URLs: urls, Mode: mode, resolve: func(s string) (string, error) {
			for from, to := range map[string]string{"{env.PW}": "p@:/%#{}w", "{env.URL}": "redis://:sec%20ret@all:1/2", "{env.HOST}": "placed:77"} {
				s = strings.ReplaceAll(s, from, to)
			}
			if strings.Contains(s, "{env.NONE}") {
				return "", fmt.Errorf("unset")
			}
			return s, nil
		}}
		if mode == ModeSentinel {
			o.Master = "main"
		}
		return o.deployment()
	}
	for _, tt := range []struct {
		mode, urls string // separated by spaces
		want       string // addrs user password db tls
		err        string
	}{
		{urls: "redis://host", want: "[host:6379]   0 false"},
		{urls: "rediss://host:1/3", want: "[host:1]   3 true"},
		{urls: "redis://host/", want: "[host:6379]   0 false"},
		{urls: "redis://u:p@host", want: "[host:6379] u p 0 false"},
		{urls: "redis://:p%40@host", want: "[host:6379]  p@ 0 false"},
		{urls: "redis://u:a@b/c:d@host:5", want: "[host:5] u a@b/c:d 0 false"},
		{urls: "redis://u:{env.PW}@host", want: "[host:6379] u p@:/%#{}w 0 false"},
		{urls: "redis://{env.HOST}/1", want: "[placed:77]   1 false"},
		{urls: "{env.URL}", want: "[all:1]  sec ret 2 false"},
		{urls: "redis://[::1]:7", want: "[[::1]:7]   0 false"},
		{urls: "redis://[::1]", want: "[[::1]:6379]   0 false"},
		{mode: "cluster", urls: "redis://:p@a redis://b:2", want: "[a:6379 b:2]  p 0 false"},
		{mode: "sentinel", urls: "redis://a redis://:p@b", want: "[a:26379 b:26379]  p 0 false"},
		{urls: "host:6379", err: "begin with redis://"},
		{urls: "http://u:secret@host", err: "begin with redis://"},
		{urls: "redis://", err: "names no host"},
		{urls: "redis://secret@host", err: "no password"},
		{urls: "redis://u:@host", err: "password is empty"},
		{urls: "redis://u:secret%zz@host", err: "write %25"},
		{urls: "redis://u:secret{env.NONE}@host", err: "placeholder in the password"},
		{urls: "redis://host/x", err: "number of a database"},
		{urls: "redis://host/-1", err: "number of a database"},
		{urls: "redis://host:0", err: "port"},
		{urls: "redis://host:secret", err: "port"},
		{urls: "redis://host?db=1", err: "behind ?"},
		{urls: "redis://a redis://b", err: "mode cluster"},
		{mode: "cluster", urls: "redis://a redis://a:6379", err: "twice"},
		{mode: "cluster", urls: "redis://:secret@a redis://:other@b", err: "same in all"},
		{mode: "cluster", urls: "redis://a rediss://b", err: "same in all"},
		{mode: "cluster", urls: "redis://a/1", err: "no databases"},
		{mode: "clutser", urls: "redis://a", err: "mode must be"},
		{urls: "", err: "no url"},
	} {
		dep, _, err := d(tt.mode, strings.Fields(tt.urls)...)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: error %v, want one with %q and no secret", tt.urls, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.urls, err)
			continue
		}
		if got := fmt.Sprint(dep.Addrs, " ", dep.User, " ", dep.Password, " ", dep.DB, " ", dep.TLS != nil); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.urls, got, tt.want)
		}
	}
}

func TestOptionsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	one := []string{"redis://host"}
	for want, o := range map[string]Options{
		"needs  master":   {URLs: one, Mode: ModeSentinel},
		"master is for":   {URLs: one, Master: "main"},
		"for  mode senti": {URLs: one, SentinelPassword: "secret"},
		"a user but no":   {URLs: one, Mode: ModeSentinel, Master: "m", SentinelUser: "u"},
		"for rediss://":   {URLs: one, TLSCA: "x"},
		"certificate fil": {URLs: []string{"rediss://host"}, TLSCert: "x"},
		"tls_ca":          {URLs: []string{"rediss://host"}, TLSCA: "doc.go"},
		"no such file":    {URLs: []string{"rediss://host"}, TLSCA: "absent.pem"},
		"prefix must":     {URLs: one, Prefix: "a{b}"},
		"wait_replicas m": {URLs: one, WaitReplicas: new(-1)},
		"timeout of wait": {URLs: one, WaitTimeout: time.Minute},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want an error with %q", err, want)
		}
	}
}

// Everything that identifies a deployment is in its identity, nothing can be read
// in it, and what is only tuned is not.
func TestIdentity(t *testing.T) {
	t.Parallel()
	base := Options{URLs: []string{"redis://u:secret@host/1"}}
	seen := map[string]int{}
	for i, o := range []Options{
		base,
		{URLs: []string{"redis://u:other@host/1"}},
		{URLs: []string{"redis://v:secret@host/1"}},
		{URLs: []string{"redis://u:secret@host/2"}},
		{URLs: []string{"redis://u:secret@host2/1"}},
		{URLs: []string{"rediss://u:secret@host/1"}},
		{URLs: []string{"rediss://u:secret@host/1"}, TLSServerName: "x"},
		{URLs: []string{"redis://u:secret@host"}, Mode: ModeCluster},
		{URLs: []string{"redis://u:secret@host/1"}, Mode: ModeSentinel, Master: "a"},
		{URLs: []string{"redis://u:secret@host/1"}, Mode: ModeSentinel, Master: "b"},
		{URLs: []string{"redis://u:secret@host/1"}, Mode: ModeSentinel, Master: "b", SentinelPassword: "s"},
	} {
		d, _, err := o.deployment()
		if err != nil {
			t.Fatal(err)
		}
		id := d.identity()
		if old, ok := seen[id]; ok {
			t.Errorf("options %d and %d have one identity", old, i)
		}
		if len(id) != 64 || strings.Contains(id, "secret") {
			t.Errorf("identity %q", id)
		}
		seen[id] = i
	}
	if text := fmt.Sprintf("%v %+v %#v %v", base, base, base, &Store{URLs: base.URLs}); strings.Contains(text, "secret") {
		t.Errorf("options print as %s", text)
	}
	base.Prefix, base.WaitReplicas = "other:", new(1)
	if d, _, _ := base.deployment(); seen[d.identity()] != 0 {
		t.Error("what is only tuned changed the identity")
	}
}

// What the servers refuse, for ever, is told at load.
func TestWrongConfigurationIsToldAtLoad(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.say("ACL", "SETUSER", "poor", "on", ">poor", "~*", "+@all", "-watch")
	s.say("ACL", "SETUSER", "keys", "on", ">keys", "~other:*", "+@all")
	s.say("ACL", "SETUSER", "blind", "on", ">blind", "~*", "+@all", "-client")
	locked := startServer(t, "--requirepass", "right")
	replica := startReplica(t, s)
	sentinel := startSentinel(t, s, 1)
	member := startServer(t, "--cluster-enabled", "yes")
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{URLs: []string{"redis://:secret@" + locked.addr}}, "WRONGPASS"},
		{Options{URLs: []string{locked.url()}}, "NOAUTH"},
		{Options{URLs: []string{"redis://nobody:secret@" + s.addr}}, "WRONGPASS"},
		{Options{URLs: []string{"redis://poor:poor@" + s.addr}}, "'watch'"},
		{Options{URLs: []string{"redis://keys:keys@" + s.addr}}, "NOPERM"},
		{Options{URLs: []string{"redis://blind:blind@" + s.addr}}, "client|tracking"},
		{Options{URLs: []string{s.url() + "/99"}}, "out of range"},
		{Options{URLs: []string{replica.url()}}, "is a replica"},
		{Options{URLs: []string{member.url()}}, "mode cluster"},
		{Options{URLs: []string{s.url()}, Mode: ModeCluster}, "cluster support disabled"},
		{Options{URLs: []string{sentinel.url()}}, "Sentinel"},
		{Options{URLs: []string{s.url()}, Mode: ModeSentinel, Master: "main"}, "unknown command"},
		{Options{URLs: []string{sentinel.url()}, Mode: ModeSentinel, Master: "mian"}, `no primary "mian"`},
	} {
		start := time.Now()
		c, err := New(tt.o)
		if err == nil {
			t.Errorf("%v: New = nil, want an error with %q (Check = %v)", tt.o.URLs, tt.want, c.Check(ctx))
			c.Close()
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: New = %v, want an error with %q and no secret", tt.o.URLs, err, tt.want)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%q took %v", tt.want, took)
		}
	}
}
