// trouble.go: what was wrong when, and whether that explains an answer.

package main

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// cause is what can be wrong.
type cause int

const (
	wechatTrouble cause = iota // the calls to WeChat go wrong
	redisDown                  // Redis is killed, stopped or frozen
	gatewayDown                // from the signal until it serves again
	gatewayReload              // while a configuration is loaded
)

// String is how a cause is called in the account.
func (c cause) String() string {
	return [...]string{"WeChat was in trouble", "Redis was down", "its gateway was down", "its gateway was reloaded"}[c]
}

// after is how long a cause is felt when it is over.
var after = map[cause]time.Duration{
	// the gateway leaves WeChat in peace for five seconds after ten failures, and
	// then tries with one call, which may be one that began in time
	wechatTrouble: 9 * time.Second,
	redisDown:     2 * time.Second,
	// it has to find Redis
	gatewayDown: 2 * time.Second,
	// connections to the configuration before are closed as they become idle
	gatewayReload: 3 * time.Second,
}

// trouble is one stretch of time in which something was wrong.
type trouble struct {
	cause    cause
	what     string   // "Redis was killed"
	gateway  *gateway // whose trouble it is; nil is everybody's
	from, to time.Time
}

// troubles is all of it.
type troubles struct {
	mu   sync.Mutex
	list []*trouble
}

func newTroubles() *troubles { return new(troubles) }

// begin notes that something goes wrong from now on, until end is called.
func (t *troubles) begin(c cause, what string, g *gateway) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := &trouble{cause: c, what: what, gateway: g, from: time.Now()}
	t.list = append(t.list, one)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		one.to = time.Now()
	}
}

// during is the trouble of one of the causes that was, or was still felt, in a
// stretch of time; nil if there was none.
func (t *troubles) during(g *gateway, from, to time.Time, causes ...cause) *trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.list) - 1; i >= 0; i-- {
		one := t.list[i]
		if one.gateway != nil && one.gateway != g || !slices.Contains(causes, one.cause) || one.from.After(to) {
			continue
		}
		if one.to.IsZero() || one.to.Add(after[one.cause]).After(from) {
			return one
		}
	}
	return nil
}

// needs says what else an answer depends on beside its gateway.
type needs struct{ store, wechat, admin bool }

// explain tells which trouble made an answer other than the client wants; nil if
// none did.
func (t *troubles) explain(g *gateway, r *realm, n needs, a answer) *trouble {
	var causes []cause
	switch {
	case a.err != nil:
		causes = []cause{gatewayDown, gatewayReload}
	case n.admin && a.status == http.StatusNotFound:
		// Caddy opens its admin endpoint before the configuration is in force
		causes = []cause{gatewayDown}
	case a.status == http.StatusServiceUnavailable:
		if a.retryAfter < 1 && !n.admin {
			return nil
		}
		causes = []cause{gatewayDown} // its store is closed, or not open yet
		if n.store && r.redis {
			causes = append(causes, redisDown)
		}
		if n.wechat {
			causes = append(causes, wechatTrouble)
		}
	case n.wechat && (a.status == http.StatusGatewayTimeout || a.status == http.StatusBadGateway ||
		a.status == http.StatusTooManyRequests && a.retryAfter >= 1):
		causes = []cause{wechatTrouble}
	default:
		return nil
	}
	return t.during(g, a.sent, a.done, causes...)
}
