// settings.go: what the command line may say.

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

var errHelp = errors.New("help was asked for")

type settings struct {
	root, caddy, stock, sim, nginx, redis, pgo string
	only                                       map[string]bool
	others                                     []other

	users, conns, requests, slices, rounds, sets int
	rate                                         int
	steady                                       time.Duration
	logins                                       int
	budget                                       time.Duration

	profile     string
	profileTime time.Duration
	json        string
	keep        bool
	relay       bool
}

// other is one more binary, or one of ours under another environment.
type other struct {
	name, binary string
	env          []string
}

const usage = `Usage: loadbench [flags]

Starts an upstream, a simulator of WeChat and the proxies under test on free
ports of 127.0.0.1, sends them the same requests in turns, and prints the CPU
time that each spends on a request. A default run takes under three minutes
when the binaries are built. Variants, of which it takes those it can, and
groups of them, of which the first is the default:

proxies

  plain          our binary, reverse_proxy alone
  headers        the same with header_up: -Authorization, X-WeChat-OpenID, X-WeChat-AppID
  gate-memory    our binary, wechat_auth and reverse_proxy, store memory
  gate-local     the same with store local
  gate-redis     the same with store redis and a redis-server of its own
  nopgo, nopgo-gate   our binary compiled without cmd/caddy/default.pgo
  stock          Caddy without our module, reverse_proxy alone
  forward-auth   the same with forward_auth to the cheapest backend there can be
  nginx          nginx with proxy_pass alone
  nginx-auth     the same with auth_request to that backend

options, beside gate-memory
  gate-cookie    with cookie, and users who send the token in it
  gate-web       with web_login and users who send the token as ever; also logins by redirect
  gate-cloudrun  with headers wechat cloudrun
  gate-eddsa     with tokens signed by EdDSA
  gate-assertion the same with assertion

doors, beside gate-memory and nginx
  respond        our binary, respond 200 to what nginx asks
  check          the same with wechat_check
  nginx-hmac     nginx with auth_request to a Go program that only compares an HMAC
  nginx-respond  nginx with auth_request to respond 200: what Caddy takes before any handler
  nginx-check    nginx with auth_request to wechat_check

Flags:
`

func parse(args []string, stderr io.Writer) (*settings, error) {
	s := new(settings)
	f := flag.NewFlagSet("loadbench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.root, "root", "", "the repository; default: the one around the working directory")
	f.StringVar(&s.caddy, "caddy", "", "our `binary`; default: built from ./cmd/caddy")
	f.StringVar(&s.stock, "stock", "", "Caddy without our module; default: built, of the same version and flags")
	f.StringVar(&s.sim, "sim", "", "the simulator; default: built from ./cmd/wechatsim")
	f.StringVar(&s.nginx, "nginx", "nginx", "nginx's `program`")
	f.StringVar(&s.redis, "redis", "redis-server", "Redis's `program`")
	f.StringVar(&s.pgo, "pgo", "auto", "profile to build our binary with: a `file`, auto (cmd/caddy/default.pgo, if it is there) or off")
	only := f.String("variants", "", "comma-separated `names` of the variants to run, or of groups; all is each of them; default: proxies")
	f.Func("with", "measure another binary too, plain and with the gate: `name=binary[,ENV=value...]`, repeatable;\n"+
		"\"caddy\", \"nopgo\" and \"stock\" (plain only) stand for the built ones, as in -with gogc=caddy,GOGC=400;\n"+
		"the variable LOADBENCH_GLOBAL holds more global options for its Caddyfile",
		s.addOther)
	f.IntVar(&s.users, "users", 1000, "users who log in; each request comes from the next of them")
	f.IntVar(&s.conns, "conns", 32, "kept-alive connections in the closed loop")
	f.IntVar(&s.requests, "requests", 5000, "requests of one variant in one round; fewer than some thousands would leave garbage collections out of the median")
	f.IntVar(&s.slices, "slices", 5, "turns that they are split into: the shorter, the more alike is what disturbs the variants")
	f.IntVar(&s.rounds, "rounds", 20, "rounds over all sets; a round gives one ratio")
	f.IntVar(&s.sets, "sets", 2, "how often all processes are started anew: a process has luck with its memory layout")
	f.IntVar(&s.rate, "rate", 1000, "requests per `second` of the steady run; 0 leaves it out")
	f.DurationVar(&s.steady, "steady", 2*time.Second, "length of one variant's turn in the steady run; two turns per set")
	f.IntVar(&s.logins, "logins", 1000, "measured logins per set and store; 0 leaves them out")
	f.DurationVar(&s.budget, "budget", 170*time.Second, "no new round begins after this time")
	f.StringVar(&s.profile, "profile", "", "instead of measuring, write a CPU profile of gate, plain and login traffic to `file`")
	f.DurationVar(&s.profileTime, "profile-time", time.Minute, "how long that takes in all")
	f.StringVar(&s.json, "json", "", "write everything, round by round, to `file` too")
	f.BoolVar(&s.relay, "relay", false, "instead of the gate, measure relayed calls and pushes, each beside the same request through plain reverse_proxy")
	f.BoolVar(&s.keep, "keep", false, "keep the temporary directory with configurations and logs")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stderr, usage)
		f.SetOutput(stderr)
		f.PrintDefaults()
		return nil, errHelp
	} else if err != nil {
		return nil, fmt.Errorf("%w (loadbench -h shows the flags)", err)
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q (loadbench -h shows the flags)", f.Arg(0))
	}
	for name, n := range map[string]int{"users": s.users, "conns": s.conns, "requests": s.requests, "slices": s.slices, "rounds": s.rounds, "sets": s.sets} {
		if n < 1 {
			return nil, fmt.Errorf("-%s must be at least 1", name)
		}
	}
	if s.rate < 0 || s.logins < 0 || s.steady <= 0 || s.profileTime < 10*time.Second {
		return nil, errors.New("-rate and -logins must not be negative, -steady must be positive, -profile-time at least 10s")
	}
	s.sets, s.slices = min(s.sets, s.rounds), min(s.slices, s.requests)
	if s.relay && *only == "" {
		*only = "plain" // no other binary is needed
	}
	s.only = make(map[string]bool)
	for name := range strings.SplitSeq(cmp.Or(*only, "proxies"), ",") {
		members := groups[name]
		switch {
		case name == "all":
			members = names
		case known(name):
			members = []string{name}
		case members == nil:
			return nil, fmt.Errorf("-variants: there is no %q (loadbench -h shows the names)", name)
		}
		for _, member := range members {
			s.only[member] = true
		}
	}
	return s, nil
}

func (s *settings) addOther(value string) error {
	name, rest, ok := strings.Cut(value, "=")
	parts := strings.Split(rest, ",")
	if !ok || name == "" || parts[0] == "" {
		return errors.New("want name=binary[,ENV=value...]")
	}
	for _, pair := range parts[1:] {
		if !strings.Contains(pair, "=") {
			return fmt.Errorf("%q is no ENV=value", pair)
		}
	}
	s.others = append(s.others, other{name: name, binary: parts[0], env: parts[1:]})
	return nil
}

// wants reports whether the command line asks for a variant.
func (s *settings) wants(name string) bool { return s.only[name] }

// needsStock reports whether anything will run Caddy without our module.
func (s *settings) needsStock() bool {
	for _, o := range s.others {
		if o.binary == "stock" {
			return true
		}
	}
	return s.profile == "" && (s.wants("stock") || s.wants("forward-auth"))
}
