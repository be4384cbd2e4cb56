// shot.go: from a case to its requests: the product of sites, protocols, paths,
// senders and variants.

package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shot is one request of a case, ready to be sent.
type shot struct {
	of       *attackCase
	site     *site
	protocol string
	path, as string
	variant  string // the values of Vary, for people
	nonce    string

	method   string
	target   string
	pseudo   [][2]string
	fields   [][2]string
	trailers [][2]string
	body     string
	raw      string
}

// shots makes all requests of a case, and counts those that a protocol cannot say.
func (c *attackCase) shots(w *world) (list []*shot, notApplicable int, err error) {
	for _, siteName := range c.Sites {
		s := w.site(siteName)
		for _, protocol := range allProtocols {
			for _, path := range c.Paths {
				for _, as := range c.As {
					for _, values := range product(c.Vary) {
						if !slices.Contains(c.Over, protocol) {
							notApplicable++
							continue
						}
						x := &shot{of: c, site: s, protocol: protocol, path: path, as: as, variant: describe(values), nonce: newNonce()}
						if err := x.fill(w, values); err != nil {
							return nil, 0, fmt.Errorf("%q at %s: %w", c.Name, siteName, err)
						}
						list = append(list, x)
					}
				}
			}
		}
	}
	return list, notApplicable, nil
}

// product is every choice of one value for each name.
func product(vary map[string]variants) []map[string]string {
	all := []map[string]string{{}}
	for _, name := range slices.Sorted(maps.Keys(vary)) {
		var more []map[string]string
		for _, chosen := range all {
			for _, value := range vary[name] {
				next := maps.Clone(chosen)
				next[name] = value
				more = append(more, next)
			}
		}
		all = more
	}
	return all
}

func describe(values map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, fmt.Sprintf("%s=%.100q", name, values[name]))
	}
	return strings.Join(parts, " ")
}

func newNonce() string {
	b := make([]byte, 6)
	rand.Read(b)
	return "nx" + hex.EncodeToString(b)
}

// fill writes the request.
func (x *shot) fill(w *world, values map[string]string) error {
	t := &template{w: w, x: x, values: values}
	c := x.of
	orDefault := func(text, usual string) string {
		if text == "" {
			return usual
		}
		return text
	}
	x.method = t.text(orDefault(c.Method, "GET"))
	x.target = t.text(orDefault(c.Target, "{{path}}?n={{nonce}}"))
	x.pseudo = t.pairs(c.Pseudo)
	if c.Pseudo == nil {
		x.pseudo = [][2]string{{":method", x.method}, {":scheme", x.scheme()}, {":authority", x.host()}, {":path", x.target}}
	}
	x.fields = append([][2]string{{"X-Probe", x.nonce}}, x.auth(w)...)
	x.fields = append(x.fields, t.pairs(c.Fields)...)
	x.trailers = t.pairs(c.Trailers)
	x.body = t.text(c.Body)
	if c.Raw != nil {
		x.raw = t.text(strings.Join(c.Raw, "\r\n"))
	}
	return t.err
}

func (x *shot) scheme() string {
	if x.protocol == "h1" || x.protocol == "h2c" {
		return "http"
	}
	return "https"
}

// addr is where the bytes go.
func (x *shot) addr() string {
	if x.scheme() == "http" {
		return x.site.http
	}
	return x.site.https
}

func (x *shot) host() string { return localhost(x.addr()) }

// auth is the honest credential of the sender.
func (x *shot) auth(w *world) [][2]string {
	token := w.tokens[x.site.gateway+" "+x.site.app+" alice"]
	switch x.as {
	case "alice":
		return [][2]string{{"Authorization", "Bearer " + token}}
	case "cookie":
		return [][2]string{{"Cookie", cookieName + "=" + token}}
	}
	return nil
}

const cookieName = "__Host-wechat_session"

func (x *shot) String() string {
	return fmt.Sprintf("%s, %s, %s path, as %s %s", x.site.name, x.protocol, x.path, x.as, x.variant)
}
