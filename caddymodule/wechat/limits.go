// limits.go: the option login_rate.

package wechat

import (
	"errors"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
)

// LoginRate bounds the login attempts of one client address: of one IPv4
// address, or one IPv6 /64, as Caddy's `client_ip` tells it. An attempt costs a
// call to WeChat and a mark in the store, and anybody may make one.
type LoginRate struct {
	// How many attempts one address has in each window; they come back evenly
	// over the window. Negative: no limit. Default: 300
	Attempts int `json:"attempts,omitempty"`

	// The window. Default: 1m
	Window caddy.Duration `json:"window,omitempty"`

	unset bool // nothing was configured
}

func (r *LoginRate) resolve() error {
	if r.Attempts == 0 {
		r.Attempts = login.DefaultRate.Attempts
	}
	if r.Window == 0 {
		r.Window = caddy.Duration(login.DefaultRate.Window)
	}
	if r.Window < caddy.Duration(time.Second) || r.Window > caddy.Duration(24*time.Hour) {
		return errors.New("login_rate: the window must be at least 1s and at most 24h")
	}
	return nil
}

func (r *LoginRate) rate() login.Rate {
	return login.Rate{Attempts: r.Attempts, Window: time.Duration(r.Window)}
}

// unmarshalLoginRate reads  login_rate <attempts> <window>  or  login_rate off.
func unmarshalLoginRate(d *caddyfile.Dispenser) (*LoginRate, error) {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		return &LoginRate{Attempts: -1}, nil
	}
	usage := d.Err("login_rate takes a number of attempts and a window, such as  login_rate 300 1m, or off")
	if len(args) < 2 {
		return nil, d.Err("login_rate takes a number of attempts and a window, such as  login_rate 300 1m, or off  (is the environment variable set?)")
	}
	if len(args) > 2 {
		return nil, usage
	}
	attempts, err := strconv.Atoi(args[0])
	if err != nil || attempts < 1 {
		return nil, usage
	}
	window, err := caddy.ParseDuration(args[1])
	if err != nil {
		return nil, usage
	}
	limit := &LoginRate{Attempts: attempts, Window: caddy.Duration(window)}
	if window == 0 { // the JSON's 0 is the default, nobody writes it for that
		return nil, usage
	}
	if err := limit.resolve(); err != nil {
		return nil, d.WrapErr(err)
	}
	return limit, nil
}
