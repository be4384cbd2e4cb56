// message.go: messages to users, and the check of what users write.

package wechattest

import (
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// readPost is the beginning of every call that takes JSON for an app of the kinds.
func (s *Server) readPost(r request, in any, kinds ...Kind) (errcode int) {
	if r.method != http.MethodPost {
		return errNotPOST
	}
	if _, errcode := s.authorizeFor(r, kinds...); errcode != 0 {
		return errcode
	}
	if json.Unmarshal(r.body, in) != nil {
		return errNotJSON
	}
	return 0
}

type subscribeAnswer struct {
	refusal
	MsgID int64 `json:"msgid"`
}

// subscribeSend follows the page api_sendmessage (subscribeMessage.send). Whether the user subscribed is not played:
// 43101 comes by [Fault].
func (s *Server) subscribeSend(r request) answer {
	var in struct {
		ToUser     string `json:"touser"`
		TemplateID string `json:"template_id"`
		Data       map[string]struct {
			Value any `json:"value"`
		} `json:"data"`
	}
	switch errcode := s.readPost(r, &in, KindMini); {
	case errcode != 0:
		return refuse(r.now, errcode)
	case !isOpenID(in.ToUser):
		return refuse(r.now, errOpenID)
	case in.TemplateID == "":
		return refuse(r.now, errTemplateID)
	case len(in.Data) == 0:
		return refuse(r.now, errData)
	}
	for _, field := range in.Data {
		if field.Value == nil || field.Value == "" {
			return refuse(r.now, errData)
		}
	}
	// Above what a float holds: readers that take it for one lose its end.
	id := int64(1)<<61 | int64(binary.BigEndian.Uint64(randomBytes(8))>>4)
	return succeed(subscribeAnswer{refusal{0, "ok"}, id})
}

// customSend follows the page api_sendcustommessage. That the user wrote within 48 hours is not asked: 45015 comes by
// [Fault].
func (s *Server) customSend(r request) answer {
	var in struct {
		ToUser  string `json:"touser"`
		MsgType string `json:"msgtype"`
	}
	switch errcode := s.readPost(r, &in, KindMini, KindOfficial); {
	case errcode != 0:
		return refuse(r.now, errcode)
	case !isOpenID(in.ToUser):
		return refuse(r.now, errOpenID)
	case in.MsgType == "":
		return refuse(r.now, errMessageType)
	}
	return succeed(refusal{0, "ok"})
}

// riskyTexts are the two that the page api_msgseccheck gives for trying it out.
var riskyTexts = []string{"特3456书yuuo莞6543李zxcz蒜7782法fgnv级", "完2347全dfji试3726测asad感3847知qwez到"}

type secCheckVerdict struct {
	Suggest string `json:"suggest"`
	Label   int    `json:"label"`
}

type secCheckAnswer struct {
	refusal
	Result  secCheckVerdict `json:"result"`
	Detail  []any           `json:"detail"`
	TraceID string          `json:"trace_id"`
}

// msgSecCheck follows the page api_msgseccheck, its version 2 and the one before it, which refuses bad text with 87014.
func (s *Server) msgSecCheck(r request) answer {
	var in struct {
		Content string `json:"content"`
		Version int    `json:"version"`
		Scene   int    `json:"scene"`
		OpenID  string `json:"openid"`
	}
	switch errcode := s.readPost(r, &in, KindMini); {
	case errcode != 0:
		return refuse(r.now, errcode)
	case in.Content == "":
		return refuse(r.now, errTextEmpty)
	}
	risky := false
	for _, text := range riskyTexts {
		risky = risky || strings.Contains(in.Content, text)
	}
	switch {
	case in.Version < 2 && risky:
		return refuse(r.now, errRisky)
	case in.Version < 2:
		return succeed(refusal{0, "ok"})
	case !isOpenID(in.OpenID):
		return refuse(r.now, errOpenID)
	case in.Scene < 1 || in.Scene > 4:
		return refuse(r.now, errArguments)
	}
	out := secCheckAnswer{refusal{0, "ok"}, secCheckVerdict{"pass", 100}, []any{}, hex.EncodeToString(randomBytes(12))}
	if risky {
		out.Result = secCheckVerdict{"risky", 20001}
	}
	return succeed(out)
}

type domainIPAnswer struct {
	IPList []string `json:"ip_list"`
}

// domainIP follows the page api_getapidomainip; the addresses are from the range for documentation.
func (s *Server) domainIP(r request) answer {
	if r.method != http.MethodGet {
		return refuse(r.now, errNotGET)
	}
	if _, errcode := s.authorizeFor(r, KindMini, KindOfficial); errcode != 0 {
		return refuse(r.now, errcode)
	}
	return succeed(domainIPAnswer{[]string{"192.0.2.10", "192.0.2.11"}})
}
