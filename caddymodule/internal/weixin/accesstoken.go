// accesstoken.go: an app's access_token, fetched once however many need it.

package weixin

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/singleflight"
)

const (
	// tokenMargin is how long before its end a token is no longer handed out. It must
	// stay below five minutes, the time in which WeChat already returns the next one.
	tokenMargin = 4 * time.Minute
	// forceInterval is WeChat's least distance between two forced refreshes.
	forceInterval = 30 * time.Second
	// refusalMemory is how long a refusal answers for WeChat, so that a wrong secret
	// does not turn each request into a token call. Short, because operators fix it.
	refusalMemory = 10 * time.Second
	// fetchTimeout bounds a shared fetch, which no single waiter can stop.
	fetchTimeout = 10 * time.Second
)

// TokenCache keeps access tokens where several gateways see them. A TokenSource works
// without one and does not fail when it fails: sharing spares calls, it is not needed.
//
// The value is a secret and opaque. Both methods must be safe for concurrent use and
// respect ctx.
type TokenCache interface {
	// LoadToken returns what SaveToken kept for the app, or nil and no error if there
	// is nothing or its time is over.
	LoadToken(ctx context.Context, appID string) (value []byte, err error)
	// SaveToken keeps a value until the given time, in place of an older one.
	SaveToken(ctx context.Context, appID string, value []byte, until time.Time) error
}

// TokenSource hands out access tokens. It is safe for concurrent use. Its memory is
// one small record per app.
type TokenSource struct {
	client *Client
	cache  TokenCache
	now    func() time.Time

	// fetches merges calls that want the same. It runs detached from its callers.
	fetches singleflight.Group
	mu      sync.Mutex
	apps    map[string]*appToken
}

// appToken is what is known of one app's token; guarded by TokenSource.mu.
type appToken struct {
	cachedToken
	lastForce time.Time
	refusal   *Error
	refusedAt time.Time
}

// cachedToken is a token and until when it may be handed out. Its JSON is what a
// TokenCache keeps.
type cachedToken struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// NewTokenSource builds a source over the client. cache may be nil: tokens are then
// kept in memory only.
func NewTokenSource(c *Client, cache TokenCache) *TokenSource {
	return &TokenSource{client: c, cache: cache, now: time.Now, apps: make(map[string]*appToken)}
}

// Do runs use with the app's token, and once more with a renewed one if use returns
// an error of KindBadToken. Other errors of use are returned as they are. When no
// other token is to be had, the error is that of use: WeChat's errcode and rid are
// in it, and why there is no other token is its cause.
func (s *TokenSource) Do(ctx context.Context, app App, o *Observer, use func(token string) error) error {
	token, err := s.Token(ctx, app, o)
	if err != nil {
		return err
	}
	err = use(token)
	var bad *Error
	if !errors.As(err, &bad) || bad.Kind != KindBadToken {
		return err
	}
	token, err = s.Renew(ctx, app, token, o)
	var none *Error
	if errors.As(err, &none) && none.Kind == KindBadToken {
		refused := *bad
		refused.Cause = none.Cause
		return &refused
	}
	if err != nil {
		return err
	}
	return use(token)
}

// Token returns the app's token: the known one, or the shared cache's, or a new one.
// ctx bounds this caller's wait and not the fetch, which serves the others too.
// Errors are those of Client.StableToken.
func (s *TokenSource) Token(ctx context.Context, app App, o *Observer) (string, error) {
	if token := s.known(app.ID, ""); token != "" {
		return token, nil
	}
	return s.shared(ctx, "get "+app.ID, func(ctx context.Context) (string, error) {
		return s.obtain(ctx, app, "", o)
	})
}

// Renew returns a token other than failed, which WeChat has called invalid. If another
// one is known by now, that is it; otherwise WeChat is asked, and only if it insists
// on the failed one is it forced to make a new one, at most once in 30 s.
// KindBadToken: there is no other token to be had now.
func (s *TokenSource) Renew(ctx context.Context, app App, failed string, o *Observer) (string, error) {
	if token := s.known(app.ID, failed); token != "" {
		return token, nil
	}
	return s.shared(ctx, "renew "+app.ID+" "+failed, func(ctx context.Context) (string, error) {
		return s.obtain(ctx, app, failed, o)
	})
}

// shared runs fetch once for all who ask for the same key at the same time.
func (s *TokenSource) shared(ctx context.Context, key string, fetch func(context.Context) (string, error)) (string, error) {
	result := s.fetches.DoChan(key, func() (any, error) {
		// The client's life and not ctx: the caller that came first may go away first.
		ctx, cancel := context.WithTimeout(s.client.life, fetchTimeout)
		defer cancel()
		return fetch(ctx)
	})
	select {
	case r := <-result:
		token, _ := r.Val.(string)
		return token, r.Err
	case <-ctx.Done():
		return "", contextError(CallStableToken, ctx.Err(), "waiting for a shared fetch")
	}
}

// obtain looks for a token other than avoid: in memory again, because a fetch may have
// ended since the caller looked, in the shared cache, and at WeChat.
func (s *TokenSource) obtain(ctx context.Context, app App, avoid string, o *Observer) (string, error) {
	if token := s.known(app.ID, avoid); token != "" {
		return token, nil
	}
	if t, ok := s.load(ctx, app.ID); ok && t.Token != avoid {
		s.remember(app.ID, t)
		return t.Token, nil
	}
	if err := s.recentRefusal(app.ID); err != nil {
		return "", err
	}
	t, err := s.fetch(ctx, app, false, o)
	if err == nil && t.Token == avoid {
		if !s.mayForce(app.ID) {
			return "", s.noOther(app.ID, "a refresh was forced less than 30 s ago")
		}
		if t, err = s.fetch(ctx, app, true, o); err == nil && t.Token == avoid {
			return "", s.noOther(app.ID, "even after a forced refresh")
		}
	}
	if err != nil {
		return "", err
	}
	s.remember(app.ID, t)
	s.save(ctx, app.ID, t)
	return t.Token, nil
}

// fetch asks WeChat. The life of a token counts from before the call.
func (s *TokenSource) fetch(ctx context.Context, app App, force bool, o *Observer) (cachedToken, error) {
	asked := s.now()
	token, life, err := s.client.StableToken(ctx, app, force, o)
	if err != nil {
		s.noteRefusal(app.ID, err)
		return cachedToken{}, err
	}
	return cachedToken{Token: token, Until: asked.Add(life - min(tokenMargin, life/2))}, nil
}

// noOther is the end of a renewal; it is remembered like a refusal.
func (s *TokenSource) noOther(appID, why string) error {
	err := &Error{Call: CallStableToken, Kind: KindBadToken, Cause: &cause{text: "WeChat hands out the same token again; " + why}}
	s.noteRefusal(appID, err)
	return err
}

// load reads the shared cache. Whatever is wrong with it, the answer is "nothing".
func (s *TokenSource) load(ctx context.Context, appID string) (cachedToken, bool) {
	var t cachedToken
	if s.cache == nil {
		return t, false
	}
	value, err := s.cache.LoadToken(ctx, appID)
	if err != nil || value == nil || json.Unmarshal(value, &t) != nil {
		return cachedToken{}, false
	}
	return t, validToken(t.Token) && s.now().Before(t.Until)
}

// save offers the token to the other gateways; without it they fetch the same one.
func (s *TokenSource) save(ctx context.Context, appID string, t cachedToken) {
	if s.cache == nil {
		return
	}
	if value, err := json.Marshal(t); err == nil {
		_ = s.cache.SaveToken(ctx, appID, value, t.Until)
	}
}
