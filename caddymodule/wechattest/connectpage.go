// connectpage.go: the pages below /connect/ as HTML: Chinese and English, for a phone, without script or foreign resource.

package wechattest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed connect.css
var connectStyle string

//go:embed connect.html
var connectText string

// connectTemplates has the template pick and the template problem.
var connectTemplates = template.Must(template.New("connect").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(connectStyle) },
}).Parse(connectText))

// connectHeader lets the pages load nothing but their own style. There is no form-action in it: browsers hold the
// redirect behind a form against that, too. The referrer is kept on the pages' own forms, whose Origin would else be
// "null", which the simulator does not answer.
func connectHeader() http.Header {
	sum := sha256.Sum256([]byte(connectStyle))
	return http.Header{
		"Cache-Control":          {"no-store"},
		"Referrer-Policy":        {"same-origin"},
		"X-Content-Type-Options": {"nosniff"},
		"Content-Security-Policy": {"default-src 'none'; img-src data:; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'"},
	}
}

// madeUp are the people on the page. They are made up, and known to nobody before they log in.
var madeUp = []madeUpPerson{
	{"oSimXiaoming0000000000000000", "小明 Xiaoming"},
	{"oSimLijing000000000000000000", "李静 Li Jing"},
	{"oSimAlex00000000000000000000", "Alex"},
}

type madeUpPerson struct{ OpenID, Name string }

// nicknameOf is that of a made-up person, and everybody else's is WeChat's stand-in for a name.
func nicknameOf(openid string) string {
	for _, p := range madeUp {
		if p.OpenID == openid {
			return p.Name
		}
	}
	return anonymous.NickName
}

// pickView is what the page to pick on shows.
type pickView struct {
	QR       bool // a QR code on a website, not a page inside WeChat
	UserInfo bool // scope snsapi_userinfo, for which WeChat asks the user
	Warn     bool // of a missing #wechat_redirect, which the style sees and the server cannot
	AppID    string
	Site     string
	People   []madeUpPerson
	Last     string // picked last in this browser, if not one of People
	Bad      string // what was given for an openid and does not look like one
}

func pickPage(r request, page loginPage, link loginLink, bad string) answer {
	view := pickView{QR: page.kind == KindWebsite, UserInfo: link.scope == scopeUserInfo, AppID: link.appid,
		Warn: r.method == http.MethodGet && r.query.Get("login_type") == "",
		Site: link.target.Scheme + "://" + link.target.Host, People: madeUp, Bad: bad}
	if last := r.lastPicked(); last != "" && nicknameOf(last) == anonymous.NickName {
		view.Last = last
	}
	a := htmlPage("pick", view)
	if bad != "" {
		a.status = http.StatusBadRequest
	}
	return a
}

// answer is HTTP 200, as all of WeChat's refusals are.
func (p linkProblem) answer() answer {
	a := htmlPage("problem", struct {
		Code              int
		Parameter, ZH, EN string
	}{p.errcode, p.parameter, p.zh, p.en})
	a.errcode = p.errcode
	return a
}

func htmlPage(name string, view any) answer {
	var b bytes.Buffer
	if err := connectTemplates.ExecuteTemplate(&b, name, view); err != nil {
		panic("wechattest: a page cannot be made: " + err.Error())
	}
	return answer{status: http.StatusOK, contentType: "text/html; charset=utf-8", header: connectHeader(), body: b.Bytes()}
}
