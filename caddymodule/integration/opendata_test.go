// opendata_test.go: open data through the running gateway: the published vectors,
// data as real clients mangle it, and data of another time, user, app or key.

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// vector is one of the published or made examples.
type vector struct {
	Name, Kind, Alg, Expect, AppID, Plaintext, IV string
	SessionKey                                    string `json:"session_key"`
	EncryptedData                                 string `json:"encryptedData"`
	RawData                                       string
	Signature                                     string
}

func vectors(t *testing.T) (list []vector) {
	t.Helper()
	text, err := os.ReadFile("../internal/opendata/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func vectorNamed(t *testing.T, name string) vector {
	t.Helper()
	for _, v := range vectors(t) {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("there is no vector %s", name)
	return vector{}
}

// The user and the app of WeChat's own example.
const (
	officialApp  = "wx4f4bc4dec97d474b"
	officialUser = "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
	anyAge       = "data_max_age 0\n"
)

// startFor runs a gateway that knows another app, too, for data of any age.
func startFor(t *testing.T, app string) *gateway {
	t.Helper()
	sim := freshKeys()
	sim.Apps = map[string]string{appA: secretA, app: "the secret of the vectors"}
	return start(t, setup{
		Wechat: inMemory + anyAge + "app " + app + " \"the secret of the vectors\"\n", Auth: "wechat_auth {\n app *\n}", Sim: sim,
	})
}

// loginKeyed logs a user in whose session key at WeChat is a given one.
func loginKeyed(t *testing.T, gw *gateway, app, openid, key string) reply {
	t.Helper()
	// in this order: the login may replace the key, and its exchange delivers it
	x := loginCall(gw, app, openid)
	gw.sim.SetSessionKey(app, openid, key)
	gw.sim.SetUnionID(app, openid, "")
	return gw.h1.do(t, x)
}

// Every vector of encrypted data that a mini program could send: what must open
// opens to its very bytes, without the watermark, and what must not does not.
func TestVectors(t *testing.T) {
	ran := 0
	for _, v := range vectors(t) {
		if v.Kind != "decrypt" || v.Alg != "AES-128-CBC-PKCS7" {
			continue
		}
		ran++
		t.Run(v.Name, func(t *testing.T) {
			gw := startFor(t, v.AppID)
			openid := officialUser
			if v.Name == "made-userinfo-2022-shape" {
				openid = "oMadeHere0000000000000000000"
			}
			logged := loginKeyed(t, gw, v.AppID, openid, v.SessionKey)
			if v.Name == "made-key-15-bytes" {
				requireProblem(t, logged, 502, "wechat_error") // no such key comes from WeChat
				return
			}
			requireStatus(t, logged, 200)
			token := object(t, logged)["token"].(string)
			data := members{"encryptedData": v.EncryptedData, "iv": v.IV}
			if v.EncryptedData == "" {
				requireProblem(t, gw.h1.do(t, post("/wechat/opendata", token, data)), 400, "invalid_request")
				return
			}
			got := gw.h1.do(t, post("/wechat/opendata", token, data))
			if !strings.HasPrefix(v.Expect, "ok") {
				requireProblem(t, got, 400, "invalid_data")
				return
			}
			requireStatus(t, got, 200)
			if want := v.Plaintext[:strings.LastIndex(v.Plaintext, `,"watermark"`)] + "}"; got.Body != want {
				t.Errorf("body %s; want %s", got.Body, want)
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", got.Header.Get("Cache-Control"))
			}
			// the same piece a second time is a replay
			requireProblem(t, gw.h1.do(t, post("/wechat/opendata", token, data)), 400, "invalid_data")
		})
	}
	if ran != 13 {
		t.Errorf("ran %d vectors; want 13", ran)
	}
}

// WeChat's own examples as user info: the encrypted one and the signed one, at
// /userinfo and together with the login.
func TestOfficialUserInfo(t *testing.T) {
	encrypted, signed := vectorNamed(t, "official-userinfo"), vectorNamed(t, "official-rawdata")
	plain := encrypted.Plaintext[:strings.LastIndex(encrypted.Plaintext, `,"watermark"`)] + "}"
	for name, test := range map[string]struct {
		key     string
		body    members
		want    string
		unionid any
	}{
		"encrypted": {encrypted.SessionKey, members{"encryptedData": encrypted.EncryptedData, "iv": encrypted.IV}, plain, "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"},
		"signed":    {signed.SessionKey, members{"rawData": signed.RawData, "signature": signed.Signature}, signed.RawData, nil},
	} {
		t.Run(name, func(t *testing.T) {
			gw := startFor(t, officialApp)
			logged := loginKeyed(t, gw, officialApp, officialUser, test.key)
			requireStatus(t, logged, 200)
			token := object(t, logged)["token"].(string)
			got := gw.h1.do(t, post("/wechat/userinfo", token, test.body))
			requireStatus(t, got, 200)
			requireSameJSON(t, got.Body, test.want)
			requireUserInfo(t, gw, officialApp, token, test.want, test.unionid)

			// and with a login of its own
			x := loginCall(gw, officialApp, officialUser)
			gw.sim.SetSessionKey(officialApp, officialUser, test.key)
			gw.sim.SetUnionID(officialApp, officialUser, "")
			body := object(t, reply{Body: x.Body})
			for k, v := range test.body {
				body[k] = v
			}
			logged = gw.h1.do(t, post("/wechat/login", "", body))
			requireStatus(t, logged, 200)
			m := object(t, logged)
			if m["unionid"] != test.unionid {
				t.Errorf("unionid %v of the login; want %v", m["unionid"], test.unionid)
			}
			requireUserInfo(t, gw, officialApp, m["token"].(string), test.want, test.unionid)
		})
	}
}

// A login whose data does not verify is none, for the client could not know with
// which half of it he is in. Its code is spent, its session never was.
func TestLoginWithBadData(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Sim: freshKeys(), Admin: true})
	good := func() (members, string) {
		code := gw.sim.Login(appA, alice)
		info, err := gw.sim.UserInfo(appA, alice)
		if err != nil {
			t.Fatal(err)
		}
		return members{"code": code, "rawData": info.RawData, "signature": info.Signature, "encryptedData": info.EncryptedData, "iv": info.IV}, code
	}
	for name, spoil := range map[string]func(m members){
		"signature":       func(m members) { m["signature"] = strings.Repeat("0", 40) },
		"rawData":         func(m members) { m["rawData"] = m["rawData"].(string) + " " },
		"iv":              func(m members) { m["iv"] = "AAAAAAAAAAAAAAAAAAAAAA==" },
		"encryptedData":   func(m members) { m["encryptedData"] = m["encryptedData"].(string)[24:] },
		"data of another": func(m members) { gw.sim.Login(appA, eve); addTo(m, infoOf(t, gw, eve)) },
	} {
		body, code := good()
		spoil(body)
		requireProblem(t, gw.h1.do(t, post("/wechat/login", "", body)), 400, "invalid_data")
		requireProblem(t, gw.h1.do(t, loginWith(code)), 400, "invalid_grant")
		if n := len(gw.listSessions(t, appA, alice)); n != 0 {
			t.Errorf("%s: %d sessions", name, n)
		}
	}
	body, _ := good()
	got := gw.h1.do(t, post("/wechat/login", "", body))
	requireStatus(t, got, 200)
	// taken at the login, the piece is not taken again
	token := object(t, got)["token"].(string)
	requireProblem(t, gw.h1.do(t, post("/wechat/userinfo", token, members{"encryptedData": body["encryptedData"], "iv": body["iv"]})), 400, "invalid_data")
}

// infoOf is what wx.getUserInfo gives on a user's phone now.
func infoOf(t *testing.T, gw *gateway, openid string) wechattest.UserInfo {
	t.Helper()
	info, err := gw.sim.UserInfo(appA, openid)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func addTo(m members, info wechattest.UserInfo) {
	m["rawData"], m["signature"], m["encryptedData"], m["iv"] = info.RawData, info.Signature, info.EncryptedData, info.IV
}

// Old SDKs send base64 through forms and files: '+' arrives as a blank, lines are
// broken, the URL's alphabet is used, the padding is lost. It is repaired. What
// is left ambiguous is refused.
func TestMangledBase64(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Sim: freshKeys()})
	token := login(t, gw, alice)
	lines := func(s string) string {
		var b strings.Builder
		for i, c := range s {
			if i%76 == 75 {
				b.WriteString("\r\n")
			}
			b.WriteRune(c)
		}
		return b.String() + "\n"
	}
	for name, test := range map[string]struct {
		mangle func(string) string
		good   bool
	}{
		"blank for plus":     {func(s string) string { return strings.ReplaceAll(s, "+", " ") }, true},
		"lines":              {lines, true},
		"tabs":               {func(s string) string { return "\t" + s }, true},
		"URL alphabet":       {strings.NewReplacer("+", "-", "/", "_").Replace, true},
		"no padding":         {func(s string) string { return strings.TrimRight(s, "=") }, true},
		"more padding":       {func(s string) string { return s + "=" }, false},
		"percent escapes":    {strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace, false},
		"another character":  {func(s string) string { return "*" + s[1:] }, false},
		"both alphabets":     {func(s string) string { return "+_/-" + s }, false},
		"a NUL":              {func(s string) string { return s + "\x00" }, false},
		"something behind =": {func(s string) string { return s + "AAAA" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			// until each character that may be mangled is in it
			body := sealed(t, gw, alice, marked(strings.Repeat("x", 300), time.Now()))
			for !strings.Contains(body["encryptedData"].(string), "+") || !strings.Contains(body["encryptedData"].(string), "/") {
				body = sealed(t, gw, alice, marked(strings.Repeat("x", 300), time.Now()))
			}
			body["encryptedData"], body["iv"] = test.mangle(body["encryptedData"].(string)), test.mangle(body["iv"].(string))
			got := gw.h1.do(t, post("/wechat/opendata", token, body))
			if !test.good {
				requireProblem(t, got, 400, "invalid_data")
				return
			}
			requireStatus(t, got, 200)
			requireSameJSON(t, got.Body, fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 300)))
		})
	}
}

// The phone logs in a second time, elsewhere, while data is on its way (H4): the
// newest key and the one before it open it, for this user alone; an older one
// and somebody else's do not. Which device asks makes no difference.
func TestKeyOfOtherDevice(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Sim: freshKeys()})
	data := func() members { return sealed(t, gw, alice, marked("x", time.Now())) }
	try := func(token string, body members) int {
		return gw.h1.do(t, post("/wechat/opendata", token, body)).Status
	}
	first := login(t, gw, alice)
	old, older := data(), data()
	second := login(t, gw, alice)
	between, last := data(), data()
	if got := []int{try(first, old), try(second, older), try(first, between)}; fmt.Sprint(got) != "[200 200 200]" {
		t.Errorf("after the second login: %v", got)
	}
	gw.sim.SetSessionKey(appA, alice, gw.sim.SessionKey(appA, alice)) // the key before the third
	third := login(t, gw, alice)
	if got := []int{try(third, old), try(third, last), try(first, data())}; fmt.Sprint(got) != "[400 200 200]" {
		t.Errorf("after the third login: %v", got)
	}
	// eve's key opens nothing for alice, nor the other way round
	eves := login(t, gw, eve)
	if got := []int{try(eves, data()), try(first, sealed(t, gw, eve, marked("x", time.Now())))}; fmt.Sprint(got) != "[400 400]" {
		t.Errorf("with the key of another user: %v", got)
	}
}

// Data is good for data_max_age, and a little ahead for clocks that differ (H3).
func TestWatermarkAge(t *testing.T) {
	for option, ages := range map[string]map[time.Duration]int{
		"":                   {0: 200, 9 * time.Minute: 200, 11 * time.Minute: 400, -4 * time.Minute: 200, -6 * time.Minute: 400, 24 * time.Hour: 400},
		"data_max_age 1h\n":  {59 * time.Minute: 200, 61 * time.Minute: 400, -6 * time.Minute: 400},
		"data_max_age 30s\n": {20 * time.Second: 200, 40 * time.Second: 400, -20 * time.Second: 200, -40 * time.Second: 400},
		anyAge:               {24 * 365 * time.Hour: 200, -24 * time.Hour: 200},
	} {
		t.Run(strings.TrimSpace(option), func(t *testing.T) {
			gw := start(t, setup{Wechat: inMemory + option, Sim: freshKeys()})
			for age, want := range ages {
				token := login(t, gw, alice)
				got := gw.h1.do(t, post("/wechat/opendata", token, sealed(t, gw, alice, marked("x", time.Now().Add(-age)))))
				if got.Status != want {
					t.Errorf("%s old: %d; want %d", age, got.Status, want)
				}
			}
		})
	}
}
