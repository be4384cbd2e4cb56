// opendata.go: POST <prefix>/userinfo, /phone and /opendata: what WeChat vouches
// for about the user of a session.

package endpoint

import (
	"encoding/json"
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// openDataRequest holds the members that wx.getUserProfile and its like give.
type openDataRequest struct {
	RawData       string `json:"rawData"`
	Signature     string `json:"signature"`
	EncryptedData string `json:"encryptedData"`
	IV            string `json:"iv"`
}

func (d *openDataRequest) empty() bool { return *d == openDataRequest{} }

// check refuses half pairs, before anything is spent or counted.
func (d *openDataRequest) check() error {
	switch {
	case (d.RawData == "") != (d.Signature == ""):
		return problem.BadRequest("rawData and signature belong together: send both")
	case (d.EncryptedData == "") != (d.IV == ""):
		return problem.BadRequest("encryptedData and iv belong together: send both")
	}
	return nil
}

func (d *openDataRequest) userInfo() opendata.UserInfoRequest {
	return opendata.UserInfoRequest{RawData: d.RawData, Signature: d.Signature, EncryptedData: d.EncryptedData, IV: d.IV}
}

func (d *openDataRequest) encrypted() opendata.Request {
	return opendata.Request{EncryptedData: d.EncryptedData, IV: d.IV}
}

// dataRequest is what all calls about open data send.
type dataRequest interface{ check() error }

// readData finds the session of a call about open data, and reads what it sends.
func (s *Site) readData(w http.ResponseWriter, r gate.Clean, req dataRequest) (*session.Session, error) {
	c, err := s.live(r)
	if err != nil {
		return nil, err
	}
	if err := onlyMini(c); err != nil {
		return nil, err
	}
	if err := readJSON(w, r.Request, req); err != nil {
		return nil, err
	}
	return c.Session, req.check()
}

// onlyMini refuses what needs a session key where WeChat gave none.
func onlyMini(c *gate.Caller) error {
	if c.Kind != session.Mini {
		return problem.BadRequest("this is for sessions of mini programs: this one is of a %s", c.Kind)
	}
	return nil
}

func (s *Site) userInfo(w http.ResponseWriter, r gate.Clean) error {
	var req openDataRequest
	of, err := s.readData(w, r, &req)
	if err != nil {
		return err
	}
	if req.empty() {
		return problem.BadRequest("send rawData and signature, or encryptedData and iv, or all four")
	}
	object, err := s.Vouch.UserInfo(r.Context(), of, req.userInfo())
	if err != nil {
		return err
	}
	return problem.WriteJSON(w, http.StatusOK, json.RawMessage(object))
}

func (s *Site) openData(w http.ResponseWriter, r gate.Clean) error {
	var req openDataRequest
	of, err := s.readData(w, r, &req)
	if err != nil {
		return err
	}
	if req.EncryptedData == "" {
		return problem.BadRequest("send encryptedData and iv")
	}
	object, err := s.Vouch.OpenData(r.Context(), of, req.encrypted())
	if err != nil {
		return err
	}
	return problem.WriteJSON(w, http.StatusOK, json.RawMessage(object))
}

type phoneRequest struct {
	Code string `json:"code"`
	openDataRequest
}

func (s *Site) phone(w http.ResponseWriter, r gate.Clean) error {
	var req phoneRequest
	of, err := s.readData(w, r, &req)
	if err != nil {
		return err
	}
	var number session.Phone
	switch {
	case req.Code == "" && req.EncryptedData == "":
		return problem.BadRequest("send the code of the phone button, or encryptedData and iv")
	case req.Code != "":
		// the button gives all three at once, and a client that sends all of them
		// means the newer way; there is no second try with the data
		number, err = s.Vouch.PhoneByCode(r.Context(), of, login.Network(s.Server.ClientIP(r.Request)), req.Code)
	default:
		number, err = s.Vouch.PhoneByData(r.Context(), of, req.encrypted())
	}
	if err != nil {
		return err
	}
	return problem.WriteJSON(w, http.StatusOK, number)
}
