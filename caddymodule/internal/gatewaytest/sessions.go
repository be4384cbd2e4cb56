// sessions.go: what an operator sees of sessions, on Caddy's admin endpoint.

package gatewaytest

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// ListSessions asks the admin API for the sessions of a user.
func (gw *Gateway) ListSessions(t *testing.T, appid, openid string) []Members {
	t.Helper()
	got := gw.Ask(t, "GET", "/wechat/sessions?appid="+appid+"&openid="+openid)
	RequireStatus(t, got, 200)
	var answer struct{ Sessions []Members }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.Sessions == nil {
		t.Fatalf("the list of sessions is none: %v %s", err, got.Body)
	}
	return answer.Sessions
}

// Ask sends a request to the admin API.
func (gw *Gateway) Ask(t *testing.T, method, target string) Reply {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+gw.Admin+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	admin := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	var response *http.Response
	Await(t, "an answer of the admin endpoint", func() bool { // a reload puts a new one in its place
		response, err = admin.Do(r)
		return err == nil
	})
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Reply{response.StatusCode, response.Proto, response.Header, string(body)}
}

// SessionID is the session that a token names.
func SessionID(t *testing.T, token string) string {
	t.Helper()
	return Claims(t, token)["jti"].(string)
}
