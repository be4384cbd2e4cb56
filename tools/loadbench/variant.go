// variant.go: what can be measured, and what can be here and now.

package main

import "fmt"

// variant is one way to stand before the upstream.
type variant struct {
	name   string
	kind   kind
	binary string
	env    []string
	store  string // of a gate
	base   string // the variant without the gate, of the same binary
}

type kind int

const (
	plain kind = iota
	headers
	gate
	forwardAuth
	nginx
	nginxAuth
)

// names are the variants that -variants may name.
var names = []string{
	"plain", "headers", "gate-memory", "gate-local", "gate-redis", "nopgo", "nopgo-gate",
	"stock", "forward-auth", "nginx", "nginx-auth",
}

func known(name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// choose returns the variants to run, and what it has to say on those it leaves out.
func choose(s *settings, b *binaries) (chosen []*variant, notes []string) {
	skip := func(name, why string) { notes = append(notes, fmt.Sprintf("without %s: %s", name, why)) }
	add := func(v variant) { chosen = append(chosen, &v) }

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
			switch store := name[len("gate-"):]; {
			case !b.stores[store]:
				skip(name, "the binary has no store "+store)
			case store == "redis" && b.redis == "":
				skip(name, "redis-server is not installed")
			default:
				add(variant{name: name, kind: gate, binary: b.caddy, store: store, base: "plain"})
			}
		case "nopgo", "nopgo-gate":
			switch {
			case b.nopgo == "":
				skip(name, "our binary is not built from a profile")
			case name == "nopgo":
				add(variant{name: name, binary: b.nopgo})
			default:
				add(variant{name: name, kind: gate, binary: b.nopgo, store: "memory", base: "nopgo"})
			}
		case "stock":
			add(variant{name: name, binary: b.stock})
		case "forward-auth":
			add(variant{name: name, kind: forwardAuth, binary: b.stock, base: "stock"})
		case "nginx", "nginx-auth":
			switch {
			case b.nginx == "":
				skip(name, "nginx is not installed (Debian: apt-get install nginx-light)")
			case name == "nginx":
				add(variant{name: name, kind: nginx, binary: b.nginx})
			default:
				add(variant{name: name, kind: nginxAuth, binary: b.nginx, base: "nginx"})
			}
		}
	}
	for _, o := range s.others {
		add(variant{name: o.name, binary: b.resolve(o.binary), env: o.env})
		if o.binary != "stock" {
			add(variant{name: o.name + "-gate", kind: gate, binary: b.resolve(o.binary), env: o.env, store: "memory", base: o.name})
		}
	}
	return chosen, notes
}
