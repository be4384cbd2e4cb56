// simpush.go: message push on order: /sim/push.

package wechattest

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// simPush takes the message as a JSON object, which is pushed as it is, or as a text that holds JSON or XML.
func (s *Server) simPush(r *http.Request, body []byte) (any, error) {
	var in struct {
		URL     string         `json:"url"`
		AppID   string         `json:"appid"`
		Message jsontext.Value `json:"message"`
		Mode    string         `json:"mode"`
		Token   string         `json:"token"`
		AESKey  string         `json:"aes_key"`
	}
	if err := decodeSim(body, &in); err != nil {
		return nil, err
	}
	message := []byte(in.Message)
	switch in.Message.Kind() {
	case '"':
		var text string
		if err := json.Unmarshal(in.Message, &text); err != nil {
			return nil, err
		}
		message = []byte(text)
	case 'n':
		message = nil
	}
	return s.Push(r.Context(), Push{URL: in.URL, AppID: in.AppID, Message: message, Mode: in.Mode,
		Secret: PushSecret{Token: in.Token, AESKey: in.AESKey}})
}
