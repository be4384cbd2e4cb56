// refusal.go: what WeChat last refused an app for, so that health can say it.

package weixin

import (
	"errors"
	"sync"
	"time"
)

// refusalKept is how long a refusal without a login after it is told.
const refusalKept = time.Minute

// refusals holds one record for each app that WeChat refuses, so at most one for each
// app that was ever configured.
type refusals struct {
	mu   sync.Mutex
	apps map[string]refusal
}

type refusal struct {
	errcode int
	when    time.Time
}

// note takes in how a code exchange ended. Only a success takes a refusal back: what
// else WeChat answers may come before it looks at the secret.
func (r *refusals) note(appID string, err error) {
	var e *Error
	refused := errors.As(err, &e) && refusesApp(e.Errcode)
	if err != nil && !refused {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if refused {
		r.apps[appID] = refusal{e.Errcode, time.Now()}
	} else {
		delete(r.apps, appID)
	}
}

// refusesApp tells the errcodes by which WeChat refuses every login of an app, whoever
// the user is: wrong AppID, wrong AppSecret, an address not listed, a frozen secret.
func refusesApp(errcode int) bool {
	switch errcode {
	case 40013, 40125, errcodeIPNotListed, 40243:
		return true
	default:
		return false
	}
}

// Refusal tells by which errcode (40013, 40125, 40164 or 40243) WeChat last refused to
// log in any user of the app, and when. ok is false when it did not, when a login
// succeeded since, or when that was 60 s ago: then it is worth another try.
func (c *Client) Refusal(appID string) (errcode int, when time.Time, ok bool) {
	c.refusals.mu.Lock()
	defer c.refusals.mu.Unlock()
	r, found := c.refusals.apps[appID]
	if !found || time.Since(r.when) >= refusalKept {
		return 0, time.Time{}, false
	}
	return r.errcode, r.when, true
}
