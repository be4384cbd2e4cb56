// policy.go: how old data may be, and how long it is remembered.

package opendata

import "time"

// Policy says how old open data may be.
type Policy struct {
	MaxAge time.Duration // of its watermark; 0 takes any age
}

// Expect is what data of a user is compared with now.
func (p Policy) Expect(appid, openid, unionid string) Expect {
	return Expect{AppID: appid, OpenID: openid, UnionID: unionid, MaxAge: p.MaxAge, Now: time.Now()}
}

// Forgotten is when an accepted piece of data need not be remembered any more: it
// is too old by then, or the session, which ends at expires, is over.
func (p Policy) Forgotten(expires time.Time) time.Time {
	if p.MaxAge > 0 {
		// its watermark may be five minutes ahead of our clock
		if tooOld := time.Now().Add(p.MaxAge + 5*time.Minute); tooOld.Before(expires) {
			return tooOld
		}
	}
	return expires
}
