// sdk.go: WeChat's token endpoints, answered here, so that SDKs need another base URL
// and nothing else.

package relay

import (
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	maxTokenRequest = 16 << 10
	// tokenRequestTime is how long a request for a token may take to arrive.
	tokenRequestTime = 5 * time.Second
)

// tokenRequest is what SDKs send to either endpoint.
type tokenRequest struct {
	GrantType    string `json:"grant_type"`
	AppID        string `json:"appid"`
	Secret       string `json:"secret"`
	ForceRefresh bool   `json:"force_refresh"` // there is nothing to refresh
}

// handOutToken answers /cgi-bin/token and /cgi-bin/stable_token: a caller who gives a key as
// the app's secret gets a token of the relay.
func (c *call) handOutToken(folded string) error {
	ask, err := c.readTokenRequest(folded)
	if err != nil {
		return err
	}
	// The secret first: who does not know it learns nothing of the apps.
	key := c.relay.keys.find(ask.Secret)
	if key == nil {
		c.relay.keys.slowDown(c.req.Context())
		p := unauthorized(`Bearer realm="wechat", error="invalid_token"`, "secret is not a key of this relay")
		p.Errcode, p.Errmsg = 40125, "invalid appsecret"
		return p
	}
	app, ok := c.relay.apps[ask.AppID]
	if !ok {
		p := invalid("appid is not an app of this relay")
		p.Errcode, p.Errmsg = 40013, "invalid appid"
		return p
	}
	if ask.GrantType != "client_credential" {
		p := invalid("grant_type must be client_credential")
		p.Errcode, p.Errmsg = 40002, "invalid grant_type"
		return p
	}
	c.app, c.status = app, http.StatusOK
	writeJSON(c.w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}{key.makeToken(app.ID, c.relay.keys.now()), int(tokenLife.Seconds())})
	return nil
}

// readTokenRequest reads the query of a GET, the form of a POST to token, and the JSON
// of a POST to stable_token. Nothing may be said twice.
func (c *call) readTokenRequest(folded string) (ask tokenRequest, err error) {
	raw := c.req.URL.RawQuery
	if c.req.Method == http.MethodPost {
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(tokenRequestTime))
		body, err := io.ReadAll(io.LimitReader(c.req.Body, maxTokenRequest+1))
		if err != nil {
			return ask, bodyProblem(err)
		}
		if len(body) > maxTokenRequest {
			return ask, tooLarge("a request for a token may have 16 KiB")
		}
		if folded == stableTokenPath {
			if json.Unmarshal(body, &ask) != nil {
				return tokenRequest{}, invalid("the body must be the JSON that WeChat's stable_token takes")
			}
			return ask, nil
		}
		if raw != "" && len(body) > 0 {
			raw += "&"
		}
		raw += string(body)
	} else if folded == stableTokenPath {
		p := refuse(http.StatusMethodNotAllowed, "invalid_request", ResultInvalid, "stable_token takes a POST")
		p.allow = "POST"
		return ask, p
	}
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxTokenRequest {
		return ask, invalid("the parameters cannot be read")
	}
	for name, into := range map[string]*string{"grant_type": &ask.GrantType, "appid": &ask.AppID, "secret": &ask.Secret} {
		if len(values[name]) > 1 {
			return tokenRequest{}, invalid(name + " is given twice")
		}
		*into = values.Get(name)
	}
	return ask, nil
}
