// flags.go: what the command line may say, and what it says back.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

var errHelp = errors.New("help was asked for")

type settings struct {
	listen  string
	quiet   bool
	options wechattest.Options
}

const usage = `Usage: wechatsim [flags]

Plays api.weixin.qq.com and open.weixin.qq.com for a gateway under development or
test, and the phone that logs in through it. Not for the open network: it lets anybody
be anybody. In the gateway's Caddyfile, in the global wechat block:

  api_base http://127.0.0.1:8089
  open_base http://127.0.0.1:8089

The phone, and trouble on order, as POST with JSON:
  /sim/login     {"openid"?, "appid"?}  what wx.login gives, for a made-up user without openid
  /sim/oauth     {"appid", "openid"?, "scope"?, "snapshot"?}
                 the code that a page inside WeChat, a QR code or a mobile app gets
  /sim/userinfo  {"openid", "appid"?}   what wx.getUserInfo gives
  /sim/phone     {"openid", "appid"?}   what the phone-number button gives
  /sim/push      {"url", "appid", "message", "mode"?, "token"?, "aes_key"?}
                 pushes to that url as WeChat does, up to 3 times, and says what came back.
                 message is a JSON object, or a text with JSON or XML; mode is plain,
                 compatible, secure, or setup for the check of the address; without token
                 and aes_key those of -push
  /sim/fault     {"path", "errcode"?, "errmsg"?, "status"?, "body"?, "delay"?, "drop"?, "times"?}
                 the next calls of that WeChat path go wrong; once, without times
And as GET:
  /sim/received?path=PATH  {"count","repeated"}: the calls of that path that were done, and
                 those among them whose message, file or text had been sent before
Without an appid a login code is of the only mini program among the -apps, and with
none or several, of the app that exchanges it first; userinfo and phone are of the app
in which the user logged in last. A delay is a text such as "1.5s" or a number: of
seconds up to 60, of milliseconds above; at most 2m. It goes with errcode, status, body
or drop, and status goes with errcode or body. 0, "", false and null count as absent;
only "body":"" without errcode and drop is an empty answer.

The pages below /connect/, to which the gateway sends browsers, ask who logs in. A test
says it in the address, behind WeChat's parameters, with one of:
  &sim_user=OPENID   &sim_new=1   &sim_snapshot=1   &sim_refuse=1
and is sent back at once. The same are the fields of the page's forms.

It answers no page of another origin (Origin: its own, this machine's, mini programs'),
and to an IP address or a name without a dot only.

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
	var domains, pushes []string
	flags.Func("domain", "`appid:host` to which the app's login pages may return, with or without a port, repeatable; without it any host",
		func(value string) error { domains = append(domains, value); return nil })
	flags.Func("push", "`appid:token[:aeskey]` with which /sim/push signs and encrypts for the app, repeatable",
		func(value string) error { pushes = append(pushes, value); return nil })
	flags.BoolVar(&s.options.SilentBase, "silent", false, "log in without a page where the scope is snsapi_base, as whom the browser picked last")
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
	for i, value := range domains {
		if err := addDomain(&s.options, value); err != nil {
			return s, fmt.Errorf("-domain number %d: %w", i+1, err)
		}
	}
	for i, value := range pushes {
		if err := addPush(&s.options, value); err != nil {
			return s, fmt.Errorf("-push number %d: %w", i+1, err)
		}
	}
	return s, nil
}
