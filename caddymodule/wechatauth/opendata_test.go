// opendata_test.go: open data through the running gateway: the published vectors,
// data as real clients mangle it, and data of another time, user, app or key.

package wechatauth_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
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
func startFor(t *testing.T, app string) *gatewaytest.Gateway {
	t.Helper()
	sim := gatewaytest.FreshKeys()
	sim.Apps = map[string]string{gatewaytest.AppA: gatewaytest.SecretA, app: "the secret of the vectors"}
	return gatewaytest.Start(t, gatewaytest.Setup{
		Wechat: gatewaytest.InMemory + anyAge + "app " + app + " \"the secret of the vectors\"\n", Auth: "wechat_auth {\n app *\n}", Sim: sim,
	})
}

// loginKeyed logs a user in whose session key at WeChat is a given one.
func loginKeyed(t *testing.T, gw *gatewaytest.Gateway, app, openid, key string) gatewaytest.Reply {
	t.Helper()
	// in this order: the login may replace the key, and its exchange delivers it
	x := gatewaytest.LoginCall(gw, app, openid)
	gw.Sim.SetSessionKey(app, openid, key)
	gw.Sim.SetUnionID(app, openid, "")
	return gw.H1.Do(t, x)
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
				gatewaytest.RequireProblem(t, logged, 502, "wechat_error") // no such key comes from WeChat
				return
			}
			gatewaytest.RequireStatus(t, logged, 200)
			token := gatewaytest.JSON(t, logged)["token"].(string)
			data := gatewaytest.Members{"encryptedData": v.EncryptedData, "iv": v.IV}
			if v.EncryptedData == "" {
				gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, data)), 400, "invalid_request")
				return
			}
			got := gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, data))
			if !strings.HasPrefix(v.Expect, "ok") {
				gatewaytest.RequireProblem(t, got, 400, "invalid_data")
				return
			}
			gatewaytest.RequireStatus(t, got, 200)
			if want := v.Plaintext[:strings.LastIndex(v.Plaintext, `,"watermark"`)] + "}"; got.Body != want {
				t.Errorf("body %s; want %s", got.Body, want)
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", got.Header.Get("Cache-Control"))
			}
			// the same piece a second time is a replay
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, data)), 400, "invalid_data")
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
		body    gatewaytest.Members
		want    string
		unionid any
	}{
		"encrypted": {encrypted.SessionKey, gatewaytest.Members{"encryptedData": encrypted.EncryptedData, "iv": encrypted.IV}, plain, "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"},
		"signed":    {signed.SessionKey, gatewaytest.Members{"rawData": signed.RawData, "signature": signed.Signature}, signed.RawData, nil},
	} {
		t.Run(name, func(t *testing.T) {
			gw := startFor(t, officialApp)
			logged := loginKeyed(t, gw, officialApp, officialUser, test.key)
			gatewaytest.RequireStatus(t, logged, 200)
			token := gatewaytest.JSON(t, logged)["token"].(string)
			got := gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, test.body))
			gatewaytest.RequireStatus(t, got, 200)
			requireSameJSON(t, got.Body, test.want)
			requireUserInfo(t, gw, officialApp, token, test.want, test.unionid)

			// and with a login of its own
			x := gatewaytest.LoginCall(gw, officialApp, officialUser)
			gw.Sim.SetSessionKey(officialApp, officialUser, test.key)
			gw.Sim.SetUnionID(officialApp, officialUser, "")
			body := gatewaytest.JSON(t, gatewaytest.Reply{Body: x.Body})
			for k, v := range test.body {
				body[k] = v
			}
			logged = gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", body))
			gatewaytest.RequireStatus(t, logged, 200)
			m := gatewaytest.JSON(t, logged)
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
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys(), Admin: true})
	good := func() (gatewaytest.Members, string) {
		code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
		info, err := gw.Sim.UserInfo(gatewaytest.AppA, gatewaytest.Alice)
		if err != nil {
			t.Fatal(err)
		}
		return gatewaytest.Members{"code": code, "rawData": info.RawData, "signature": info.Signature, "encryptedData": info.EncryptedData, "iv": info.IV}, code
	}
	for name, spoil := range map[string]func(m gatewaytest.Members){
		"signature":     func(m gatewaytest.Members) { m["signature"] = strings.Repeat("0", 40) },
		"rawData":       func(m gatewaytest.Members) { m["rawData"] = m["rawData"].(string) + " " },
		"iv":            func(m gatewaytest.Members) { m["iv"] = "AAAAAAAAAAAAAAAAAAAAAA==" },
		"encryptedData": func(m gatewaytest.Members) { m["encryptedData"] = m["encryptedData"].(string)[24:] },
		"data of another": func(m gatewaytest.Members) {
			gw.Sim.Login(gatewaytest.AppA, gatewaytest.Eve)
			addTo(m, gatewaytest.UserInfoOf(t, gw, gatewaytest.Eve))
		},
	} {
		body, code := good()
		spoil(body)
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", body)), 400, "invalid_data")
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_grant")
		if n := len(gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Alice)); n != 0 {
			t.Errorf("%s: %d sessions", name, n)
		}
	}
	body, _ := good()
	got := gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", body))
	gatewaytest.RequireStatus(t, got, 200)
	// taken at the login, the piece is not taken again
	token := gatewaytest.JSON(t, got)["token"].(string)
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.Members{"encryptedData": body["encryptedData"], "iv": body["iv"]})), 400, "invalid_data")
}

func addTo(m gatewaytest.Members, info wechattest.UserInfo) {
	m["rawData"], m["signature"], m["encryptedData"], m["iv"] = info.RawData, info.Signature, info.EncryptedData, info.IV
}

// Old SDKs send base64 through forms and files: '+' arrives as a blank, lines are
// broken, the URL's alphabet is used, the padding is lost. It is repaired. What
// is left ambiguous is refused.
func TestMangledBase64(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
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
			body := gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked(strings.Repeat("x", 300), time.Now()))
			for !strings.Contains(body["encryptedData"].(string), "+") || !strings.Contains(body["encryptedData"].(string), "/") {
				body = gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked(strings.Repeat("x", 300), time.Now()))
			}
			body["encryptedData"], body["iv"] = test.mangle(body["encryptedData"].(string)), test.mangle(body["iv"].(string))
			got := gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, body))
			if !test.good {
				gatewaytest.RequireProblem(t, got, 400, "invalid_data")
				return
			}
			gatewaytest.RequireStatus(t, got, 200)
			requireSameJSON(t, got.Body, fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 300)))
		})
	}
}

// The phone logs in a second time, elsewhere, while data is on its way (H4): the
// newest key and the one before it open it, for this user alone; an older one
// and somebody else's do not. Which device asks makes no difference.
func TestKeyOfOtherDevice(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	data := func() gatewaytest.Members {
		return gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("x", time.Now()))
	}
	try := func(token string, body gatewaytest.Members) int {
		return gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, body)).Status
	}
	first := gatewaytest.Login(t, gw, gatewaytest.Alice)
	old, older := data(), data()
	second := gatewaytest.Login(t, gw, gatewaytest.Alice)
	between, last := data(), data()
	if got := []int{try(first, old), try(second, older), try(first, between)}; fmt.Sprint(got) != "[200 200 200]" {
		t.Errorf("after the second login: %v", got)
	}
	gw.Sim.SetSessionKey(gatewaytest.AppA, gatewaytest.Alice, gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice)) // the key before the third
	third := gatewaytest.Login(t, gw, gatewaytest.Alice)
	if got := []int{try(third, old), try(third, last), try(first, data())}; fmt.Sprint(got) != "[400 200 200]" {
		t.Errorf("after the third login: %v", got)
	}
	// eve's key opens nothing for alice, nor the other way round
	eves := gatewaytest.Login(t, gw, gatewaytest.Eve)
	if got := []int{try(eves, data()), try(first, gatewaytest.Sealed(t, gw, gatewaytest.Eve, gatewaytest.Marked("x", time.Now())))}; fmt.Sprint(got) != "[400 400]" {
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
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + option, Sim: gatewaytest.FreshKeys()})
			for age, want := range ages {
				token := gatewaytest.Login(t, gw, gatewaytest.Alice)
				got := gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("x", time.Now().Add(-age)))))
				if got.Status != want {
					t.Errorf("%s old: %d; want %d", age, got.Status, want)
				}
			}
		})
	}
}
