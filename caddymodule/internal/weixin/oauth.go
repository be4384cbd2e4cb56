// oauth.go: the answers of sns/*, for logins by redirect, QR code and mobile SDK.

package weixin

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// OAuthAnswer is a successful exchange at sns/oauth2/access_token.
type OAuthAnswer struct {
	// The user's id inside the app: ^[A-Za-z0-9_-]{1,64}$.
	OpenID string
	// The user's id across the apps of one Open Platform account. Empty when unknown.
	UnionID string
	// What the user agreed to, for example "snsapi_base" or "snsapi_userinfo"; several
	// are separated by commas. Empty when WeChat did not say.
	Scope string
	// A page that WeChat opened as a snapshot: openid, unionid and user info are made
	// up and belong to nobody. No session may come of it.
	Snapshot bool
	// The user's own access_token, for UserInfo. It is not the app's.
	UserToken Secret
}

// UserInfo is what sns/userinfo tells of a user.
type UserInfo struct {
	// WeChat's object in its own names (openid, nickname, sex, headimgurl, unionid, …),
	// without errcode and errmsg. Valid I-JSON: half a surrogate pair has become U+FFFD.
	Object []byte
	// As in OAuthAnswer.
	UnionID string
}

var scopeForm = regexp.MustCompile(`^[a-z_]{0,64}(?:, ?[a-z_]{1,64}){0,15}$`)

// readOAuth reads the answer to sns/oauth2/access_token.
func readOAuth(call Call, a answer) (OAuthAnswer, error) {
	w, _, err := read(call, a)
	if err != nil {
		return OAuthAnswer{}, err
	}
	var token OAuthAnswer
	if token.OpenID, token.UnionID, err = readIDs(call, w); err != nil {
		return OAuthAnswer{}, err
	}
	userToken, ok := text(w.AccessToken)
	if !ok || !validToken(userToken) {
		return OAuthAnswer{}, malformed(call, "access_token is missing or not of its form")
	}
	if w.Scope != nil {
		if token.Scope, ok = text(w.Scope); !ok || !scopeForm.MatchString(token.Scope) {
			return OAuthAnswer{}, malformed(call, "scope is not of its form")
		}
	}
	token.Snapshot, token.UserToken = isSnapshot(w.Snapshot), NewSecret(userToken)
	return token, nil
}

// isSnapshot reads is_snapshotuser, documented as the number 1 for a snapshot and
// absent otherwise. What is neither a clear no nor a 1 is taken for a yes: an openid
// that may be nobody's is nobody's.
func isSnapshot(v jsontext.Value) bool {
	switch string(v) {
	case "", "null", "0", `"0"`, `""`, "false":
		return false
	default:
		return true
	}
}

// UserInfo asks for what the user lets the app know; openID and token are those of the
// same OAuthAnswer, network is as with Acquire. An answer about another openid is
// KindMalformed. Errors: KindBadToken, KindRefused with errcode 48001 for a token of
// scope snsapi_base, and the kinds of a failed call.
//
// Source: WeChat documentation, "网页授权", /sns/userinfo.
func (c *Client) UserInfo(ctx context.Context, network string, token Secret, openID string, o *Observer) (info UserInfo, err error) {
	err = c.guarded(ctx, c.use, CallUserInfo, network, o, func(ctx context.Context) error {
		a, err := c.send(ctx, request{
			call: CallUserInfo, method: http.MethodGet, path: "/sns/userinfo",
			query: url.Values{"access_token": {token.reveal()}, "openid": {openID}, "lang": {"zh_CN"}},
		})
		if err != nil {
			return err
		}
		info, err = readUserInfo(CallUserInfo, a, openID)
		return err
	})
	return info, err
}

// readUserInfo reads the answer to sns/userinfo. Names and signatures of people come
// with half surrogate pairs, which RFC 7493 forbids: here they become U+FFFD.
func readUserInfo(call Call, a answer, openID string) (UserInfo, error) {
	if a.status == http.StatusOK {
		object, err := copyObject(a.body)
		if err != nil {
			return UserInfo{}, malformed(call, "not one strict JSON object")
		}
		a.body = object
	}
	w, _, err := read(call, a)
	if err != nil {
		return UserInfo{}, err
	}
	got, unionID, err := readIDs(call, w)
	switch {
	case err != nil:
		return UserInfo{}, err
	case got != openID:
		return UserInfo{}, malformed(call, "the answer is about another user")
	}
	object, err := dropMembers(a.body, "errcode", "errmsg")
	if err != nil {
		return UserInfo{}, malformed(call, "not one strict JSON object")
	}
	return UserInfo{Object: object, UnionID: unionID}, nil
}

// copyObject returns a JSON text in which every string is valid Unicode.
func copyObject(body []byte) ([]byte, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("not UTF-8")
	}
	return jsontext.AppendFormat(nil, body, jsontext.AllowInvalidUTF8(true))
}

// dropMembers returns a valid JSON object without the named members.
func dropMembers(object []byte, names ...string) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	out := []byte("{")
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		drop := slices.Contains(names, name.String())
		if !drop {
			if len(out) > 1 {
				out = append(out, ',')
			}
			if out, err = jsontext.AppendQuote(out, name.String()); err != nil {
				return nil, err
			}
			out = append(out, ':')
		}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if !drop {
			out = append(out, value...)
		}
	}
	return append(out, '}'), nil
}
