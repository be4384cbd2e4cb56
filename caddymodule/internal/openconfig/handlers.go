// handlers.go: what the handlers of a route do to a request on its way.

package openconfig

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// nameOf is the name of a handler in a configuration.
func nameOf(module any) string {
	if m, ok := module.(caddy.Module); ok {
		return caddy.GetModuleName(m)
	}
	return fmt.Sprintf("%T", module)
}

func (f *finder) handler(module any, at *place, sets matcherSets) {
	switch h := module.(type) {
	case *caddyhttp.Subroute:
		inner := f.routes(h.Routes, *at)
		at.gated, at.onePage, at.early = inner.gated, inner.onePage, inner.early
		if h.Errors != nil {
			failed := *at
			failed.errors = true
			f.routes(h.Errors.Routes, failed)
		}
		return
	case *caddyhttp.Invoke:
		if route := f.named[h.Name]; route != nil {
			inner := f.routes(caddyhttp.RouteList{*route}, *at)
			at.gated, at.onePage, at.early = inner.gated, inner.onePage, inner.early
		}
		return
	case *reverseproxy.Handler:
		f.proxy(h, *at)
		return
	case *intercept.Intercept:
		for _, response := range h.HandleResponse {
			f.routes(response.Routes, *at)
		}
		return
	case *rewrite.Rewrite:
		path, _, _ := strings.Cut(h.URI, "?")
		at.onePage = path != "" && !strings.Contains(path, "{")
		if !at.gated {
			at.early = append(slices.Clip(at.early), early{*at, rewriteOf(h, *at, sets).letIn})
		}
	}
	switch nameOf(module) {
	case "wechat_auth":
		f.gate(module, at)
	case "wechat_push": // nothing but a verified push passes it
		at.gated = true
	default:
		if text := textOf(module); !at.gated && readsHeader.MatchString(text) {
			at.early = append(slices.Clip(at.early), forged(*at, nameOf(module)))
		}
	}
}

// gate is met by all requests that come here.
func (f *finder) gate(module any, at *place) {
	f.gates++
	var config struct{ Public []string }
	_ = json.Unmarshal([]byte(textOf(module)), &config) // a gate is what we made; without paths nothing is public
	if slices.Contains(config.Public, "/*") {
		f.tell(*at, "public /* lets every path in without a session: name the paths that need none, such as  public /healthz /static/*")
	}
	for _, e := range at.early {
		if problem := e.wrong(config.Public); problem != "" {
			f.tell(e.at, problem)
		}
	}
	at.gated, at.early = true, nil
}

// proxy notes the upstreams of a proxy. One that asks another server whether the request
// may pass (forward_auth) guards nothing; but before a gate it brings that server what the
// client wrote, as any proxy does.
func (f *finder) proxy(h *reverseproxy.Handler, at place) {
	for _, response := range h.HandleResponse {
		f.routes(response.Routes, at)
	}
	asks := h.Rewrite != nil && h.Rewrite.Method != "" && len(h.HandleResponse) > 0
	if asks {
		at.onePage = false
	}
	note := func(upstream, shown string) {
		if asks && at.gated {
			return
		}
		if at.gated {
			f.guarded[upstream] = true
		} else {
			f.open = append(f.open, &proxied{at: at, upstream: upstream, shown: shown, asks: asks})
		}
	}
	for _, upstream := range h.Upstreams {
		note(Upstream(upstream.Dial), upstream.Dial)
	}
	if h.DynamicUpstreams != nil {
		shown := "dynamic " + nameOf(h.DynamicUpstreams)
		note(shown+textOf(h.DynamicUpstreams), shown)
	}
}

// Upstream is one text for the spellings of an address: localhost has several names, and
// a scheme has a port.
func Upstream(text string) string {
	port := ""
	for scheme, its := range map[string]string{"http": "80", "https": "443", "h2c": "80"} {
		if rest, ok := strings.CutPrefix(text, scheme+"://"); ok {
			text, port = strings.TrimSuffix(rest, "/"), its
		}
	}
	text = strings.TrimPrefix(text, "tcp/")
	host, given, err := net.SplitHostPort(text)
	switch {
	case err == nil:
		port = given
	case port != "" && !strings.Contains(text, "/"):
		host = strings.Trim(text, "[]")
	default:
		return text
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch host {
	case "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::":
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// textOf is the JSON of a module; empty when it has none.
func textOf(module any) string {
	text, err := json.Marshal(module)
	if err != nil {
		return ""
	}
	return string(text)
}

// What reads an identity header of the client, in any spelling that a backend or Caddy
// takes for it: by a placeholder, and in a matcher by its name alone.
var (
	readsHeader = regexp.MustCompile(`(?i)\{http\.request\.header\.[^{}]*\bx[-_.](wechat|wx)[-_.]`)
	namesHeader = regexp.MustCompile(`(?i)\bx[-_.](wechat|wx)[-_.][a-z-]*`)
)

func forged(at place, what string) early {
	return early{at, func([]string) string {
		return what + " reads an identity header before wechat_auth, where the client may have forged it; " +
			"put it behind wechat_auth, in a handle or route, or use {http.auth.user.openid} there"
	}}
}
