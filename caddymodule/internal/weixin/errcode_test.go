// errcode_test.go: every documented errcode, what it becomes and what it tells.

package weixin

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestErrcodes(t *testing.T) {
	const login, token, phone, check, reset = CallCode2Session, CallStableToken, CallPhoneNumber, CallCheckSession, CallResetSessionKey
	const oauth, user, ticket = CallOAuthToken, CallUserInfo, CallJSAPITicket
	all := []Call{login, token, phone, check, reset, oauth, user, ticket}
	signed := []Call{check, reset}
	use := []Call{phone, check, reset, user, ticket}
	own := []Call{login, token, oauth}
	unsigned := []Call{login, token, phone, oauth, user, ticket}
	for _, tt := range []struct {
		errcode int
		calls   []Call
		kind    Kind
		retry   time.Duration
		hint    string
	}{
		{-1, all, KindBusy, 5 * time.Second, "busy"},
		{40029, all, KindBadCode, 0, "code"},
		{40163, all, KindBadCode, 0, "used"},
		{40226, all, KindBlocked, 0, "blocks"},
		{45011, all, KindRateLimited, time.Minute, "quota"},
		{45009, all, KindRateLimited, time.Hour, "quota"},
		{40013, []Call{login, token, check, reset, oauth, user, ticket}, KindRefused, 0, "app id"},
		{40013, []Call{phone}, KindBadCode, 0, "code"},
		{40125, all, KindRefused, 0, "app secret"},
		{40002, all, KindRefused, 0, "grant_type"},
		{41002, all, KindRefused, 0, "app id"},
		{41004, all, KindRefused, 0, "app secret"},
		{41008, []Call{login, token, phone, check, reset, user, ticket}, KindRefused, 0, "code"},
		{41008, []Call{oauth}, KindBadCode, 0, "code"},
		{42003, []Call{oauth}, KindBadCode, 0, "expired"},
		{42003, []Call{login, token, phone, user}, KindRefused, 0, "return codes"},
		{40030, []Call{oauth}, KindBadCode, 0, "code"},
		{42002, []Call{oauth}, KindBadCode, 0, "code"},
		{42007, []Call{oauth}, KindBadCode, 0, "code"},
		{42007, []Call{user}, KindBadToken, 0, "access_token"},
		{40003, []Call{phone}, KindBadCode, 0, "code"},
		{40003, []Call{login, oauth, user, check}, KindRefused, 0, "openid"},
		{41003, []Call{oauth}, KindRefused, 0, "refresh_token"},
		{40164, all, KindRefused, 0, "IP white list"},
		{40243, all, KindRefused, 0, "frozen"},
		{43001, all, KindRefused, 0, "GET"},
		{43002, all, KindRefused, 0, "POST"},
		{48001, all, KindRefused, 0, "permission"},
		{48004, all, KindRefused, 0, "closed"},
		{50002, all, KindRefused, 0, "limited"},
		{50004, all, KindRefused, 0, "access tokens"},
		{50007, all, KindRefused, 0, "frozen"},
		{89503, all, KindRefused, 0, "confirm"},
		{89506, all, KindRefused, 0, "24 hours"},
		{89507, all, KindRefused, 0, "an hour"},
		{40097, all, KindRefused, 0, "return codes"},
		{87008, all, KindRefused, 0, "return codes"},
		{99999, all, KindRefused, 0, "return codes"},
		{-2, all, KindRefused, 0, "return codes"},
		{1, all, KindRefused, 0, "return codes"},
		{40001, own, KindRefused, 0, "app secret"},
		{40001, use, KindBadToken, 0, "access_token"},
		{40014, own, KindRefused, 0, "return codes"},
		{40014, use, KindBadToken, 0, "access_token"},
		{42001, own, KindRefused, 0, "return codes"},
		{42001, use, KindBadToken, 0, "access_token"},
		{41001, own, KindRefused, 0, "return codes"},
		{41001, use, KindBadToken, 0, "access_token"},
		{87007, signed, KindKeyGone, 0, "gone"},
		{87007, unsigned, KindRefused, 0, "return codes"},
		{87009, signed, KindBadSignature, 0, "session_key"},
		{87009, unsigned, KindRefused, 0, "return codes"},
	} {
		for _, call := range tt.calls {
			body := fmt.Sprintf(`{"errcode":%d,"errmsg":"words of WeChat, rid: 6270dbb5-47d9f324-018472b7"}`, tt.errcode)
			_, _, err := read(call, answer{200, []byte(body)})
			e := wantKind(t, err, tt.kind)
			if e.Errcode != tt.errcode || e.Call != call || e.RID != "6270dbb5-47d9f324-018472b7" || e.RetryAfter() != tt.retry {
				t.Errorf("%s %d: %+v, retry after %v", call, tt.errcode, *e, e.RetryAfter())
			}
			text := e.Error()
			if !strings.Contains(text, tt.hint) || !strings.Contains(text, e.RID) || !strings.Contains(text, fmt.Sprint(tt.errcode)) {
				t.Errorf("%s %d: the text lacks %q, rid or number: %s", call, tt.errcode, tt.hint, text)
			}
			if strings.Contains(text, "words of WeChat") {
				t.Errorf("errmsg is foreign text: %s", text)
			}
			if got := breaks(e.Kind); got != (tt.errcode == -1) {
				t.Errorf("errcode %d breaks = %v", tt.errcode, got)
			}
		}
	}
}

// WeChat's text is shown to nobody, except a request id that has the form of one: an
// errmsg that echoes the secret in its place stays out.
func TestRequestID(t *testing.T) {
	for errmsg, want := range map[string]string{
		"invalid code, rid: 6270dbb5-47d9f324-018472b7":   "6270dbb5-47d9f324-018472b7",
		"invalid code rid: 6270dbb5-47d9f324-18472b7 ":    "6270dbb5-47d9f324-18472b7",
		"invalid code, hints: [ req_id: 1foBSgMre-Hz ]":   "1foBSgMre-Hz",
		"invalid code, hints: [ req_id: hJlJwA0500ns34 ]": "hJlJwA0500ns34",
		"":                                      "",
		"rid: ":                                 "",
		"rid: 1-2-3, and more":                  "",
		"rid: " + testSecret:                    "",
		"rid: 6270dbb5-47d9f324-\n18472b7":      "",
		"rid: x6270dbb5-47d9f324-018472b7":      "",
		"hints: [ req_id: " + testSecret + " ]": "",
		"hints: [ req_id: a\nb ]":               "",
	} {
		if got := RequestID(errmsg); got != want {
			t.Errorf("RequestID(%q) = %q, want %q", errmsg, got, want)
		}
	}
}

func TestEgressIP(t *testing.T) {
	for errmsg, want := range map[string]string{
		"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist, rid: 1-2-3": "203.0.113.7",
		"invalid ip  ipv6 2001:db8::1, not in whitelist":                               "2001:db8::1",
		"invalid ip 999.1.1.1, not in whitelist":                                       "",
		"invalid ip fe80::1%" + testSecret + ", not in whitelist":                      "fe80::1",
		"invalid ip " + testSecret + ", not in whitelist":                              "",
	} {
		_, _, err := read(CallCode2Session, answer{200, fmt.Appendf(nil, `{"errcode":40164,"errmsg":%q}`, errmsg)})
		e := wantKind(t, err, KindRefused)
		got := ""
		if e.EgressIP.IsValid() {
			got = e.EgressIP.String()
		}
		if got != want || !strings.Contains(e.Error(), want) || strings.Contains(e.Error(), testSecret) {
			t.Errorf("%q: IP %q, want %q; %v", errmsg, got, want, e)
		}
	}
}

func TestEveryKindHasWords(t *testing.T) {
	for _, kind := range []Kind{KindBadCode, KindBlocked, KindRateLimited, KindRefused, KindBadToken, KindBadSignature,
		KindKeyGone, KindMalformed, KindBusy, KindUnreachable, KindTimeout, KindShed, KindOverloaded, KindCanceled} {
		if kindText[kind] == "" {
			t.Errorf("%s has none", kind)
		}
	}
	if got := KindOf(fmt.Errorf("wrapped: %w", &Error{Kind: KindBusy})); got != KindBusy {
		t.Errorf("KindOf a wrapped error = %q", got)
	}
	if got := KindOf(fmt.Errorf("another")); got != "" {
		t.Errorf("KindOf a foreign error = %q", got)
	}
}
