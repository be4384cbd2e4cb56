// calls.go: the calls beside the login: the access_token and what is done with one.

package weixin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

// stableToken fetches an app's access_token and how long it will still be valid. The
// same token comes back until WeChat renews it, five minutes before its end; force
// kills the previous one at once (20 times a day, 30 s apart). Use a TokenSource
// rather than this. Errors: KindRefused for a wrong secret or an unlisted IP,
// KindRateLimited, and the kinds of a failed call.
//
// Source: WeChat documentation, "获取稳定版接口调用凭据" (getStableAccessToken).
func (c *Client) stableToken(ctx context.Context, app App, force bool, o *Observer) (token string, expiresIn time.Duration, err error) {
	body, err := json.Marshal(struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh"`
	}{"client_credential", app.ID, app.Secret.reveal(), force})
	if err != nil {
		return "", 0, notSent(CallStableToken)
	}
	err = c.guarded(ctx, c.token, CallStableToken, "", o, func(ctx context.Context) error {
		a, err := c.send(ctx, request{
			call: CallStableToken, method: http.MethodPost, path: "/cgi-bin/stable_token", body: body,
		})
		if err != nil {
			return err
		}
		token, expiresIn, err = readToken(CallStableToken, a)
		return err
	})
	return token, expiresIn, err
}

// PhoneInfo is a user's phone number as WeChat knows it.
type PhoneInfo struct {
	// With the country code for numbers outside China, for example "+6581234567".
	// Dashes and blanks between the digits are taken out, here and below.
	PhoneNumber string
	// Without it.
	PurePhoneNumber string
	// Digits, for example "86"; WeChat's "+852" is "852" here.
	CountryCode string
	// Whose data this is; the caller compares AppID with its own.
	Watermark Watermark
}

// Watermark says for which app and when WeChat made a datum.
type Watermark struct {
	AppID string
	// Unix seconds.
	Timestamp int64
}

var (
	phoneForm       = regexp.MustCompile(`^\+?[0-9]{1,32}$`)
	countryCodeForm = regexp.MustCompile(`^[0-9]{1,6}$`)
	// withoutMarks takes out what people and networks put between the digits.
	withoutMarks = strings.NewReplacer(" ", "", "-", "")
)

// PhoneNumber exchanges the code of a phone number button. WeChat checks that the code
// belongs to openID if one is given; give it. The code is single-use and the request
// is sent at most once. Errors: KindBadCode, KindBadToken, KindRateLimited,
// KindRefused (also for an openid that does not match; its number is not published),
// and the kinds of a failed call.
//
// Source: WeChat documentation, "手机号快速验证" (getPhoneNumber).
func (c *Client) PhoneNumber(ctx context.Context, network, accessToken, code, openID string, o *Observer) (info PhoneInfo, err error) {
	body, err := json.Marshal(struct {
		Code   string `json:"code"`
		OpenID string `json:"openid,omitempty"`
	}{code, openID})
	if err != nil {
		return PhoneInfo{}, notSent(CallPhoneNumber)
	}
	err = c.guarded(ctx, c.use, CallPhoneNumber, network, o, func(ctx context.Context) error {
		a, err := c.send(ctx, request{
			call: CallPhoneNumber, method: http.MethodPost, path: "/wxa/business/getuserphonenumber",
			query: url.Values{"access_token": {accessToken}}, body: body,
		})
		if err != nil {
			return err
		}
		info, err = readPhone(CallPhoneNumber, a)
		return err
	})
	return info, err
}

// readPhone reads the answer to getuserphonenumber.
func readPhone(call Call, a answer) (PhoneInfo, error) {
	w, _, err := read(call, a)
	if err != nil {
		return PhoneInfo{}, err
	}
	if w.PhoneInfo.Kind() != '{' {
		return PhoneInfo{}, malformed(call, "phone_info is missing")
	}
	var p struct {
		PhoneNumber     jsontext.Value `json:"phoneNumber"`
		PurePhoneNumber jsontext.Value `json:"purePhoneNumber"`
		CountryCode     jsontext.Value `json:"countryCode"`
		Watermark       jsontext.Value `json:"watermark"`
	}
	var mark struct {
		AppID     jsontext.Value `json:"appid"`
		Timestamp jsontext.Value `json:"timestamp"`
	}
	if json.Unmarshal(w.PhoneInfo, &p) != nil {
		return PhoneInfo{}, malformed(call, "phone_info is not of its form")
	}
	if p.Watermark.Kind() != '{' || json.Unmarshal(p.Watermark, &mark) != nil {
		return PhoneInfo{}, malformed(call, "watermark is missing")
	}
	var info PhoneInfo
	var ok [5]bool
	info.PhoneNumber, ok[0] = text(p.PhoneNumber)
	info.PurePhoneNumber, ok[1] = text(p.PurePhoneNumber)
	if info.CountryCode, ok[2] = text(p.CountryCode); ok[2] {
		info.CountryCode = strings.TrimPrefix(withoutMarks.Replace(info.CountryCode), "+")
	} else if p.CountryCode.Kind() == '0' {
		// A sample of 2022 prints the number 86.
		info.CountryCode, ok[2] = p.CountryCode.String(), true
	}
	info.PhoneNumber, info.PurePhoneNumber = withoutMarks.Replace(info.PhoneNumber), withoutMarks.Replace(info.PurePhoneNumber)
	info.Watermark.AppID, ok[3] = text(mark.AppID)
	info.Watermark.Timestamp, ok[4] = wholeNumber(mark.Timestamp)
	if ok != [5]bool{true, true, true, true, true} ||
		!phoneForm.MatchString(info.PhoneNumber) || !phoneForm.MatchString(info.PurePhoneNumber) ||
		!countryCodeForm.MatchString(info.CountryCode) ||
		!idForm.MatchString(info.Watermark.AppID) || info.Watermark.Timestamp < 0 {
		return PhoneInfo{}, malformed(call, "phone_info is not of its form")
	}
	return info, nil
}

// CheckSession asks whether sessionKey is still the user's. Nil: it is.
// KindBadSignature: another one is. KindKeyGone: the user has none. KindBadToken and
// the kinds of a failed call say nothing about the key.
//
// Source: WeChat documentation, "检验登录态" (checkSessionKey).
func (c *Client) CheckSession(ctx context.Context, network, accessToken, openID, sessionKey string, o *Observer) error {
	return c.guarded(ctx, c.use, CallCheckSession, network, o, func(ctx context.Context) error {
		a, err := c.sendSigned(ctx, CallCheckSession, "/wxa/checksession", accessToken, openID, sessionKey)
		if err != nil {
			return err
		}
		return readOK(CallCheckSession, a)
	})
}

// ResetSessionKey replaces the user's session_key and returns the new one; the old
// one is dead at once, and the new one ends when the old one would have. Errors as
// with CheckSession.
//
// Source: WeChat documentation, "重置登录态" (resetUserSessionKey).
func (c *Client) ResetSessionKey(ctx context.Context, network, accessToken, openID, sessionKey string, o *Observer) (newKey string, err error) {
	err = c.guarded(ctx, c.use, CallResetSessionKey, network, o, func(ctx context.Context) error {
		a, err := c.sendSigned(ctx, CallResetSessionKey, "/wxa/resetusersessionkey", accessToken, openID, sessionKey)
		if err != nil {
			return err
		}
		session, err := readSession(CallResetSessionKey, a)
		if err != nil {
			return err
		}
		if session.OpenID != openID {
			return malformed(CallResetSessionKey, "the answer is about another user")
		}
		newKey = session.SessionKey
		return nil
	})
	return newKey, err
}

func (c *Client) sendSigned(ctx context.Context, call Call, path, accessToken, openID, sessionKey string) (answer, error) {
	return c.send(ctx, request{
		call: call, method: http.MethodGet, path: path,
		query: url.Values{
			"access_token": {accessToken},
			"openid":       {openID},
			"signature":    {sessionSignature(sessionKey)},
			"sig_method":   {"hmac_sha256"},
		},
	})
}

// sessionSignature proves knowledge of a session_key: HMAC-SHA256 of the empty
// message in lower-case hex. The HMAC key is the key's base64 text, not its 16 bytes.
func sessionSignature(sessionKey string) string {
	return hex.EncodeToString(hmac.New(sha256.New, []byte(sessionKey)).Sum(nil))
}

// notSent is the error for parameters that are not UTF-8 and so cannot be put in JSON.
func notSent(call Call) *Error {
	return &Error{Call: call, Kind: KindRefused, Cause: &oneshot.Cause{Text: "a parameter is not UTF-8; nothing was sent"}}
}
