// open.go: encrypted data that belongs to this app, this user and this time.

package opendata

import "time"

// maxSkew is how far a WeChat timestamp may lie ahead of our clock.
const maxSkew = 5 * time.Minute

// Expect is what the session already knows; decrypted data is compared with it.
type Expect struct {
	// The session's app id; watermark.appid must equal it. Required: empty
	// refuses everything.
	AppID string

	// The session's openid. An openId inside must equal it; empty refuses every
	// text that has one. Group, WeRun and phone data have none.
	OpenID string

	// The session's unionid, when known. A unionId inside must equal it; empty
	// accepts any.
	UnionID string

	// How old watermark.timestamp may be, and, up to 5 minutes, how far ahead.
	// The bounds are inclusive. 0: any time. Negative refuses everything.
	MaxAge time.Duration

	// The time to measure from. Required when MaxAge is not 0.
	Now time.Time
}

// Opened is verified open data.
type Opened struct {
	// The decrypted object without its watermark: same members, same order,
	// names and values byte for byte, no blanks between members. But an escaped half
	// of a surrogate pair that stands alone has become \ufffd.
	Object []byte

	// The unionId inside, only when the session's own openId stands beside it;
	// else empty. Without the openId, a nickname spliced behind an edited iv can
	// spell any unionId. Good for completing a session, never for finding one.
	UnionID string

	// When WeChat sealed the data, by its own clock.
	Time time.Time

	// Which of the keys opened it: 0 the newest, 1 the one before.
	Key int

	// Names the piece of data, for callers that accept each piece once per session: 22
	// characters of base64url, the same however the piece was spelled or cut. Of signed
	// data without encrypted data it names rawData.
	Fingerprint string

	// Only a signature vouches for it, which can be shown any number of times.
	SignedOnly bool
}

// checks holds one bit per condition. Only their product leaves the package;
// tests look at them to know that each vector fails for its own reason.
type checks struct{ form, appID, openID, unionID, age int }

func (c checks) all() int { return c.form & c.appID & c.openID & c.unionID & c.age }

// Open decrypts req and accepts it only when it is one strict JSON object whose
// watermark names want.AppID and an acceptable time, and whose openId and
// unionId, if there, are the session's. Keys are session keys as WeChat sent them,
// newest first: one or two, an empty or misshapen one never matches.
//
// The only error is ErrInvalid. Every condition is computed for every key, on
// good texts and bad, so the cause shows neither in the answer nor, within limits,
// in the time it takes.
//
// Shape faults (base64, lengths, number of keys) are answered at once: senders can
// compute them themselves. From there on each key given costs one decryption and one
// pass of the JSON reader, whichever key matches or none. The padding check has no
// branch and no memory access that depends on the plaintext; padding is blanked in
// place, so the reader is given the same length whether it was right or not; and when
// the reader stops early, it is sent through a decoy for the bytes it left. What is
// not constant: the speed of the JSON reader over different texts, the garbage
// collector, and AES on machines without AES instructions.
func Open(req Request, want Expect, keys ...string) (Opened, error) {
	in, ok := unseal(req, keys)
	if !ok {
		return Opened{}, ErrInvalid
	}
	tries, bits := in.openAll(want, keys)
	var pass [maxKeys]int
	for i := range bits {
		pass[i] = bits[i].all()
	}
	i := first(pass)
	if i < 0 {
		return Opened{}, ErrInvalid
	}
	return in.opened(tries[i], i), nil
}

func (in sealed) openAll(want Expect, keys []string) (tries [maxKeys]attempt, bits [maxKeys]checks) {
	tries = in.tryAll(keys)
	for i := range tries {
		bits[i] = want.check(tries[i])
	}
	return tries, bits
}

// opened describes the attempt that passed.
func (in sealed) opened(a attempt, key int) Opened {
	o := Opened{
		Object:      a.object.rest,
		Time:        time.Unix(a.object.timestamp, 0),
		Key:         key,
		Fingerprint: in.fingerprint(),
	}
	if a.object.openID.present == 1 {
		o.UnionID = string(a.object.unionID.text)
	}
	return o
}

func (w Expect) check(a attempt) checks {
	o := &a.object
	c := checks{
		form:    a.ok,
		appID:   o.appID.equals(w.AppID),
		openID:  (1 ^ o.openID.present) | o.openID.equals(w.OpenID),
		unionID: (1 ^ o.unionID.present) | o.unionID.valid,
		age:     bit(w.fresh(o.timestamp)),
	}
	// WeChat's "not bound" may be an absent or an empty unionId: no claim at all.
	if w.UnionID != "" {
		c.unionID &= bit(len(o.unionID.text) == 0) | o.unionID.equals(w.UnionID)
	}
	return c
}

// fresh also refuses a watermark without a time when any time would do: WeChat
// always writes one.
func (w Expect) fresh(timestamp int64) bool {
	if timestamp < 0 || w.MaxAge == 0 {
		return timestamp >= 0
	}
	age := w.Now.Sub(time.Unix(timestamp, 0)) // saturates
	return age <= w.MaxAge && age >= -min(w.MaxAge, maxSkew)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
