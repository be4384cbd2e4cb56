// api_test.go: the calls of an app's own access_token: tickets, messages, checks, codes to scan, files.

package wechattest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// appCall is a call in order, and who may make it.
type appCall struct {
	method, path   string
	query          url.Values
	body           string
	mini, official bool
}

var appCalls = []appCall{
	{"GET", wechattest.PathGetTicket, url.Values{"type": {"jsapi"}}, "", false, true},
	{"GET", wechattest.PathDomainIP, nil, "", true, true},
	{"POST", wechattest.PathSubscribeSend, nil, `{"touser":"` + alice + `","template_id":"t","data":{"thing1":{"value":"x"}}}`, true, false},
	{"POST", wechattest.PathCustomSend, nil, `{"touser":"` + alice + `","msgtype":"text","text":{"content":"x"}}`, true, true},
	{"POST", wechattest.PathMsgSecCheck, nil, `{"content":"x","version":2,"scene":1,"openid":"` + alice + `"}`, true, false},
	{"POST", wechattest.PathWxaCode, nil, `{"scene":"a=1"}`, true, false},
}

func withToken(q url.Values, token string) url.Values {
	out := url.Values{"access_token": {token}}
	for name, values := range q {
		out[name] = values
	}
	return out
}

// Each call looks at its token as WeChat does, refuses apps of another kind, and can be ordered to fail.
func TestAppCallsWantTheAppsToken(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	mini, account := text(t, w.stable(appA, secretA, ""), "access_token"), text(t, w.stable(official, secretO, ""), "access_token")
	dead := text(t, w.plain(appA, secretA), "access_token")
	w.plain(appA, secretA)
	w.clock.advance(5 * time.Minute)
	for _, c := range append(appCalls, appCall{"GET", wechattest.PathMediaGet, nil, "", true, true}, appCall{"POST", wechattest.PathMediaUpload, nil, "", true, true}) {
		t.Run(c.path, func(t *testing.T) {
			ask := func(token string) map[string]any { return w.ask(c.method, c.path, withToken(c.query, token), c.body) }
			wantErr(t, ask(""), 41001)
			wantErr(t, ask("x"), 40014)
			wantErr(t, ask(dead), 40001)
			other := map[string]string{"GET": "POST", "POST": "GET"}[c.method]
			wantErr(t, w.ask(other, c.path, withToken(c.query, mini), c.body), map[string]int{"GET": 43001, "POST": 43002}[c.method])
			for token, may := range map[string]bool{mini: c.mini, account: c.official} {
				if !may {
					wantErr(t, ask(token), 48001)
				} else if response, body := w.do(c.method, c.path, withToken(c.query, token), c.body); response.StatusCode != 200 || strings.Contains(body, `"errcode":48001`) {
					t.Errorf("%d %s", response.StatusCode, body)
				}
			}
			if c.method == "POST" && c.path != wechattest.PathMediaUpload {
				wantErr(t, w.ask("POST", c.path, withToken(nil, mini), "{"), 47001)
			}
			w.phone("/sim/fault", `{"path":"`+c.path+`","errcode":45009}`, 204)
			wantErr(t, ask(mini), 45009)
		})
	}
	w.clock.advance(2 * time.Hour)
	for _, c := range appCalls {
		wantErr(t, w.ask(c.method, c.path, withToken(c.query, mini), c.body), 42001)
	}
}

func TestTickets(t *testing.T) {
	w := newKinds(t, wechattest.Options{Quotas: wechattest.Quotas{TicketPerDay: 6}})
	if w.JSAPITicket(official) != "" {
		t.Fatal("a ticket before anybody asked")
	}
	get := func(kind string) map[string]any {
		token := text(t, w.stable(official, secretO, ""), "access_token")
		return w.ask("GET", wechattest.PathGetTicket, url.Values{"access_token": {token}, "type": {kind}}, "")
	}
	first := get("jsapi")
	if len(text(t, first, "ticket")) != 86 || first["expires_in"] != float64(7200) || first["errcode"] != float64(0) || w.JSAPITicket(official) != first["ticket"] {
		t.Fatalf("%v; JSAPITicket %q", first, w.JSAPITicket(official))
	}
	if card := get("wx_card"); card["ticket"] == first["ticket"] {
		t.Fatal("one ticket for both types")
	}
	w.clock.advance(115*time.Minute - time.Second)
	if again := get("jsapi"); again["ticket"] != first["ticket"] || again["expires_in"] != float64(301) {
		t.Fatalf("%v", again)
	}
	w.clock.advance(time.Second)
	if renewed := get("jsapi"); renewed["ticket"] == first["ticket"] || renewed["expires_in"] != float64(7200) {
		t.Fatalf("%v", renewed)
	}
	wantErr(t, get("x"), 40097)
	get("jsapi")
	get("jsapi")
	wantErr(t, get("jsapi"), 45009)
}

func TestAppCallArguments(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	risky := "x 特3456书yuuo莞6543李zxcz蒜7782法fgnv级 y"
	for _, test := range []struct {
		path, body string
		errcode    int
	}{
		{wechattest.PathSubscribeSend, `{"template_id":"t","data":{"a":{"value":"x"}}}`, 40003},
		{wechattest.PathSubscribeSend, `{"touser":"` + alice + `","data":{"a":{"value":"x"}}}`, 40037},
		{wechattest.PathSubscribeSend, `{"touser":"` + alice + `","template_id":"t"}`, 47003},
		{wechattest.PathSubscribeSend, `{"touser":"` + alice + `","template_id":"t","data":{"a":{"value":""}}}`, 47003},
		{wechattest.PathSubscribeSend, `{"touser":"` + alice + `","template_id":"t","data":{"a":{"value":7}}}`, 0},
		{wechattest.PathCustomSend, `{"msgtype":"text"}`, 40003},
		{wechattest.PathCustomSend, `{"touser":"` + alice + `"}`, 40008},
		{wechattest.PathMsgSecCheck, `{"content":""}`, 44004},
		{wechattest.PathMsgSecCheck, `{"content":"x"}`, 0},
		{wechattest.PathMsgSecCheck, `{"content":"` + risky + `"}`, 87014},
		{wechattest.PathMsgSecCheck, `{"content":"x","version":2,"scene":1}`, 40003},
		{wechattest.PathMsgSecCheck, `{"content":"x","version":2,"scene":5,"openid":"` + alice + `"}`, 40097},
		{wechattest.PathWxaCode, `{}`, 40129},
		{wechattest.PathWxaCode, `{"scene":"a b"}`, 40129},
		{wechattest.PathWxaCode, `{"scene":"` + strings.Repeat("x", 33) + `"}`, 40129},
		{wechattest.PathWxaCode, `{"scene":"x","page":"/pages/index"}`, 41030},
		{wechattest.PathWxaCode, `{"scene":"x","env_version":"beta"}`, 40097},
		{wechattest.PathWxaCode, `{"scene":"x","width":279}`, 40097},
	} {
		got := w.ask("POST", test.path, url.Values{"access_token": {token}}, test.body)
		if test.errcode != 0 {
			if got["errcode"] != float64(test.errcode) {
				t.Errorf("%s %s: %v; want %d", test.path, test.body, got, test.errcode)
			}
		} else if got["errcode"] != float64(0) {
			t.Errorf("%s %s: %v", test.path, test.body, got)
		}
	}
	verdict := w.ask("POST", wechattest.PathMsgSecCheck, url.Values{"access_token": {token}}, `{"content":"`+risky+`","version":2,"scene":1,"openid":"`+alice+`"}`)
	if result, _ := verdict["result"].(map[string]any); verdict["errcode"] != float64(0) || result["suggest"] != "risky" || result["label"] != float64(20001) {
		t.Errorf("risky: %v", verdict)
	}
	// A message's number is beyond what a float holds; it must arrive in every digit.
	_, raw := w.do("POST", wechattest.PathSubscribeSend, url.Values{"access_token": {token}}, appCalls[2].body)
	var sent struct {
		MsgID json.Number `json:"msgid"`
	}
	if err := json.Unmarshal([]byte(raw), &sent); err != nil || len(sent.MsgID) != 19 {
		t.Errorf("%s: %v", raw, err)
	}
}

func TestWxaCodeIsAPicture(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	draw := func(body string) string {
		want := "image/jpeg"
		if strings.Contains(body, "is_hyaline") {
			want = "image/png"
		}
		response, picture := w.do("POST", wechattest.PathWxaCode, url.Values{"access_token": {token}}, body)
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != want {
			t.Fatalf("%d %s", response.StatusCode, response.Header.Get("Content-Type"))
		}
		return picture
	}
	one := draw(`{"scene":"a=1","width":280,"is_hyaline":true}`)
	decoded, err := png.Decode(strings.NewReader(one))
	if err != nil || decoded.Bounds().Dx() != 280 || decoded.Bounds().Dy() != 280 {
		t.Fatalf("%v", err)
	}
	dark := 0
	for x := range 280 {
		for y := range 280 {
			if decoded.At(x, y) == color.Black || color.GrayModel.Convert(decoded.At(x, y)) == (color.Gray{}) {
				dark++
			}
		}
	}
	if _, err := jpeg.Decode(strings.NewReader(draw(`{"scene":"a=1","width":280}`))); err != nil {
		t.Error(err)
	}
	if dark < 280*280/5 || dark > 280*280*3/5 {
		t.Errorf("%d of %d dots are dark", dark, 280*280)
	}
	if draw(`{"scene":"a=1","width":280,"is_hyaline":true}`) != one || draw(`{"scene":"a=2","width":280,"is_hyaline":true}`) == one {
		t.Error("the picture is not that of the scene")
	}
}

func upload(t *testing.T, field, name string, content []byte) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	form.Close()
	return form.FormDataContentType(), b.String()
}

func TestMedia(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	put := func(kind, contentType, body string) map[string]any {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+wechattest.PathMediaUpload+"?"+url.Values{"access_token": {token}, "type": {kind}}.Encode(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return object(t, string(b))
	}
	get := func(token, id string) (*http.Response, string) {
		return w.do("GET", wechattest.PathMediaGet, url.Values{"access_token": {token}, "media_id": {id}}, "")
	}
	content := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{0, 255}, 1000)...)
	kind, form := upload(t, "media", `../图 "1".png`, content)
	got := put("image", kind, form)
	if got["type"] != "image" || got["created_at"] != float64(w.clock.Now().Unix()) {
		t.Fatalf("%v", got)
	}
	id := text(t, got, "media_id")
	response, back := get(token, id)
	if back != string(content) || response.Header.Get("Content-Type") != "image/png" || !strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment; filename") {
		t.Fatalf("%d bytes, %v", len(back), response.Header)
	}
	_, back = get(text(t, w.stable(official, secretO, ""), "access_token"), id)
	wantErr(t, object(t, back), 40007)
	_, back = get(token, "x")
	wantErr(t, object(t, back), 40007)

	wantErr(t, put("file", kind, form), 40004)
	wantErr(t, put("image", kind, form[:len(form)/2]), 41005)
	wantErr(t, put("image", kind, form[:len(form)-len("--\r\n")]), 41005) // its end alone is missing
	wantErr(t, put("image", "application/json", form), 41005)
	wantErr(t, put("image", "", form), 41005)
	otherKind, otherForm := upload(t, "file", "a.png", content)
	wantErr(t, put("image", otherKind, otherForm), 41005)
	emptyKind, emptyForm := upload(t, "media", "a.png", nil)
	wantErr(t, put("image", emptyKind, emptyForm), 44001)
	thumbKind, thumb := upload(t, "media", "a.png", make([]byte, 64<<10+1))
	wantErr(t, put("thumb", thumbKind, thumb), 45001)
	bigKind, big := upload(t, "media", "a.png", make([]byte, 10<<20))
	wantOK(t, put("image", bigKind, big)) // taken, and not kept

	w.clock.advance(72 * time.Hour)
	_, back = get(text(t, w.stable(appA, secretA, ""), "access_token"), id)
	wantErr(t, object(t, back), 40007)
}

// A message that reached WeChat counts, though its answer was lost; one that was refused does not.
func TestReceived(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	token := url.Values{"access_token": {text(t, w.stable(appA, secretA, ""), "access_token")}}
	message := func(i int) string {
		return fmt.Sprintf(`{"touser":"%s","template_id":"t","data":{"thing1":{"value":"message %d"}}}`, alice, i)
	}
	path := wechattest.PathSubscribeSend
	for i := range 3 {
		wantOK(t, w.ask("POST", path, token, message(i)))
	}
	wantErr(t, w.ask("POST", path, url.Values{"access_token": {"x"}}, message(3)), 40014)
	w.phone("/sim/fault", `{"path":"`+path+`","errcode":43101}`, 204)
	wantErr(t, w.ask("POST", path, token, message(4)), 43101)
	w.phone("/sim/fault", `{"path":"`+path+`","errcode":-1}`, 204)
	wantErr(t, w.ask("POST", path, token, message(5)), -1)
	w.phone("/sim/fault", `{"path":"`+path+`","drop":true}`, 204)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := client.Post(w.url+path+"?"+token.Encode(), "application/json", strings.NewReader(message(6))); !errors.Is(err, io.EOF) {
		t.Fatalf("%v; want a lost connection", err)
	}
	wantOK(t, w.ask("POST", path, token, message(0)))

	got, err := w.Received(path)
	if want := (wechattest.Received{Count: 6, Repeated: 1}); got != want || err != nil {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
	response, body := w.do("GET", "/sim/received", url.Values{"path": {path}}, "")
	if response.StatusCode != 200 || body != `{"count":6,"repeated":1}` {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	// Where a repeat does nothing, it is none.
	if tokens, _ := w.Received(wechattest.PathStableToken); tokens != (wechattest.Received{Count: 1}) {
		t.Fatalf("%+v", tokens)
	}
	if none, err := w.Received(wechattest.PathCustomSend); err != nil || none != (wechattest.Received{}) {
		t.Fatalf("%+v, %v", none, err)
	}
	if _, err := w.Received("/none"); err == nil {
		t.Fatal("a path that is none of WeChat's")
	}
	if response, _ := w.do("GET", "/sim/received", nil, ""); response.StatusCode != 400 {
		t.Fatalf("without a path: %d", response.StatusCode)
	}
	if response, _ := w.do("POST", "/sim/received", nil, ""); response.StatusCode != 405 || response.Header.Get("Allow") != "GET" {
		t.Fatalf("POST: %d", response.StatusCode)
	}
	w.ResetCalls()
	if got, _ := w.Received(path); got != (wechattest.Received{}) {
		t.Fatalf("after ResetCalls: %+v", got)
	}
}
