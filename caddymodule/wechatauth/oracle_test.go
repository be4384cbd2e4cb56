// oracle_test.go: whatever is wrong with open data, the answer is the same and
// the tries are few (C14, C15, H3, H6 of the threat list).

package wechatauth_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// crypt seals blocks as they are, padded well or badly, with alice's session key.
func crypt(t *testing.T, gw *gatewaytest.Gateway, iv, blocks []byte) gatewaytest.Members {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(blocks)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return gatewaytest.Members{"encryptedData": base64.StdEncoding.EncodeToString(out), "iv": base64.StdEncoding.EncodeToString(iv)}
}

// padded is a text of whole blocks, with a padding of the test's making.
func padded(text string, padding ...byte) []byte {
	n := 16 - (len(text)+len(padding))%16
	return append([]byte(text+strings.Repeat(" ", n%16)), padding...)
}

// bend changes a byte of a base64 text's bytes.
func bend(m gatewaytest.Members, name string, at int, mask byte) gatewaytest.Members {
	b, err := base64.StdEncoding.DecodeString(m[name].(string))
	if err != nil {
		panic("not base64")
	}
	b[(at+len(b))%len(b)] ^= mask
	m[name] = base64.StdEncoding.EncodeToString(b)
	return m
}

// spoiled are pieces of open data that must not open, each for its own reason.
func spoiled(t *testing.T, gw *gatewaytest.Gateway) map[string]gatewaytest.Members {
	now := time.Now()
	iv := []byte("0123456789abcdef")
	mark := func(appid string, when time.Time) string {
		return fmt.Sprintf(`"watermark":{"timestamp":%d,"appid":%q}`, when.Unix(), appid)
	}
	good := func() gatewaytest.Members {
		return gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("x", now))
	}
	seal := func(text string) gatewaytest.Members { return gatewaytest.Sealed(t, gw, gatewaytest.Alice, text) }
	with := func(m gatewaytest.Members, name, value string) gatewaytest.Members { m[name] = value; return m }
	text := gatewaytest.Marked("x", now)
	// C14: the text of the first block is the client's to edit, through the iv
	forged := gatewaytest.Sealed(t, gw, gatewaytest.Alice, fmt.Sprintf(`{"openId":%q,%s}`, gatewaytest.Alice, mark(gatewaytest.AppA, now)))
	for i := range 5 { // oAlic becomes oEve0
		bend(forged, "iv", 11+i, gatewaytest.Alice[i]^gatewaytest.Eve[i])
	}
	return map[string]gatewaytest.Members{
		"padding 0":               crypt(t, gw, iv, padded(text, 0)),
		"padding 17":              crypt(t, gw, iv, padded(text, bytes.Repeat([]byte{17}, 17)...)),
		"padding 255":             crypt(t, gw, iv, padded(text, 255)),
		"padding not all alike":   crypt(t, gw, iv, padded(text, 3, 2, 3)),
		"padding alone":           crypt(t, gw, iv, bytes.Repeat([]byte{16}, 16)),
		"last byte bent":          bend(good(), "encryptedData", -1, 1),
		"block before bent":       bend(good(), "encryptedData", -17, 1),
		"first byte bent":         bend(good(), "encryptedData", 0, 1),
		"iv bent":                 bend(good(), "iv", 0, 1),
		"another iv":              with(good(), "iv", base64.StdEncoding.EncodeToString(iv)),
		"iv of 8 bytes":           with(good(), "iv", "AAAAAAAAAAA="),
		"iv of 15 bytes":          with(good(), "iv", "AAAAAAAAAAAAAAAAAAAA"),
		"iv of 17 bytes":          with(good(), "iv", "AAAAAAAAAAAAAAAAAAAAAAA="),
		"iv not base64":           with(good(), "iv", "!!!!!!!!!!!!!!!!!!!!!!=="),
		"half a block":            with(good(), "encryptedData", "AAAAAAAAAAA="),
		"a byte":                  with(good(), "encryptedData", "AA=="),
		"a block and a byte":      with(good(), "encryptedData", base64.StdEncoding.EncodeToString(make([]byte, 17))),
		"zeros":                   with(good(), "encryptedData", base64.StdEncoding.EncodeToString(make([]byte, 160))),
		"not base64":              with(good(), "encryptedData", "*"),
		"beyond 8 KiB":            seal(gatewaytest.Marked(strings.Repeat("x", 9000), now)),
		"not JSON":                seal("hello"),
		"not UTF-8":               seal("{\"x\":\"\xff\"," + mark(gatewaytest.AppA, now) + "}"),
		"an array":                seal("[" + text + "]"),
		"two documents":           seal(text + text),
		"a member twice":          seal(`{"a":1,"a":2,` + mark(gatewaytest.AppA, now) + `}`),
		"no watermark":            seal(`{"text":"x"}`),
		"watermark a text":        seal(`{"watermark":"x"}`),
		"watermark twice":         seal(`{` + mark(gatewaytest.AppB, now) + `,` + mark(gatewaytest.AppA, now) + `}`),
		"watermark deeper":        seal(`{"x":{` + mark(gatewaytest.AppA, now) + `}}`),
		"watermark without time":  seal(`{"watermark":{"appid":"` + gatewaytest.AppA + `"}}`),
		"time a text":             seal(fmt.Sprintf(`{"watermark":{"timestamp":"%d","appid":%q}}`, now.Unix(), gatewaytest.AppA)),
		"of another app":          seal(`{"text":"x",` + mark(gatewaytest.AppB, now) + `}`),
		"app in capitals":         seal(`{"text":"x",` + mark(strings.ToUpper(gatewaytest.AppA), now) + `}`),
		"too old":                 seal(gatewaytest.Marked("x", now.Add(-time.Hour))),
		"of the future":           seal(gatewaytest.Marked("x", now.Add(time.Hour))),
		"openId of eve":           seal(fmt.Sprintf(`{"openId":%q,%s}`, gatewaytest.Eve, mark(gatewaytest.AppA, now))),
		"openId empty":            seal(fmt.Sprintf(`{"openId":"",%s}`, mark(gatewaytest.AppA, now))),
		"openId a number":         seal(fmt.Sprintf(`{"openId":1,%s}`, mark(gatewaytest.AppA, now))),
		"openId bent by the iv":   forged,
		"unionId of another":      seal(fmt.Sprintf(`{"openId":%q,"unionId":"oSomebodyElse",%s}`, gatewaytest.Alice, mark(gatewaytest.AppA, now))),
		"sealed with eve's key":   gatewaytest.Sealed(t, gw, gatewaytest.Eve, text),
		"of eve, with eve's key":  gatewaytest.Sealed(t, gw, gatewaytest.Eve, fmt.Sprintf(`{"openId":%q,%s}`, gatewaytest.Eve, mark(gatewaytest.AppA, now))),
		"encrypted twice, halved": with(good(), "encryptedData", good()["encryptedData"].(string)[24:]),
	}
}

// A client that could tell a bad padding from bad JSON could decrypt, and by and
// by encrypt, under a key it never sees. All causes give the same bytes, whatever
// endpoint is asked; and each of them counts: after ten the right data is
// refused as well, with the same bytes.
func TestFailuresLookAlike(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "sessions_per_user 1000\n"}) // the session key stays the same
	gatewaytest.Login(t, gw, gatewaytest.Eve)
	gatewaytest.Login(t, gw, gatewaytest.Alice)
	var want gatewaytest.Reply
	same := func(what string, got gatewaytest.Reply) {
		t.Helper()
		got.Header.Del("Date")
		if want.Body == "" {
			gatewaytest.RequireProblem(t, got, 400, "invalid_data")
			want = got
		}
		if got.Status != want.Status || got.Body != want.Body || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
			t.Errorf("%s: %d %v %s; want %d %v %s", what, got.Status, got.Header, got.Body, want.Status, want.Header, want.Body)
		}
	}
	kinds := spoiled(t, gw)
	for name, body := range kinds {
		t.Run(name, func(t *testing.T) {
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			endpoints := []string{"opendata", "userinfo", "phone"}
			for i := range 9 {
				same(name, gw.H1.Do(t, gatewaytest.Post("/wechat/"+endpoints[i%3], token, body)))
			}
			// nine failures are none too many: a success, and the count begins anew
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("good", time.Now())))), 200)
			for i := range 10 {
				same(name, gw.H1.Do(t, gatewaytest.Post("/wechat/"+endpoints[i%3], token, body)))
			}
			same("right data after ten times "+name, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("good", time.Now())))))
			if !gatewaytest.Alive(t, gw, token) {
				t.Error("the session ended")
			}
		})
	}
	// a piece that was accepted is a failure the second time
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	good := gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("good", time.Now()))
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, good)), 200)
	for range 10 {
		same("a replay", gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, good)))
	}
	same("right data after ten replays", gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("good", time.Now())))))
	// in another session of the user, it is news
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", gatewaytest.Login(t, gw, gatewaytest.Alice), good)), 200)
	if len(kinds) < 40 {
		t.Errorf("only %d kinds of failure", len(kinds))
	}
}

// A session that is out of tries stays so over every endpoint, reload and time;
// the other sessions of the user go on, and a new login has tries again.
func TestOutOfTries(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token, other := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
	good := func() gatewaytest.Members {
		return gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("good", time.Now()))
	}
	bad := gatewaytest.Members{"encryptedData": "AAAAAAAAAAAAAAAAAAAAAA==", "iv": "AAAAAAAAAAAAAAAAAAAAAA=="}
	for range 10 {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, bad)), 400, "invalid_data")
	}
	refused := func() {
		t.Helper()
		info := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, good())), 400, "invalid_data")
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, info)), 400, "invalid_data")
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.Members{"rawData": info.RawData, "signature": info.Signature})), 400, "invalid_data")
		phone, err := gw.Sim.Phone(gatewaytest.AppA, gatewaytest.Alice)
		if err != nil {
			t.Fatal(err)
		}
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"encryptedData": phone.EncryptedData, "iv": phone.IV})), 400, "invalid_data")
	}
	refused()
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "data_max_age 1h\n"})
	refused()
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/api", Token: token}), 200)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", other, good())), 200)

	x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
	x.Token = token
	got := gw.H1.Do(t, x)
	gatewaytest.RequireStatus(t, got, 200)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", gatewaytest.JSON(t, got)["token"].(string), good())), 200)
}

// A signature that verifies begins the count anew, once: whoever could show the same
// one again and again would have any number of tries.
func TestASignatureBeginsTheCountOnce(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
	info := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)
	signed := gatewaytest.Members{"rawData": info.RawData, "signature": info.Signature}
	got := gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", gatewaytest.Members{"code": code, "rawData": info.RawData, "signature": info.Signature}))
	gatewaytest.RequireStatus(t, got, 200)
	token := gatewaytest.JSON(t, got)["token"].(string)
	bad := gatewaytest.Members{"encryptedData": "AAAAAAAAAAAAAAAAAAAAAA==", "iv": "AAAAAAAAAAAAAAAAAAAAAA=="}
	fail := func(n int) {
		t.Helper()
		for range n {
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, bad)), 400, "invalid_data")
		}
	}
	fail(9)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, signed)), 200)
	fail(9)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, signed)), 200)
	fail(1) // the tenth
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, signed)), 400, "invalid_data")
}

// Fifty tries at once must not have more than ten between them. What was
// tried shows in the metrics: each try reads the user's keys, once.
func TestParallelTries(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	reads := func() int {
		t.Helper()
		n := 0
		for line := range strings.Lines(gw.Ask(t, "GET", "/metrics").Body) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(name, "caddy_wechat_store_duration_seconds_count{") && strings.Contains(name, `op="value"`) {
				m, err := strconv.Atoi(value)
				if err != nil {
					t.Fatal(err)
				}
				n += m
			}
		}
		return n
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("x", time.Now())))), 200)
	before := reads()
	if before == 0 {
		t.Fatal("the metrics do not show a try")
	}
	gw.Warm(t)
	var seen gatewaytest.Outcomes
	gatewaytest.Parallel(50, func(i int) {
		block := make([]byte, 16)
		block[0] = byte(i)
		seen.Add(gw.Clients()[i%4].Try(gatewaytest.Post("/wechat/opendata", token, gatewaytest.Members{"encryptedData": base64.StdEncoding.EncodeToString(block), "iv": "AAAAAAAAAAAAAAAAAAAAAA=="})))
	})
	seen.Require(t, map[string]int{strconv.Itoa(http.StatusBadRequest) + " invalid_data": 50})
	if n := reads() - before; n != 10 {
		t.Errorf("%d tries; want 10", n)
	}
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("x", time.Now())))), 400, "invalid_data")
}
