// session.go: what is known about one login, and its form in a store.

package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Session is one login of one user of one app on one device.
// A Session that was handed out is never modified; Manager.Update makes a new one.
type Session struct {
	// ID names the session in tokens (claim "jti"), admin calls and logs:
	// 128 random bits in base64url. It is no credential: only a signed token is.
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
	// signature that was shown in the session before is none.
	DataFailures int
}

// Phone is a phone number in the field names of WeChat's getPhoneNumber.
type Phone struct {
	PhoneNumber     string `json:"phoneNumber"`     // with country code where it is a foreign one
	PurePhoneNumber string `json:"purePhoneNumber"` // without country code
	CountryCode     string `json:"countryCode"`     // digits only, "86"
}

// stored is the form of a session in a store. Members are short because a
// million of them are kept; the ID is repeated so that a record that a store
// delivers under a wrong key is noticed.
type stored struct {
	ID       string          `json:"s"`
	AppID    string          `json:"a"`
	OpenID   string          `json:"o"`
	Kind     string          `json:"k,omitempty"` // its first letter; absent for a mini program
	UnionID  string          `json:"u,omitempty"`
	Issued   int64           `json:"i"` // in Unix milliseconds, as the next
	Expires  int64           `json:"e"`
	UserInfo json.RawMessage `json:"n,omitempty"`
	Phone    *Phone          `json:"p,omitempty"`
	Failures int             `json:"f,omitempty"`
}

func (s *Session) encode() ([]byte, error) {
	return json.Marshal(stored{
		ID: s.ID, AppID: s.AppID, OpenID: s.OpenID, Kind: s.Kind.short(), UnionID: s.UnionID,
		Issued: s.IssuedAt.UnixMilli(), Expires: s.ExpiresAt.UnixMilli(),
		UserInfo: s.UserInfo, Phone: s.Phone, Failures: s.DataFailures,
	})
}

func decode(value []byte) (*Session, error) {
	var st stored
	if err := json.Unmarshal(value, &st); err != nil {
		// json's own text may quote the record, which names the user
		return nil, ErrForged
	}
	if st.ID == "" || st.AppID == "" || st.OpenID == "" || st.Expires <= st.Issued {
		return nil, ErrForged
	}
	kind, ok := kindOf(st.Kind)
	if !ok {
		return nil, ErrForged
	}
	return &Session{
		ID: st.ID, AppID: st.AppID, OpenID: st.OpenID, Kind: kind, UnionID: st.UnionID,
		IssuedAt: time.UnixMilli(st.Issued), ExpiresAt: time.UnixMilli(st.Expires),
		UserInfo: st.UserInfo, Phone: st.Phone, DataFailures: st.Failures,
	}, nil
}

// newID makes a session id of 128 random bits. None begins with a dash, which
// commands would take for an option.
func newID() string {
	for {
		var b [16]byte
		rand.Read(b[:])
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id
		}
	}
}

// ValidID reports whether s has the form of a session id.
func ValidID(s string) bool {
	if len(s) != 22 {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 16
}

// storeKey hashes the parts of a name into a store key. Kinds keep the keys of
// sessions, users and marks apart; the length prefix keeps ("a","bc") and
// ("ab","c") apart.
func storeKey(kind string, parts ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "wechat %s", kind)
	for _, p := range parts {
		fmt.Fprintf(h, "\x00%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
