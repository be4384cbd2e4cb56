// block.go: a block of options, read one by one, and what is wrong about its form.

package option

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Option is an option that a block may hold.
type Option struct {
	name     string
	read     func(*caddyfile.Dispenser) error
	repeated bool
}

// One is an option that may be given once. The reader is called with the cursor on the
// option's name, and reads all of its line and of its block, if it takes one.
func One(name string, read func(*caddyfile.Dispenser) error) Option {
	return Option{name: name, read: read}
}

// Many is an option that may be repeated.
func Many(name string, read func(*caddyfile.Dispenser) error) Option {
	return Option{name: name, read: read, repeated: true}
}

// ReadBlock reads the block behind the cursor, if there is one. It refuses an option
// that the block does not have, one that is given twice where once is meant, and a
// block that an option has not read. The unknown one is put for the %s of the text, as in
// "unknown token option%s", and only where it cannot be a secret.
func ReadBlock(d *caddyfile.Dispenser, unknown string, options ...Option) error {
	given := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		option, known := find(options, name)
		switch {
		case !known:
			return d.Errf(unknown+": %s", Name(name), there(options))
		case given[name] && !option.repeated:
			return d.WrapErr(Twice(name))
		}
		given[name] = true
		if err := option.read(d); err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", name)
		}
	}
	return nil
}

func find(options []Option, name string) (Option, bool) {
	for _, o := range options {
		if o.name == name {
			return o, true
		}
	}
	return Option{}, false
}

// there says which options a block has: "there is a", "there are a, b and c".
func there(options []Option) string {
	var names []string
	for _, o := range options {
		names = append(names, o.name)
	}
	last := len(names) - 1
	if last == 0 {
		return "there is " + names[0]
	}
	return "there are " + strings.Join(names[:last], ", ") + " and " + names[last]
}

// Wrap gives the error of a rule, if there is one, its file and line.
func Wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}
