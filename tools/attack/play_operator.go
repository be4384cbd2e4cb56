// play_operator.go: scenarios about what the operator sees, and about WeChat itself.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// playAdmin reads the pages of the admin endpoint.
func playAdmin(ctx context.Context, w *world, r *result) error {
	g := w.gateways["main"]
	get := func(path string) (string, error) {
		r.count(nil)
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+path, nil)
		if err != nil {
			return "", err
		}
		status, text, err := answerOf(q)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: %d %s", path, status, text)
		}
		r.check(w.shown(text, true) == "", "%s shows %s", path, w.shown(text, true))
		return text, err
	}
	for path, word := range map[string]string{
		"/config/": "wechat_auth", "/wechat/sessions?appid=" + appA + "&openid=" + alice: `"sessions":[{`, "/wechat/health": "", "/wechat/keys": "",
	} {
		text, err := get(path)
		if err != nil && path != "/wechat/keys" {
			return err
		}
		r.check(strings.Contains(text, word), "%s: %.300s", path, text)
	}
	metrics, err := get("/metrics")
	if err != nil {
		return err
	}
	ours := 0
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "caddy_wechat_") {
			ours++
			r.check(!strings.Contains(line, alice) && !strings.Contains(line, "/api") && !strings.Contains(line, "nx"), "a metric names what a client chose: %s", line)
		}
	}
	r.check(ours > 0 && ours < 500, "%d metrics of ours after tens of thousands of requests", ours)
	return nil
}

// playAnswers makes WeChat answer a login with what is no good answer.
func playAnswers(_ context.Context, w *world, r *result) error {
	s := w.site("short")
	key := `"session_key":"AAECAwQFBgcICQoLDA0ODw=="`
	for i, body := range []string{
		``, `{}`, `null`, `[]`, `"x"`, `<html>`, `{"openid":"` + eve + `"}`, `{` + key + `}`, `{"openid":"",` + key + `}`, `{"openid":null,` + key + `}`, `{"openid":1,` + key + `}`,
		`{"openid":["` + eve + `"],` + key + `}`, `{"openid":"` + eve + `","session_key":""}`, `{"openid":"` + eve + `","session_key":"AAAA"}`, `{"openid":"` + eve + `","session_key":"*"}`,
		`{"openid":"` + alice + `","OPENID":"` + eve + `","x":` + `1` + `}`, `{"OPENID":"` + eve + `",` + key + `}`, `{"openid":"` + alice + `","openid":"` + eve + `",` + key + `}`,
		`{"errcode":40029,"openid":"` + eve + `",` + key + `}`, `{"errcode":"40029","openid":"` + eve + `",` + key + `}`, `{"errcode":-99999,"openid":"` + eve + `",` + key + `}`,
		`{"openid":"` + eve + `",` + key + `}{}`, `{"openid":"` + eve + `",` + key, `{"openid":"oE\r\nX-WeChat-UnionID: x",` + key + `}`, `{"openid":"` + strings.Repeat("o", 300) + `",` + key + `}`,
		`{"openid":"o/../x",` + key + `}`, `{"openid":"o{env.SECRET_aa}",` + key + `}`, `{"openid":"` + eve + `\u0000",` + key + `}`, `{"openid":"` + eve + `","unionid":"a\nb",` + key + `}`,
	} {
		fault, err := json.Marshal(map[string]any{"path": "/sns/jscode2session", "body": body, "times": 1})
		if err != nil {
			return err
		}
		if status, text, err := post(w.sim+"/sim/fault", string(fault)); err != nil || status != http.StatusNoContent {
			return fmt.Errorf("the simulator takes no fault: %d %s %w", status, text, err)
		}
		code, err := w.code(s.app, person("Answer", i))
		if err != nil {
			return err
		}
		_, a := w.ask(r, question{site: s, protocol: allProtocols[i%len(allProtocols)], method: "POST", target: "/wechat/login", body: loginBody(code, s.app)})
		r.check(a.status >= 400 && a.status != 503 && a.member("token") == "" && !strings.Contains(a.body, eve), "WeChat answered %q, the gateway %d %s", body, a.status, a.body)
		// a good one in between, or the gateway will not ask WeChat again for a while
		if _, err := w.login(s, s.app, person("Answered", i)); err != nil {
			return err
		}
	}
	return nil
}
