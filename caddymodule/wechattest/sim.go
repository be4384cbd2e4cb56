// sim.go: the phone's side over HTTP, everything below /sim/.

package wechattest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// simCall is one call of the phone's side; without a result it is answered 204.
type simCall struct {
	method string
	run    func(*Server, *http.Request, []byte) (any, error)
}

// posted is a call that its body alone decides.
func posted(run func(*Server, []byte) (any, error)) simCall {
	return simCall{http.MethodPost, func(s *Server, _ *http.Request, body []byte) (any, error) { return run(s, body) }}
}

var simCalls = map[string]simCall{
	"/sim/login":    posted((*Server).simLogin),
	"/sim/userinfo": posted((*Server).simUserInfo),
	"/sim/phone":    posted((*Server).simPhone),
	"/sim/oauth":    posted((*Server).simOAuth),
	"/sim/fault":    posted((*Server).simFault),
	"/sim/push":     {http.MethodPost, (*Server).simPush},
	"/sim/received": {http.MethodGet, (*Server).simReceived},
}

type simProblem struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// simUser says who holds the phone.
type simUser struct {
	OpenID string `json:"openid"`
	AppID  string `json:"appid"`
}

func (s *Server) serveSim(header http.Header, r *http.Request, body []byte) answer {
	call, known := simCalls[r.URL.Path]
	if !known {
		return simRefuse(http.StatusNotFound, "not_found", "the phone's side has "+strings.Join(slices.Sorted(maps.Keys(simCalls)), ", "))
	}
	if r.Method != call.method {
		header.Set("Allow", call.method)
		return simRefuse(http.StatusMethodNotAllowed, "method_not_allowed", "use "+call.method)
	}
	out, err := call.run(s, r, body)
	switch {
	case errors.Is(err, ErrBusy):
		header.Set("Retry-After", "5")
		return simRefuse(http.StatusServiceUnavailable, "temporarily_unavailable", err.Error())
	case err != nil:
		return simRefuse(http.StatusBadRequest, "invalid_request", err.Error())
	}
	if out == nil {
		return answer{status: http.StatusNoContent}
	}
	return answer{status: http.StatusOK, contentType: "application/json", body: encode(out)}
}

func simRefuse(status int, code, description string) answer {
	return answer{status: status, contentType: "application/json", body: encode(simProblem{code, description})}
}

func (s *Server) simLogin(body []byte) (any, error) {
	u, err := s.simUser(body)
	if err != nil {
		return nil, err
	}
	if u.AppID != "" && !s.is(u.AppID, KindMini) {
		return nil, errors.New("wx.login is for mini programs: a code of this app comes from /sim/oauth, or from a page below /connect/")
	}
	return simCode{s.Login(u.AppID, u.OpenID)}, nil
}

type simCode struct {
	Code string `json:"code"`
}

func (s *Server) simOAuth(body []byte) (any, error) {
	var in struct {
		simUser
		Scope    string `json:"scope"`
		Snapshot bool   `json:"snapshot"`
	}
	if err := decodeSim(body, &in); err != nil {
		return nil, err
	}
	if err := s.checkSimUser(in.simUser); err != nil {
		return nil, err
	}
	switch {
	case in.AppID == "":
		return nil, errors.New("appid is required: a code of sns/oauth2 is always of one app")
	case !s.is(in.AppID, KindOfficial, KindWebsite, KindMobile):
		return nil, errors.New("sns/oauth2 is not for mini programs: a code of this app comes from /sim/login")
	case !slices.Contains([]string{"", scopeBase, scopeUserInfo, scopeLogin}, in.Scope):
		return nil, errors.New("scope must be snsapi_base, snsapi_userinfo or snsapi_login")
	case in.Snapshot && !s.is(in.AppID, KindOfficial):
		return nil, errors.New("only pages of official apps have snapshot users")
	}
	return simCode{s.OAuthCode(OAuthLogin{AppID: in.AppID, OpenID: in.OpenID, Scope: in.Scope, Snapshot: in.Snapshot})}, nil
}

func (s *Server) simUserInfo(body []byte) (any, error) {
	u, err := s.simKnownUser(body)
	if err != nil {
		return nil, err
	}
	return s.UserInfo(u.AppID, u.OpenID)
}

func (s *Server) simPhone(body []byte) (any, error) {
	u, err := s.simKnownUser(body)
	if err != nil {
		return nil, err
	}
	return s.Phone(u.AppID, u.OpenID)
}

// simUser reads who is meant. No appid is an answer, too: see [Server.Login] and [Server.UserInfo].
func (s *Server) simUser(body []byte) (simUser, error) {
	var u simUser
	if err := decodeSim(body, &u); err != nil {
		return u, err
	}
	return u, s.checkSimUser(u)
}

func (s *Server) checkSimUser(u simUser) error {
	if u.OpenID != "" && !isOpenID(u.OpenID) {
		return errors.New("openid must be 1 to 64 letters, digits, - and _")
	}
	if u.AppID != "" && !s.knowsApp(u.AppID) {
		return errors.New("appid is not one of this simulator's (or not wx and 16 hex digits, where it takes any)")
	}
	return nil
}

func (s *Server) simKnownUser(body []byte) (simUser, error) {
	u, err := s.simUser(body)
	if err == nil && u.OpenID == "" {
		err = errors.New("openid is required")
	}
	return u, err
}

// decodeSim is strict so that a misspelt field is an error and not silence. No body at all is an empty object.
func decodeSim(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	err := json.Unmarshal(body, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	// The library's own text names Go types, which tell a caller with curl nothing.
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) {
		field := strings.TrimPrefix(string(semantic.JSONPointer), "/")
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return fmt.Errorf("unknown field %q", field)
		case semantic.Err != nil:
			return semantic.Err
		case field != "":
			return fmt.Errorf("field %s cannot be a JSON %s", field, semantic.JSONKind)
		}
		return errors.New("the body must be a JSON object")
	}
	return fmt.Errorf("reading the body: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}
