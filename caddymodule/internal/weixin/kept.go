// kept.go: secrets that WeChat hands out for a time, each fetched once however many
// need it.

package weixin

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/singleflight"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

const (
	// keptMargin is how long before its end a secret is no longer handed out. It must
	// stay below five minutes, the time in which WeChat already returns the next one.
	keptMargin = 4 * time.Minute
	// forceInterval is WeChat's least distance between two forced refreshes.
	forceInterval = 30 * time.Second
	// maxForceInterval is what that grows to, doubled by each force soon after another.
	// WeChat allows 20 a day, and a caller of the relay may go on and on with an API
	// that answers 40001 for reasons of its own.
	maxForceInterval = 2 * time.Hour
	// refusalMemory is how long a refusal answers for WeChat, so that a wrong secret
	// does not turn each request into a token call. Short, because operators fix it.
	refusalMemory = 10 * time.Second
	// fetchTimeout bounds a shared fetch, which no single waiter can stop.
	fetchTimeout = 10 * time.Second
	// forcedElsewhere is how long to wait for what another gateway has forced, and
	// lookAgain how often to look.
	forcedElsewhere = 3 * time.Second
	lookAgain       = 50 * time.Millisecond
)

// TokenCache keeps access tokens and tickets, by name, where several gateways see
// them. A TokenSource works without one and does not fail when it fails: sharing spares
// calls, it is not needed.
//
// The value is a secret and opaque. All methods must be safe for concurrent use and
// respect ctx.
type TokenCache interface {
	// LoadToken returns what SaveToken kept under the name, or nil and no error if
	// there is nothing or its time is over.
	LoadToken(ctx context.Context, name string) (value []byte, err error)
	// SaveToken keeps a value until the given time, in place of an older one.
	SaveToken(ctx context.Context, name string, value []byte, until time.Time) error
	// ClaimToken reports whether this is the first claim of the name, on any gateway,
	// that is not over yet. The caller who has it forces WeChat to make a new token, which kills
	// the old one: two that do it at the same time would kill each other's.
	ClaimToken(ctx context.Context, name string, until time.Time) (first bool, err error)
}

// keeper keeps secrets by name. Its memory is one small record per name.
type keeper struct {
	life  context.Context
	cache TokenCache
	now   func() time.Time

	// fetches merges calls that want the same. It runs detached from its callers.
	fetches singleflight.Group
	mu      sync.Mutex
	names   map[string]*kept
}

// kept is what is known of one name; guarded by keeper.mu.
type kept struct {
	cached
	lastForce time.Time
	forceWait time.Duration // from lastForce to the next
	refusal   *Error
	refusedAt time.Time
}

// cached is a secret and until when it may be handed out. Its JSON is what a
// TokenCache keeps.
type cached struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// supply is how one secret is had from WeChat.
type supply struct {
	// Under which it is kept.
	name string
	call Call
	// fetch asks WeChat; force kills what there was before. A supply that cannot be
	// forced ignores it.
	fetch    func(ctx context.Context, force bool) (secret string, life time.Duration, err error)
	canForce bool
}

// get returns the secret: the known one, or the shared cache's, or a new one; in any
// case another than avoid, which WeChat has called invalid. ctx bounds this caller's
// wait and not the fetch, which serves the others too.
func (k *keeper) get(ctx context.Context, s supply, avoid string) (string, error) {
	if secret := k.known(s.name, avoid); secret != "" {
		return secret, nil
	}
	result := k.fetches.DoChan(s.name+" "+avoid, func() (any, error) {
		// The client's life and not ctx: the caller that came first may go away first.
		ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
		defer cancel()
		return k.obtain(ctx, s, avoid)
	})
	select {
	case r := <-result:
		secret, _ := r.Val.(string)
		return secret, r.Err
	case <-ctx.Done():
		return "", contextError(s.call, ctx.Err(), "waiting for a shared fetch")
	}
}

// obtain looks for a secret other than avoid: in memory again, because a fetch may have
// ended since the caller looked, in the shared cache, and at WeChat. Only if WeChat
// insists on avoid is it forced to make another.
func (k *keeper) obtain(ctx context.Context, s supply, avoid string) (string, error) {
	if secret := k.known(s.name, avoid); secret != "" {
		return secret, nil
	}
	if c, ok := k.load(ctx, s.name); ok && c.Token != avoid {
		k.remember(s.name, c)
		return c.Token, nil
	}
	if err := k.recentRefusal(s.name); err != nil {
		return "", err
	}
	c, err := k.ask(ctx, s, avoid, false)
	if err == nil && c.Token == avoid {
		c, err = k.force(ctx, s, avoid)
	}
	if err != nil {
		return "", err
	}
	k.remember(s.name, c)
	return c.Token, nil
}

// force makes WeChat replace avoid, or waits for what another gateway forces just now.
func (k *keeper) force(ctx context.Context, s supply, avoid string) (cached, error) {
	if !s.canForce {
		return cached{}, k.noOther(s, "it cannot be forced to make another")
	}
	untilNext, ok := k.mayForce(s.name)
	if !ok {
		return cached{}, k.noOther(s, "a refresh was forced a short time ago")
	}
	if k.cache != nil {
		// A cache that fails cannot tell of others, so this gateway acts alone.
		if first, err := k.cache.ClaimToken(ctx, s.name, k.now().Add(untilNext)); err == nil && !first {
			return k.await(ctx, s, avoid)
		}
	}
	c, err := k.ask(ctx, s, avoid, true)
	if err == nil && c.Token == avoid {
		err = k.noOther(s, "even after a forced refresh")
	}
	return c, err
}

// await looks for what another gateway saves.
func (k *keeper) await(ctx context.Context, s supply, avoid string) (cached, error) {
	ctx, cancel := context.WithTimeout(ctx, forcedElsewhere)
	defer cancel()
	for {
		if c, ok := k.load(ctx, s.name); ok && c.Token != avoid {
			return c, nil
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return cached{}, k.noOther(s, "another gateway forced a refresh a short time ago")
		}
	}
}

// ask asks WeChat, and offers an answer other than avoid to the other gateways. The
// life of a secret counts from before the call.
func (k *keeper) ask(ctx context.Context, s supply, avoid string, force bool) (cached, error) {
	asked := k.now()
	secret, life, err := s.fetch(ctx, force)
	if err != nil {
		k.noteRefusal(s.name, err)
		return cached{}, err
	}
	c := cached{Token: secret, Until: asked.Add(life - min(keptMargin, life/2))}
	if secret != avoid {
		k.save(ctx, s.name, c)
	}
	return c, nil
}

// noOther is the end of a renewal; it is remembered like a refusal.
func (k *keeper) noOther(s supply, why string) error {
	err := &Error{Call: s.call, Kind: KindBadToken, Cause: &oneshot.Cause{Text: "WeChat hands out the same token again; " + why}}
	k.noteRefusal(s.name, err)
	return err
}

// load reads the shared cache. Whatever is wrong with it, the answer is "nothing".
func (k *keeper) load(ctx context.Context, name string) (cached, bool) {
	var c cached
	if k.cache == nil {
		return c, false
	}
	value, err := k.cache.LoadToken(ctx, name)
	if err != nil || value == nil || json.Unmarshal(value, &c) != nil {
		return cached{}, false
	}
	return c, validToken(c.Token) && k.now().Before(c.Until)
}

// save offers a secret to the other gateways; without it they fetch the same one.
func (k *keeper) save(ctx context.Context, name string, c cached) {
	if k.cache == nil {
		return
	}
	if value, err := json.Marshal(c); err == nil {
		_ = k.cache.SaveToken(ctx, name, value, c.Until)
	}
}
