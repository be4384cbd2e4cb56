// text.go: what stands in {{ }} in the corpus.

package main

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// template fills in the texts of one shot. The first error stays.
type template struct {
	w      *world
	x      *shot
	values map[string]string
	err    error
}

var placeholder = regexp.MustCompile(`\{\{([^{}]+)\}\}`)

func (t *template) pairs(list [][2]string) (out [][2]string) {
	for _, pair := range list {
		times, name := 1, t.text(pair[0])
		if count, rest, ok := strings.Cut(name, " "); ok && strings.HasPrefix(count, "@") {
			times, t.err = atoi(count[1:], t.err)
			name = rest
		}
		for range times {
			out = append(out, [2]string{name, t.text(pair[1])})
		}
	}
	return out
}

// atoi keeps the first error.
func atoi(text string, before error) (int, error) {
	n, err := strconv.Atoi(text)
	if before != nil {
		err = before
	}
	return n, err
}

func (t *template) text(s string) string {
	// twice: a variant may hold placeholders, and stand in one
	for name, value := range t.values {
		s = strings.ReplaceAll(s, "{{"+name+"}}", value)
	}
	return placeholder.ReplaceAllStringFunc(s, func(match string) string {
		value, err := t.value(match[2 : len(match)-2])
		if err != nil && t.err == nil {
			t.err = fmt.Errorf("%s: %w", match, err)
		}
		return value
	})
}

func (t *template) value(name string) (string, error) {
	name, arg, _ := strings.Cut(name, ":")
	switch name {
	case "nonce":
		return t.x.nonce, nil
	case "host":
		return t.x.host(), nil
	case "scheme":
		return t.x.scheme(), nil
	case "path":
		return pathOf[t.x.path], nil
	case "eve":
		return eve, nil
	case "alice":
		return alice, nil
	case "bob":
		return bob, nil
	case "appid":
		return t.x.site.app, nil
	case "otherappid":
		return otherApp(t.x.site.app), nil
	case "cookie":
		return cookieName, nil
	case "auth":
		if list := t.x.auth(t.w); list != nil {
			return list[0][0] + ": " + list[0][1], nil
		}
		return "X-Nobody: 1", nil
	case "token":
		return t.w.token(t.x.site, arg)
	case "loggedout", "revoked":
		return t.w.token(t.x.site, name)
	case "forged":
		return t.w.forge(t.x.site, arg)
	case "code":
		return t.w.code(t.x.site.app, arg)
	case "bytes":
		b, err := hex.DecodeString(arg)
		return string(b), err
	case "repeat":
		times, text, _ := strings.Cut(arg, ":")
		n, err := strconv.Atoi(times)
		return strings.Repeat(text, n), err
	}
	return "", fmt.Errorf("unknown")
}

func otherApp(app string) string {
	if app == appA {
		return appB
	}
	return appA
}
