// flags.go: what the command line may say, and what it says back.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

var errHelp = errors.New("help was asked for")

type settings struct {
	listen  string
	quiet   bool
	options wechattest.Options
}

var appIDForm = regexp.MustCompile(`^wx[0-9a-f]{16}$`)

const usage = `Usage: wechatsim [flags]

Plays api.weixin.qq.com for a gateway under development or test, and the phone
that logs in through it. Not for the open network: it lets anybody be anybody.

The phone, and trouble on order, as POST with JSON:
  /sim/login     {"openid"?, "appid"?}  what wx.login gives, for a made-up user without openid
  /sim/userinfo  {"openid", "appid"?}   what wx.getUserInfo gives
  /sim/phone     {"openid", "appid"?}   what the phone-number button gives
  /sim/fault     {"path", "errcode"?, "errmsg"?, "status"?, "body"?, "delay"?, "drop"?, "times"?}
                 the next calls of that WeChat path go wrong; once, without times
Without an appid a login code is of the only mini program among the -apps, and with
none or several, of the app that exchanges it first; userinfo and phone are of the app in which the user
logged in last. A delay is a text such as "1.5s" or a number: of seconds up to 60, of
milliseconds above; at most 2m. It goes with errcode, status, body or drop, and status
goes with errcode or body. 0, "", false and null count as absent; only "body":""
without errcode and drop is an empty answer.

Flags:
`

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	var apps []string
	flags := flag.NewFlagSet("wechatsim", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints the error, once
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8089", "`address` to listen on, host:port; port 0 takes a free one")
	// Collected first and checked later: package flag would repeat a bad value, secret included.
	flags.Func("app", "`appid:secret[:kind]` of an app, repeatable; kind mini (default), official, website or mobile; without this flag any appid goes with any secret, as any kind",
		func(value string) error { apps = append(apps, value); return nil })
	unionid := flags.Bool("unionid", true, "give users a unionid, as for apps bound to an Open Platform account")
	refresh := flags.Duration("key-refresh", time.Minute, "`age` below which wx.login keeps the session key; 0 for a new key at each login")
	flags.BoolVar(&s.quiet, "quiet", false, "do not print a line per call")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stderr, usage)
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		return s, errHelp
	} else if err != nil {
		return s, fmt.Errorf("%w (wechatsim -help shows the flags)", err)
	}
	if flags.NArg() > 0 {
		return s, errors.New("there are no arguments beside the flags (wechatsim -help shows them)")
	}
	if _, port, err := net.SplitHostPort(s.listen); err != nil || port == "" {
		return s, fmt.Errorf("-listen %q: want host:port, such as 127.0.0.1:8089", s.listen)
	}
	if *refresh < 0 {
		return s, errors.New("-key-refresh: must not be negative")
	}
	if *refresh == 0 {
		*refresh = -1 // which is how Options says "each time"
	}
	s.options.SessionKeyMinRefresh = *refresh
	s.options.NoUnionID = !*unionid
	for i, value := range apps {
		if err := addApp(&s.options, value); err != nil {
			return s, fmt.Errorf("-app number %d: %w", i+1, err)
		}
	}
	return s, nil
}

// addApp names no part of the value in its errors: what is misplaced may be the secret.
func addApp(options *wechattest.Options, value string) error {
	appid, secret, ok := strings.Cut(value, ":")
	kind := wechattest.KindMini
	if i := strings.LastIndexByte(secret, ':'); i >= 0 {
		if !wechattest.IsKind(secret[i+1:]) {
			return errors.New("the kind must be mini, official, website or mobile")
		}
		secret, kind = secret[:i], wechattest.Kind(secret[i+1:])
	}
	switch {
	case !ok:
		return errors.New("want appid:secret, or appid:secret:kind")
	case !appIDForm.MatchString(appid):
		return errors.New("the appid must be wx and 16 hex digits in lower case")
	case secret == "":
		return errors.New("the secret is empty")
	}
	if _, twice := options.Apps[appid]; twice {
		return fmt.Errorf("appid %s is given twice", appid)
	}
	if options.Apps == nil {
		options.Apps, options.Kinds = make(map[string]string), make(map[string]wechattest.Kind)
	}
	options.Apps[appid], options.Kinds[appid] = secret, kind
	return nil
}
