// values.go: how the Caddyfile parsers here read the value of an option, and what
// they say when it is none.

package caddymodule

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// optionsOnce notices an option that stands twice where once is meant.
type optionsOnce map[string]bool

func (o *optionsOnce) note(d *caddyfile.Dispenser) error {
	if (*o)[d.Val()] {
		return d.Errf("%s stands twice: keep one", d.Val())
	}
	if *o == nil {
		*o = make(optionsOnce)
	}
	(*o)[d.Val()] = true
	return nil
}

func isPlaceholder(text string) bool { return strings.Contains(text, "{") }

func oneArg(d *caddyfile.Dispenser) (string, error) {
	option := d.Val()
	args := d.RemainingArgs()
	switch {
	case len(args) > 1:
		return "", d.Errf("%s takes one value, found %d", option, len(args))
	case len(args) == 0 || args[0] == "":
		return "", d.Errf("%s needs a value (an environment variable that is not set leaves none)", option)
	}
	return args[0], nil
}

func duration(d *caddyfile.Dispenser) (caddy.Duration, error) {
	option := d.Val()
	text, err := oneArg(d)
	if err != nil {
		return 0, err
	}
	value, err := caddy.ParseDuration(text)
	if err != nil {
		return 0, d.Errf("%s: %q is not a duration such as 5s, 10m or 24h", option, text)
	}
	return caddy.Duration(value), nil
}

func positiveDuration(d *caddyfile.Dispenser) (caddy.Duration, error) {
	option := d.Val()
	value, err := duration(d)
	if err == nil && value <= 0 {
		err = d.Errf("%s must be positive", option)
	}
	return value, err
}

func positiveNumber(d *caddyfile.Dispenser) (int, error) {
	option := d.Val()
	text, err := oneArg(d)
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		return 0, d.Errf("%s: %q is not a number of at least 1", option, text)
	}
	return value, nil
}
