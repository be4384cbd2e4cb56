// session.go: what is known about one login, and how stores name it.

package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// Session is one login of one user of one app on one device.
// A Session that was handed out is never modified; Manager.Update makes a new one.
type Session struct {
	// ID names the session in tokens (claim "jti"), admin calls and logs; see
	// ValidID for its form. It is no credential: only a signed token is.
	ID string

	// AppID and OpenID say who the user is. They come from the code exchange
	// (auth.code2Session, or sns/oauth2/access_token) and from nowhere else.
	AppID, OpenID string

	// Kind is what kind of app the user logged in to.
	Kind Kind

	// UnionID is the user's id across all apps of one Open Platform account;
	// empty when the app is not bound to one.
	UnionID string

	// IssuedAt and ExpiresAt bound the login, in whole milliseconds.
	IssuedAt, ExpiresAt time.Time

	// UserInfo is the verified user info as JSON, without WeChat's watermark;
	// nil when none was verified in this session.
	UserInfo json.RawMessage

	// Phone is the verified phone number; nil when none was verified in this session.
	Phone *Phone

	// DataFailures counts the open-data failures since the last success. A
	// signature that was shown in the session before does not count.
	DataFailures int
}

// Phone is a phone number in the field names of WeChat's getPhoneNumber.
type Phone struct {
	PhoneNumber     string `json:"phoneNumber"`     // with country code where it is a foreign one
	PurePhoneNumber string `json:"purePhoneNumber"` // without country code
	CountryCode     string `json:"countryCode"`     // digits only, "86"
}

// storeKey hashes the parts of a name into a store key. Kinds keep the keys of
// sessions, users and marks apart; the length prefix keeps ("a","bc") and
// ("ab","c") apart.
func storeKey(kind string, parts ...string) string {
	text := append(make([]byte, 0, 256), "wechat "...)
	text = append(text, kind...)
	for _, p := range parts {
		text = strconv.AppendInt(append(text, 0), int64(len(p)), 10)
		text = append(append(text, ':'), p...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
