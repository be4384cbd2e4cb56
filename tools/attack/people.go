// people.go: who is logged in before the first attack, and whose session is over.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// populate logs alice and bob in everywhere, and ends two other sessions: one
// by logout, one by an operator.
func (w *world) populate() error {
	for _, spec := range gateways {
		for _, app := range spec.apps {
			s := w.siteFor(spec.name, app)
			for _, who := range []string{"alice", "bob", "careless", "loggedout", "revoked"} {
				openid := map[string]string{"alice": alice, "bob": bob}[who]
				if openid == "" {
					openid = "o" + who + "00000000000000000000"
				}
				token, err := w.login(s, app, openid)
				if err != nil {
					return err
				}
				w.tokens[spec.name+" "+app+" "+who] = token
				switch who {
				case "loggedout":
					err = w.logout(s, token)
				case "revoked":
					err = w.revoke(spec.name, app, openid)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	w.hide("the secret of an app", secretA)
	w.hide("the secret of an app", secretB)
	for _, openid := range []string{alice, bob} {
		if err := w.learnSessionKey(openid); err != nil {
			return err
		}
	}
	return nil
}

// siteFor is a site of a gateway where users of an app log in.
func (w *world) siteFor(gateway, app string) *site {
	for _, s := range w.sites {
		if s.gateway == gateway && s.app == app && !s.cookie {
			return s
		}
	}
	return nil
}

func (w *world) logout(s *site, token string) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+localhost(s.http)+"/wechat/logout", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if status, text, err := answerOf(r); err != nil || status != http.StatusNoContent {
		return fmt.Errorf("logging out: %d %s %w", status, text, err)
	}
	return nil
}

// revoke ends all sessions of a user, as an operator does.
func (w *world) revoke(gateway, app, openid string) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodDelete,
		"http://"+w.gateways[gateway].admin+"/wechat/users/"+app+"/"+openid, nil)
	if err != nil {
		return err
	}
	if status, text, err := answerOf(r); err != nil || status != http.StatusOK {
		return fmt.Errorf("revoking: %d %s %w", status, text, err)
	}
	return nil
}

// learnSessionKey asks the simulator for a user's session key as a gateway
// would: it stays the same for an hour, so that this is the one that must not
// be seen anywhere.
func (w *world) learnSessionKey(openid string) error {
	code, err := w.code(appA, openid)
	if err != nil {
		return err
	}
	query := url.Values{"appid": {appA}, "secret": {secretA}, "js_code": {code}, "grant_type": {"authorization_code"}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.sim+"/sns/jscode2session?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	_, text, err := answerOf(r)
	var answer struct {
		SessionKey string `json:"session_key"`
	}
	if err != nil || json.Unmarshal([]byte(text), &answer) != nil || answer.SessionKey == "" {
		return fmt.Errorf("the simulator gave no session key: %s %w", text, err)
	}
	w.hide("the session key of "+openid, answer.SessionKey)
	return nil
}
