// answer.go: the shape of WeChat's answers, errors with HTTP 200 above all.

package wechattest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

// answer is what a call would send, made under the lock and written without it.
type answer struct {
	status      int
	errcode     int
	contentType string
	location    string
	header      http.Header // what goes beside these two
	body        []byte
}

// wechatType is a habit seen in live answers of sns/*: JSON, labelled as plain text.
const wechatType = "text/plain"

type refusal struct {
	ErrCode int    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
}

// refuse is an error the way WeChat says it: HTTP 200, and a fresh rid at the end of errmsg.
func refuse(now time.Time, errcode int) answer {
	return refuseWith(now, errcode, errmsgs[errcode])
}

func refuseWith(now time.Time, errcode int, errmsg string) answer {
	if errmsg == "" {
		errmsg = "error"
	}
	a := succeed(refusal{errcode, errmsg + ", rid: " + newRID(now)})
	a.errcode = errcode
	return a
}

func succeed(v any) answer {
	return answer{status: http.StatusOK, contentType: wechatType, body: encode(v)}
}

// encode leaves & < > as they are: in avatar addresses WeChat sends them unescaped.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("wechattest: an answer cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (a answer) writeTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	w.WriteHeader(a.status)
	w.Write(a.body) // a client that left is no concern of the simulator
}

// The errcodes the simulator gives by itself.
const (
	errSystem         = -1
	errToken          = 40001
	errGrantType      = 40002
	errOpenID         = 40003
	errAppID          = 40013
	errTokenMalformed = 40014
	errCode           = 40029
	errArguments      = 40097
	errSecret         = 40125
	errCodeUsed       = 40163
	errCodeBlocked    = 40226
	errTokenMissing   = 41001
	errAppIDMissing   = 41002
	errSecretMissing  = 41004
	errCodeMissing    = 41008
	errTokenExpired   = 42001
	errCodeExpired    = 42003
	errRefresh        = 40030
	errRefreshExpired = 42002
	errRefreshMissing = 41003
	errUnauthorized   = 48001
	errNotGET         = 43001
	errNotPOST        = 43002
	errDayQuota       = 45009
	errMinuteQuota    = 45011
	errNotJSON        = 47001
	errMediaType      = 40004
	errMediaID        = 40007
	errMessageType    = 40008
	errTemplateID     = 40037
	errScene          = 40129
	errPage           = 41030
	errMediaMissing   = 41005
	errMediaEmpty     = 44001
	errTextEmpty      = 44004
	errMediaSize      = 45001
	errData           = 47003
	errRisky          = 87014
	errNoSessionKey   = 87007
	errSigMethod      = 87008
	errSignature      = 87009
)

// errmsgs also holds codes that only a Fault brings, so that a fault reads like the real thing.
var errmsgs = map[int]string{
	errSystem:         "system error",
	errToken:          "invalid credential, access_token is invalid or not latest",
	errGrantType:      "invalid grant_type",
	errOpenID:         "invalid openid",
	errAppID:          "invalid appid",
	errTokenMalformed: "invalid access_token",
	errCode:           "invalid code",
	errArguments:      "invalid args",
	errSecret:         "invalid appsecret",
	errCodeUsed:       "code been used",
	40164:             "invalid ip 192.0.2.7 ipv6 ::ffff:192.0.2.7, not in whitelist",
	errCodeBlocked:    "code blocked",
	40243:             "AppSecret is frozen",
	errTokenMissing:   "access_token missing",
	errAppIDMissing:   "appid missing",
	errSecretMissing:  "appsecret missing",
	errCodeMissing:    "missing code",
	errTokenExpired:   "access_token expired",
	errCodeExpired:    "oauth_code expired",
	errRefresh:        "invalid refresh_token",
	errRefreshExpired: "refresh_token expired",
	errRefreshMissing: "refresh_token missing",
	42007:             "access_token and refresh_token exception",
	errNotGET:         "require GET method",
	errNotPOST:        "require POST method",
	errDayQuota:       "reach max api daily quota limit",
	errMinuteQuota:    "api minute-quota reach limit, must slower, retry next minute",
	errNotJSON:        "data format error",
	errUnauthorized:   "api unauthorized",
	errMediaType:      "invalid media type",
	errMediaID:        "invalid media_id",
	errMessageType:    "invalid message type",
	errTemplateID:     "invalid template_id",
	errScene:          "invalid scene",
	errPage:           "invalid page",
	errMediaMissing:   "media data missing",
	errMediaEmpty:     "empty media data",
	errTextEmpty:      "empty content",
	errMediaSize:      "media size out of limit",
	errData:           "argument invalid!",
	errRisky:          "risky content",
	43101:             "user refuse to accept the msg",
	45015:             "response out of time limit or subscription is canceled",
	48004:             "api forbidden for irregularities",
	50002:             "user limited",
	50004:             "api forbidden",
	50007:             "account frozen",
	errNoSessionKey:   "session_key does not exist or has expired",
	errSigMethod:      "invalid sig_method",
	errSignature:      "invalid signature",
	89503:             "ip call must be confirmed by the administrator",
}
