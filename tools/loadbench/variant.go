// variant.go: what can be measured, and what can be here and now.

package main

import (
	"fmt"
	"slices"
)

// variant is one way to stand before the upstream.
type variant struct {
	name   string
	kind   kind
	binary string
	env    []string
	base   string // what it is compared with: without the gate, or without what it adds

	// of a gate
	store  string
	site   []string // more lines of wechat_auth
	global []string // more lines of the option wechat
	cookie bool     // users send the token as a cookie
	web    bool     // the site has logins by redirect, which are measured, too

	door *variant // of an nginx that asks: whom
}

type kind int

const (
	plain kind = iota
	headers
	gate
	forwardAuth
	nginx
	nginxAuth // asks the backend
	nginxDoor // asks its door
	respond
	check
	hmacCheck
)

// isNginx reports whether nginx is the proxy.
func (v *variant) isNginx() bool {
	return v.kind == nginx || v.kind == nginxAuth || v.kind == nginxDoor
}

// isCaddy reports whether the process has an admin endpoint.
func (v *variant) isCaddy() bool { return !v.isNginx() && v.kind != hmacCheck }

// names are the variants that -variants may name, in the order of the table.
var names = []string{
	"plain", "headers", "gate-memory", "gate-local", "gate-redis", "nopgo", "nopgo-gate",
	"stock", "forward-auth", "nginx", "nginx-auth",
	"gate-cookie", "gate-web", "gate-cloudrun", "gate-eddsa", "gate-assertion",
	"respond", "check", "nginx-hmac", "nginx-respond", "nginx-check",
}

// groups are names for several of them, with what they are compared with.
var groups = map[string][]string{
	"proxies": names[:11],
	"options": {"gate-memory", "gate-cookie", "gate-web", "gate-cloudrun", "gate-eddsa", "gate-assertion"},
	"doors":   {"gate-memory", "nginx", "respond", "check", "nginx-hmac", "nginx-respond", "nginx-check"},
}

func known(name string) bool { return slices.Contains(names, name) }

// choose returns the variants to run, and what it has to say on those it leaves out.
func choose(s *settings, b *binaries) (chosen []*variant, notes []string) {
	skip := func(name, why string) { notes = append(notes, fmt.Sprintf("without %s: %s", name, why)) }
	add := func(v variant) { chosen = append(chosen, &v) }
	gated := func(name, base string) variant {
		return variant{name: name, kind: gate, binary: b.caddy, store: "memory", base: base}
	}
	asymmetric := []string{"token {", "\talgorithm EdDSA", "}"}

	for _, name := range names {
		if !s.wants(name) {
			continue
		}
		switch name {
		case "plain":
			add(variant{name: name, binary: b.caddy})
		case "headers":
			add(variant{name: name, kind: headers, binary: b.caddy, base: "plain"})
		case "gate-memory", "gate-local", "gate-redis":
			v := gated(name, "plain")
			switch v.store = name[len("gate-"):]; {
			case !b.stores[v.store]:
				skip(name, "the binary has no store "+v.store)
			case v.store == "redis" && b.redis == "":
				skip(name, "redis-server is not installed")
			default:
				add(v)
			}
		case "gate-cookie":
			v := gated(name, "gate-memory")
			v.site, v.cookie = []string{"cookie"}, true
			add(v)
		case "gate-web":
			v := gated(name, "gate-memory")
			v.site, v.web = []string{"app *", "web_login"}, true
			v.global = []string{"app " + officialID + " " + secret + " official"}
			add(v)
		case "gate-cloudrun":
			v := gated(name, "gate-memory")
			v.site = []string{"headers wechat cloudrun"}
			add(v)
		case "gate-eddsa":
			v := gated(name, "gate-memory")
			v.global = asymmetric
			add(v)
		case "gate-assertion":
			v := gated(name, "gate-eddsa")
			v.site, v.global = []string{"assertion backend.example"}, asymmetric
			add(v)
		case "respond":
			add(variant{name: name, kind: respond, binary: b.caddy})
		case "check":
			add(variant{name: name, kind: check, binary: b.caddy, store: "memory", base: "respond"})
		case "nopgo", "nopgo-gate":
			switch {
			case b.nopgo == "":
				skip(name, "our binary is not built from a profile")
			case name == "nopgo":
				add(variant{name: name, binary: b.nopgo})
			default:
				v := gated(name, "nopgo")
				v.binary = b.nopgo
				add(v)
			}
		case "stock":
			add(variant{name: name, binary: b.stock})
		case "forward-auth":
			add(variant{name: name, kind: forwardAuth, binary: b.stock, base: "stock"})
		case "nginx", "nginx-auth", "nginx-hmac", "nginx-respond", "nginx-check":
			v := variant{name: name, kind: nginx, binary: b.nginx}
			switch name {
			case "nginx-auth":
				v.kind, v.base = nginxAuth, "nginx"
			case "nginx-hmac":
				v.kind, v.base, v.door = nginxDoor, "nginx", &variant{name: "hmac", kind: hmacCheck}
			case "nginx-respond":
				v.kind, v.base = nginxDoor, "nginx-hmac"
				v.door = &variant{name: "door-respond", kind: respond, binary: b.caddy}
			case "nginx-check":
				v.kind, v.base = nginxDoor, "nginx-hmac"
				v.door = &variant{name: "door", kind: check, binary: b.caddy, store: "memory"}
			}
			if b.nginx == "" {
				skip(name, "nginx is not installed (Debian: apt-get install nginx-light)")
			} else {
				add(v)
			}
		}
	}
	for _, o := range s.others {
		add(variant{name: o.name, binary: b.resolve(o.binary), env: o.env})
		if o.binary != "stock" {
			v := gated(o.name+"-gate", o.name)
			v.binary, v.env = b.resolve(o.binary), o.env
			add(v)
		}
	}
	return chosen, notes
}
