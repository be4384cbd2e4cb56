// errcode.go: what WeChat's error numbers mean, and the two facts taken from errmsg.

package weixin

import (
	"fmt"
	"net/netip"
	"regexp"
)

// Errcodes this package names; the others appear only in the tables below.
const (
	errcodeBusy        = -1
	errcodeIPNotListed = 40164
	errcodeDailyQuota  = 45009
)

// kinds holds the errcodes that mean the same on every call. What is not here and
// not in callKinds is KindRefused: an unknown number is never "logged out".
var kinds = map[int]Kind{
	errcodeBusy:       KindBusy,
	40029:             KindBadCode,
	40163:             KindBadCode,
	40226:             KindBlocked,
	45011:             KindRateLimited,
	errcodeDailyQuota: KindRateLimited,
}

// callKinds holds the errcodes whose meaning depends on the call. 40001 is "wrong
// app secret" where a secret is sent and "wrong token" where a token is sent; 40013
// is "no such app" except for a phone code, where the token has already proved the
// app and it means that the client brought a code of another one. What WeChat answers
// to a code of another user is not published; 40003, "the openid does not fit", is
// the client's doing whenever it comes.
var callKinds = map[Call]map[int]Kind{
	// 40030, 42002 and 42007 speak of a refresh_token, which this package never sends.
	// WeChat's way out of each is the same as for a code: authorize again.
	CallOAuthToken: {
		42003: KindBadCode, 41008: KindBadCode, 40030: KindBadCode, 42002: KindBadCode, 42007: KindBadCode,
	},
	CallUserInfo: {
		40001: KindBadToken, 40014: KindBadToken, 42001: KindBadToken, 41001: KindBadToken, 42007: KindBadToken,
	},
	CallJSAPITicket: {
		40001: KindBadToken, 40014: KindBadToken, 42001: KindBadToken, 41001: KindBadToken,
	},
	CallPhoneNumber: {
		40001: KindBadToken, 40014: KindBadToken, 42001: KindBadToken, 41001: KindBadToken,
		40013: KindBadCode, 40003: KindBadCode,
	},
	CallCheckSession: {
		40001: KindBadToken, 40014: KindBadToken, 42001: KindBadToken, 41001: KindBadToken,
		87007: KindKeyGone, 87009: KindBadSignature,
	},
	CallResetSessionKey: {
		40001: KindBadToken, 40014: KindBadToken, 42001: KindBadToken, 41001: KindBadToken,
		87007: KindKeyGone, 87009: KindBadSignature,
	},
}

func kindOfErrcode(call Call, errcode int) Kind {
	if kind, ok := callKinds[call][errcode]; ok {
		return kind
	}
	if kind, ok := kinds[errcode]; ok {
		return kind
	}
	return KindRefused
}

// hints tell an operator what to do about a refusal.
var hints = map[int]string{
	40001: "check the app secret",
	40003: "the openid does not belong to the token",
	40002: "grant_type was not understood; this is a bug of the gateway",
	40013: "check the app id",
	40125: "check the app secret; it may have been reset in the console",
	40243: "the app secret is frozen in the console; unfreeze it there (takes about 10 minutes)",
	41002: "the app id did not arrive; a proxy on the way may drop the query",
	41003: "the refresh_token did not arrive; this is a bug of the gateway",
	41004: "the app secret did not arrive; is it configured?",
	41008: "the code did not arrive; a proxy on the way may drop the query",
	43001: "a GET was wanted; a proxy on the way may change the method",
	43002: "a POST was wanted; a proxy on the way may change the method",
	48001: "this app, or the scope that the user agreed to, has no permission for the API",
	48004: "the API is closed to this app for violations; see the messages in the console",
	50002: "the account is limited; see the messages in the console",
	50004: "this app may not fetch access tokens",
	50007: "the account is frozen",
	89503: "the administrator must confirm this machine's IP in the console",
	89506: "the administrator refused this machine's IP; try again in 24 hours",
	89507: "the administrator refused this machine's IP; try again in an hour",
}

func (e *Error) hint() string {
	if e.Kind != KindRefused || e.Errcode == 0 {
		return ""
	}
	if e.Errcode == errcodeIPNotListed {
		ip := ""
		if e.EgressIP.IsValid() {
			ip = " " + e.EgressIP.String()
		}
		return fmt.Sprintf("add this machine's egress IP%s to the IP white list in the WeChat console", ip)
	}
	if hint, ok := hints[e.Errcode]; ok {
		return hint
	}
	return "see WeChat's list of return codes"
}

// The forms are narrow on purpose: errmsg is foreign text, and an app secret (32
// characters) must not fit where a request id is expected.
var (
	ridForm   = regexp.MustCompile(`rid: ([0-9a-fA-F]{1,8}(?:-[0-9a-fA-F]{1,8}){2})\s*\]?\s*$`)
	reqIDForm = regexp.MustCompile(`hints: \[ ?req_id: ([A-Za-z0-9._-]{1,24}) ?\]\s*$`)
	ipForms   = []*regexp.Regexp{
		regexp.MustCompile(`invalid ip ([0-9a-fA-F.:]{2,45})\b`),
		regexp.MustCompile(`ipv6 ([0-9a-fA-F.:]{2,45})\b`),
	}
)

// RequestID finds the id at the end of an errmsg: "…, rid: x-y-z" since about 2020-12,
// "…, hints: [ req_id: x ]" before.
func RequestID(errmsg string) string {
	for _, form := range []*regexp.Regexp{ridForm, reqIDForm} {
		if m := form.FindStringSubmatch(errmsg); m != nil {
			return m[1]
		}
	}
	return ""
}

// egressIP finds the address in "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in
// whitelist", and returns it only if it is one.
func egressIP(errmsg string) netip.Addr {
	for _, form := range ipForms {
		if m := form.FindStringSubmatch(errmsg); m != nil {
			if ip, err := netip.ParseAddr(m[1]); err == nil {
				return ip.Unmap()
			}
		}
	}
	return netip.Addr{}
}

// errcodeError is the error for an answer whose errcode is not 0.
func errcodeError(call Call, errcode int, errmsg string) *Error {
	e := &Error{Call: call, Kind: kindOfErrcode(call, errcode), Errcode: errcode, RID: RequestID(errmsg)}
	if errcode == errcodeIPNotListed {
		e.EgressIP = egressIP(errmsg)
	}
	return e
}
