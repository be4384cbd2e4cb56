// values.go: how the Caddyfile parsers read the value of an option, and what they say
// when it is missing or wrong.

// Package option reads the options of the gateway's Caddyfile directives and JSON:
// values, placeholders and secrets. Its errors name the option and what to do, and
// never the value of a secret.
package option

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Twice is the error about an option that is given twice where once is meant.
func Twice(what string) error { return fmt.Errorf("%s is given twice; keep one", what) }

// IsPlaceholder reports whether a text can only be judged when placeholders are
// resolved.
func IsPlaceholder(text string) bool { return strings.Contains(text, "{") }

// OneArg reads the one value of the option at the cursor.
func OneArg(d *caddyfile.Dispenser) (string, error) {
	option := d.Val()
	args := d.RemainingArgs()
	switch {
	case len(args) > 1:
		return "", d.Errf("%s takes one value, found %d", option, len(args))
	case len(args) == 0 || args[0] == "":
		return "", d.Errf("%s needs a value (is the environment variable set?)", option)
	}
	return args[0], nil
}

// Duration reads a duration.
func Duration(d *caddyfile.Dispenser) (caddy.Duration, error) {
	option := d.Val()
	text, err := OneArg(d)
	if err != nil {
		return 0, err
	}
	value, err := caddy.ParseDuration(text)
	if err != nil {
		return 0, d.Errf("%s:%s is not a duration such as 5s, 10m or 24h", option, Shown(text))
	}
	return caddy.Duration(value), nil
}

// PositiveDuration reads a duration of more than 0.
func PositiveDuration(d *caddyfile.Dispenser) (caddy.Duration, error) {
	option := d.Val()
	value, err := Duration(d)
	if err == nil && value <= 0 {
		err = d.Errf("%s must be positive", option)
	}
	return value, err
}

// PositiveNumber reads a whole number of at least 1.
func PositiveNumber(d *caddyfile.Dispenser) (int, error) {
	option := d.Val()
	text, err := OneArg(d)
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		return 0, d.Errf("%s:%s is not a number of at least 1", option, Shown(text))
	}
	return value, nil
}

// Set makes a reader of one value a reader for a block, which keeps the value.
func Set[T any](to *T, read func(*caddyfile.Dispenser) (T, error)) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) (err error) {
		*to, err = read(d)
		return err
	}
}

// Flag reads an option that is a word alone.
func Flag(to *bool) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		name := d.Val()
		*to = true
		if d.NextArg() {
			return d.Errf("%s takes no value", name)
		}
		return nil
	}
}

// Checked reads one value that a rule must let pass. The rule does not see a text that
// can only be judged when its placeholders are resolved.
func Checked(to *string, rule func(string) error) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) (err error) {
		if *to, err = OneArg(d); err != nil || IsPlaceholder(*to) {
			return err
		}
		return Wrap(d, rule(*to))
	}
}

// MaxSessions reads  max_sessions <n>  of a store.
func MaxSessions(to *int) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		switch {
		case len(args) == 0:
			return d.Err("max_sessions needs a number: max_sessions <n>")
		case len(args) > 1:
			return d.Err("max_sessions takes one number:  max_sessions <n>")
		}
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return d.Errf("max_sessions:%s is not a whole number of at least 1", Shown(args[0]))
		}
		*to = n
		return nil
	}
}
