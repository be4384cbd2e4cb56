// user.go: the questions of somebody who has a session, and wants another's.

package doorcheck

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (p *prober) askAsUser(ctx context.Context) error {
	openid, ok := openIDOf(p.opts.Token)
	if !ok {
		return fmt.Errorf("the token is none of the gateway's: it has three parts, and names a user")
	}
	credential := [2]string{"Authorization", "Bearer " + p.opts.Token}
	got, err := p.door.ask(ctx, question{fields: [][2]string{credential}})
	if err != nil {
		return fmt.Errorf("%+q cannot be asked with the token: %s", p.opts.URL, cause(err))
	}
	p.report.Asked++
	if got.status == http.StatusUnauthorized {
		return fmt.Errorf("the token is refused: give one of a live session, of an app that may enter here")
	}
	if p.report.IsCheck {
		p.judgeYes(got, openid)
	} else if !through(got) {
		p.note("with the token, the page is answered %d", got.status)
	}
	if p.opts.Echo == "" {
		p.note("without --echo: what of a client's headers and of the credential reaches the backend was not tried")
	} else if err := p.askEcho(ctx, openid, credential); err != nil {
		return err
	}
	if p.opts.Logout == "" {
		p.note("without --logout: whether an answer of before outlives a logout was not tried")
		return nil
	}
	return p.askAfterLogout(ctx, credential)
}

// openIDOf reads a token's openid.
func openIDOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Sub string `json:"sub"`
	}
	return claims.Sub, err == nil && json.Unmarshal(payload, &claims) == nil && claims.Sub != ""
}

// judgeYes judges the answer of a check to a live token.
func (p *prober) judgeYes(got answer, openid string) {
	if got.status != http.StatusOK {
		p.note("with the token, the check answers %d", got.status)
		return
	}
	dialects := [][]string{
		{"X-Wechat-Openid", "X-Wechat-Appid", "X-Wechat-Unionid", "X-Wechat-Userinfo", "X-Wechat-Phone"},
		{"X-Wx-Openid", "X-Wx-Appid", "X-Wx-Unionid", "X-Wx-Source"},
	}
	complete := false
	for _, dialect := range dialects {
		missing := slices.ContainsFunc(dialect, func(name string) bool { return len(got.header[name]) != 1 })
		complete = complete || !missing && got.header.Get(dialect[0]) == openid
	}
	if !complete {
		p.find("let nothing between the proxy and wechat_check change its answer: every name must be there, empty ones too",
			"the check's answer lacks identity headers, or tells of another user than the token")
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header["Etag"] != nil || got.header["Last-Modified"] != nil || got.header["Age"] != nil {
		p.find(mendCache, "the check's answer may be kept by a cache")
	}
	if got.header["Set-Cookie"] != nil {
		p.find("let nothing between the proxy and wechat_check change its answer", "the check's answer sets a cookie")
	}
}

// askEcho looks at what reaches the backend, on a page that shows it.
func (p *prober) askEcho(ctx context.Context, openid string, credential [2]string) error {
	echo, err := newAsker(p.opts.Echo, p.opts.Insecure)
	if err != nil {
		return err
	}
	ask := func(q question) (answer, error) {
		p.report.Asked++
		q.fields = append([][2]string{credential}, q.fields...)
		return echo.ask(ctx, q)
	}
	plain := "seen" + strings.ToLower(rand.Text()[:12])
	got, err := ask(question{fields: [][2]string{{"X-Seen", plain}}})
	switch {
	case err != nil:
		return fmt.Errorf("%+q cannot be asked: %s", p.opts.Echo, cause(err))
	case !through(got) || !strings.Contains(got.body, plain):
		return fmt.Errorf("%+q (%d) does not show the headers of its request: --echo takes a page that does", p.opts.Echo, got.status)
	case !strings.Contains(got.body, openid):
		p.find("let the proxy copy the identity headers of the check's answer to the request", "the backend is not told who is calling")
	}
	if parts := strings.Split(p.opts.Token, "."); strings.Contains(got.body, parts[2]) {
		p.find(mendToken, "the credential reaches the backend, and its logs")
	}

	// forged names, some at a time, each with a value of its own
	var fields [][2]string
	shapes := make(map[string]string)
	reached := func(f [2]string) {
		p.report.Findings = append(p.report.Findings, Finding{
			What: fmt.Sprintf("a client's %s reaches the backend", f[0]), Mend: mendIdentity,
			Kind: "a client's header reaches the backend", Which: f[0], Tried: len(names) * len(spellings(names[0])), Shape: shapes[f[0]],
		})
	}
	flush := func() {
		got, err := ask(question{fields: fields})
		if err == nil && got.status == http.StatusBadRequest && len(fields) > 1 { // one of them is too odd for the proxy: one by one
			for _, f := range fields {
				if got, err := ask(question{fields: [][2]string{f}}); err == nil && strings.Contains(got.body, f[1]) {
					reached(f)
				}
			}
		} else if err == nil {
			for _, f := range fields {
				if strings.Contains(got.body, f[1]) {
					reached(f)
				}
			}
		}
		fields = nil
	}
	for _, name := range names {
		for i, spelling := range spellings(name) {
			shapes[spelling] = spellings(names[0])[i]
			mark := "forged" + strings.ToLower(rand.Text()[:10])
			if fields = append(fields, [2]string{spelling, mark}); len(fields) == 10 {
				flush()
			}
		}
	}
	flush()

	told := strings.Contains(got.body, openid)
	for _, connection := range []string{"close, X-WeChat-OpenID", "X-WX-OPENID, X-WeChat-OpenID, X-WeChat-AppID, close"} {
		got, err := ask(question{fields: [][2]string{{"Connection", connection}}})
		if err == nil && through(got) && told && !strings.Contains(got.body, openid) {
			p.report.Findings = append(p.report.Findings, Finding{
				What: fmt.Sprintf("with  Connection: %s  a client takes away who is calling: the backend takes it for nobody", connection), Mend: mendHops,
				Kind: "a client takes away who is calling, and the backend takes it for nobody", Which: "Connection: " + connection, Tried: 2,
			})
		}
	}
	mark := "forged" + strings.ToLower(rand.Text()[:10])
	got, err = ask(question{
		method: http.MethodPost, body: "x", fields: [][2]string{{"Trailer", "X-WeChat-OpenID"}}, trailer: [][2]string{{"X-WeChat-OpenID", mark}},
	})
	if err == nil && strings.Contains(got.body, mark) {
		p.find(mendTrailers, "a client's X-WeChat-OpenID behind the body, in a trailer, reaches the backend")
	}
	return nil
}

// askAfterLogout ends the session and asks again: what let it in a moment ago must not.
func (p *prober) askAfterLogout(ctx context.Context, credential [2]string) error {
	logout, err := newAsker(p.opts.Logout, p.opts.Insecure)
	if err != nil {
		return err
	}
	for range 3 { // so that it is in whatever cache there is
		if _, err := p.door.ask(ctx, question{fields: [][2]string{credential}}); err != nil {
			return fmt.Errorf("%+q cannot be asked: %s", p.opts.URL, cause(err))
		}
		p.report.Asked++
	}
	got, err := logout.ask(ctx, question{method: http.MethodPost, fields: [][2]string{credential}})
	p.report.Asked++
	if err != nil || got.status != http.StatusNoContent {
		return fmt.Errorf("%+q does not log out (%d): it is the gateway's  <prefix>/logout", p.opts.Logout, got.status)
	}
	ended := time.Now()
	got, err = p.door.ask(ctx, question{fields: [][2]string{credential}})
	p.report.Asked++
	if err == nil && through(got) && !(p.optional && got.header.Get("X-Wechat-Openid") == "") {
		p.find(mendCache, "%v after the logout the session still gets in, by an answer that somebody kept", time.Since(ended).Round(time.Millisecond))
	}
	return nil
}
