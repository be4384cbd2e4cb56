// lines.go: where the Caddyfile has what can be judged only when a configuration is loaded.

package wechat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

// Lines says where a Caddyfile has an option, as file:line. A key file, a store or an
// environment variable is looked at where Caddy runs, which may be another machine than
// the one where the Caddyfile was read: an error about it still names the line.
type Lines map[string]string

// note remembers the line at the cursor.
func (l *Lines) note(d *caddyfile.Dispenser, name string) {
	l.add(name, fmt.Sprintf("%s:%d", d.File(), d.Line()))
}

func (l *Lines) add(name, line string) {
	if *l == nil {
		*l = make(Lines)
	}
	(*l)[name] = line
}

// noted is a reader that remembers the line of what it reads.
func (l *Lines) noted(name string, read func(*caddyfile.Dispenser) error) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		l.note(d, name)
		return read(d)
	}
}

// notePlaceholder is note for an option that may hold a placeholder.
func (l *Lines) notePlaceholder(d *caddyfile.Dispenser, name string, texts ...string) {
	if slices.ContainsFunc(texts, option.IsPlaceholder) {
		l.note(d, name)
	}
}

// at adds the line of an option to an error about it.
func (l Lines) at(name string, err error) error {
	if line, ok := l[name]; ok && err != nil {
		return locatedError{err, line}
	}
	return err
}

// atNamed is at for an error that begins with the name of its option.
func (l Lines) atNamed(err error) error {
	if err == nil || errors.As(err, new(locatedError)) {
		return err
	}
	for name := range l {
		if strings.HasPrefix(err.Error(), name+" ") || strings.HasPrefix(err.Error(), name+":") {
			return l.at(name, err)
		}
	}
	return err
}

// locatedError is an error with the line that it is about, in Caddy's form.
type locatedError struct {
	error
	line string
}

func (e locatedError) Error() string { return e.error.Error() + ", at " + e.line }
func (e locatedError) Unwrap() error { return e.error }
