// quota.go: how often WeChat lets a caller ask.

package wechattest

import "time"

// Quotas are the limits that end in errcode 45011 (a minute's) or 45009 (a day's). In every field 0 means
// WeChat's number and a negative value means no limit. A minute or a day begins at the first call in it.
type Quotas struct {
	// Code2SessionPerMinute counts per user. Default: 100 (older text of api_code2session).
	Code2SessionPerMinute int
	// StableTokenPerMinute counts per app. Default: 10000 (api_getstableaccesstoken).
	StableTokenPerMinute int
	// StableTokenPerDay counts per app. Default: 500000 (api_getstableaccesstoken).
	StableTokenPerDay int
	// ForceRefreshPerDay counts per app. Default: 20 (api_getstableaccesstoken).
	ForceRefreshPerDay int
	// ForceRefreshGap is the shortest time between two of them. Default: 30s (api_getstableaccesstoken).
	ForceRefreshGap time.Duration
	// TokenPerDay counts per app. Default: 2000 (api_getaccesstoken, typical accounts).
	TokenPerDay int
	// ResetPerMinute counts resetusersessionkey per app. Default: 60000 (api_resetusersessionkey).
	ResetPerMinute int
	// OAuthTokenPerMinute counts sns/oauth2/access_token per app. Default: 50000 (api_snsaccesstoken).
	OAuthTokenPerMinute int
	// TicketPerDay counts getticket per app. Default: 2000, our choice (JS-SDK, appendix 1: very few).
	TicketPerDay int
}

func (q Quotas) withDefaults() Quotas {
	orDefault(&q.Code2SessionPerMinute, 100)
	orDefault(&q.StableTokenPerMinute, 10_000)
	orDefault(&q.StableTokenPerDay, 500_000)
	orDefault(&q.ForceRefreshPerDay, 20)
	orDefault(&q.ForceRefreshGap, 30*time.Second)
	orDefault(&q.TokenPerDay, 2000)
	orDefault(&q.ResetPerMinute, 60_000)
	orDefault(&q.OAuthTokenPerMinute, 50_000)
	orDefault(&q.TicketPerDay, 2000)
	return q
}

func orDefault[T int | time.Duration](value *T, byDefault T) {
	if *value == 0 {
		*value = byDefault
	}
}

// window counts calls since its first one; it starts again when its period is over.
type window struct {
	start time.Time
	calls int
}

// allow counts one call and reports whether it is within the limit.
func (w *window) allow(now time.Time, period time.Duration, limit int) bool {
	if now.Sub(w.start) >= period {
		*w = window{start: now}
	}
	w.calls++
	return limit < 0 || w.calls <= limit
}

const day = 24 * time.Hour
