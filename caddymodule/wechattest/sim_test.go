// sim_test.go: the phone's side, the faults, the record and the log.

package wechattest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func (w world) phone(path, body string, status int) map[string]any {
	w.t.Helper()
	response, text := w.do("POST", path, nil, body)
	if response.StatusCode != status {
		w.t.Fatalf("%s %s: status %d %s; want %d", path, body, response.StatusCode, text, status)
	}
	if status == http.StatusNoContent {
		return nil
	}
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		w.t.Fatalf("%s: Content-Type %q", path, got)
	}
	return object(w.t, text)
}

func TestPhoneOverHTTP(t *testing.T) {
	w := newWorld(t, wechattest.Options{Apps: map[string]string{appA: secretA}})
	got := w.exchange(appA, secretA, text(t, w.phone("/sim/login", `{"openid":"`+alice+`"}`, 200), "code"))
	if got["openid"] != alice {
		t.Fatalf("exchange %v", got)
	}
	made := w.exchange(appA, secretA, text(t, w.phone("/sim/login", ``, 200), "code"))
	if id := text(t, made, "openid"); len(id) != 28 {
		t.Fatalf("made-up openid %q", id)
	}
	info := w.phone("/sim/userinfo", `{"openid":"`+alice+`","appid":"`+appA+`"}`, 200)
	plain := object(t, open(t, text(t, got, "session_key"), text(t, info, "encryptedData"), text(t, info, "iv")))
	if plain["openId"] != alice || len(info) != 4 || text(t, info, "rawData") == "" || len(text(t, info, "signature")) != 40 {
		t.Fatalf("userinfo %v", info)
	}
	phone := w.phone("/sim/phone", `{"openid":"`+alice+`"}`, 200)
	open(t, text(t, got, "session_key"), text(t, phone, "encryptedData"), text(t, phone, "iv"))
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	wantOK(t, w.phoneNumber(token, `{"code":"`+text(t, phone, "code")+`"}`))
}

func TestPhoneSideRefuses(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	for _, test := range []struct{ path, body, says string }{
		{"/sim/login", `{"appid":"wx00000000000000cc"}`, "appid"},
		{"/sim/login", `{"opnid":"x"}`, "opnid"},
		{"/sim/login", `{"openid":7}`, "openid"},
		{"/sim/login", `{"openid":"a/b"}`, "openid"},
		{"/sim/login", `[]`, "object"},
		{"/sim/login", `{} {}`, "body"},
		{"/sim/login", `{"openid":`, "body"},
		{"/sim/userinfo", `{"appid":"` + appA + `"}`, "openid is required"},
		{"/sim/userinfo", `{"appid":"` + appA + `","openid":"nobody"}`, "log in first"},
		{"/sim/phone", `{"appid":"` + appA + `","openid":"nobody"}`, "log in first"},
		{"/sim/userinfo", `{"openid":"nobody"}`, "log in first"},
		{"/sim/phone", `{"openid":"nobody"}`, "log in first"},
		{"/sim/fault", `{}`, "path is required"},
		{"/sim/fault", `{"path":"","drop":true}`, "path is required"},
		{"/sim/fault", `{"path":"/sns/jscode2session","drop":true,"retries":1}`, "retries"},
		{"/sim/fault", `{"path":"/sns/nothing","drop":true}`, "path"},
		{"/sim/fault", `{"path":"/sns/jscode2session"}`, "nothing goes wrong"},
		{"/sim/fault", `{"path":"/sns/jscode2session","errcode":0,"status":0,"delay":"","drop":false,"times":0}`, "nothing goes wrong"},
		{"/sim/fault", `{"path":"/sns/jscode2session","status":99}`, "status"},
		{"/sim/fault", `{"path":"/sns/jscode2session","status":-1}`, "status"},
		{"/sim/fault", `{"path":"/sns/jscode2session","drop":true,"times":-1}`, "times"},
		{"/sim/fault", `{"path":"/sns/jscode2session","drop":true,"errcode":-1}`, "leave out drop"},
		{"/sim/fault", `{"path":"/sns/jscode2session","drop":true,"status":502}`, "leave out drop"},
		{"/sim/fault", `{"path":"/sns/jscode2session","body":"x","errcode":-1}`, "body"},
		{"/sim/fault", `{"path":"/sns/jscode2session","status":500,"errmsg":"x"}`, "errmsg"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":"soon"}`, "delay"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":"-1s"}`, "delay"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":-1}`, "milliseconds above"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":120001}`, "milliseconds above"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":1e30}`, "delay"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":true}`, "delay"},
		{"/sim/fault", `{"path":"/sns/jscode2session","delay":"3m"}`, "delay"},
	} {
		got := w.phone(test.path, test.body, 400)
		if got["error"] != "invalid_request" || !strings.Contains(text(t, got, "error_description"), test.says) {
			t.Errorf("%s %s: %v; want it to say %q", test.path, test.body, got, test.says)
		}
	}
	response, _ := w.do("GET", "/sim/login", nil, "")
	if response.StatusCode != 405 || response.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", response.StatusCode, response.Header.Get("Allow"))
	}
	w.phone("/sim/nothing", "", 404)
	if response, _ := w.do("POST", "/sim/login", nil, strings.Repeat(" ", 64<<10+1)); response.StatusCode != 413 {
		t.Errorf("too large: %d", response.StatusCode)
	}
}

func TestFaultOverHTTP(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	w.phone("/sim/fault", `{"path":"/sns/jscode2session","errcode":40164,"times":2}`, 204)
	w.phone("/sim/fault", `{"path":"/sns/jscode2session","errcode":45011,"errmsg":"own words","status":503}`, 204)
	code := w.Login(appA, alice)
	wantOK(t, w.stable(appA, secretA, "")) // another path
	wantErr(t, w.exchange(appA, secretA, code), 40164)
	wantErr(t, w.exchange(appA, secretA, code), 40164)
	response, body := w.do("GET", wechattest.PathCode2Session, exchangeQuery(appA, secretA, code), "")
	if response.StatusCode != 503 || !strings.Contains(body, `"errmsg":"own words, rid: `) {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	wantOK(t, w.exchange(appA, secretA, code)) // refusals leave the code alone
}

// A client that has a struct for faults sends every member of it, and what it did not mean is zero.
func TestFaultZeroesAreAbsent(t *testing.T) {
	for name, test := range map[string]struct {
		fault   string
		status  int // 0: no answer
		errcode int // 0: the call succeeds
	}{
		"errcode":         {`"errcode":40164,"errmsg":"","status":0,"body":"","delay":"","drop":false,"times":0`, 200, 40164},
		"errcode, null":   {`"errcode":40164,"errmsg":null,"status":null,"body":null,"delay":null,"drop":null,"times":null`, 200, 40164},
		"status":          {`"errcode":0,"status":502,"delay":0,"drop":false,"times":0`, 502, 0},
		"drop":            {`"errcode":0,"errmsg":"","status":0,"body":"","delay":"0s","drop":true,"times":null`, 0, 0},
		"delay":           {`"errcode":0,"status":0,"delay":"1ms","drop":false,"times":0`, 200, 0},
		"empty body":      {`"errcode":0,"status":0,"body":"","delay":0,"drop":false,"times":0`, 200, 0},
		"status, errcode": {`"errcode":45011,"status":503,"delay":"","drop":false,"times":0`, 503, 45011},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wechattest.Options{})
			w.phone("/sim/fault", `{"path":"/sns/jscode2session",`+test.fault+`}`, 204)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			target := w.url + wechattest.PathCode2Session + "?" + exchangeQuery(appA, secretA, w.Login(appA, alice)).Encode()
			response, err := client.Get(target)
			if test.status == 0 {
				if !errors.Is(err, io.EOF) {
					t.Fatalf("%v; want a lost connection", err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != test.status {
					t.Fatalf("%d %q, %v; want status %d", response.StatusCode, body, err, test.status)
				}
				if test.errcode != 0 {
					wantErr(t, object(t, string(body)), test.errcode)
				} else if (len(body) == 0) != (name == "empty body") || (name == "delay") != strings.Contains(string(body), "session_key") {
					t.Fatalf("body %q", body)
				}
			}
			// Times absent is once.
			wantOK(t, w.exchange(appA, secretA, w.Login(appA, alice)))
		})
	}
}

// A delay goes with whatever else happens, and its number has the unit that makes sense.
func TestFaultDelays(t *testing.T) {
	for name, test := range map[string]struct {
		fault   string
		least   time.Duration
		status  int // 0: no answer
		errcode int
	}{
		"seconds":      {`"delay":0.08`, 80 * time.Millisecond, 200, 0},
		"milliseconds": {`"delay":90`, 90 * time.Millisecond, 200, 0},
		"text":         {`"delay":"70ms"`, 70 * time.Millisecond, 200, 0},
		"errcode":      {`"delay":"70ms","errcode":-1`, 70 * time.Millisecond, 200, -1},
		"refusal":      {`"delay":"70ms","errcode":40029`, 70 * time.Millisecond, 200, 40029},
		"status":       {`"delay":70,"status":504`, 70 * time.Millisecond, 504, 0},
		"all":          {`"delay":70,"status":504,"errcode":-1`, 70 * time.Millisecond, 504, -1},
		"drop":         {`"delay":70,"drop":true`, 70 * time.Millisecond, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wechattest.Options{})
			w.phone("/sim/fault", `{"path":"/sns/jscode2session",`+test.fault+`}`, 204)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
			target := w.url + wechattest.PathCode2Session + "?" + exchangeQuery(appA, secretA, w.Login(appA, alice)).Encode()
			start := time.Now()
			response, err := client.Get(target)
			if took := time.Since(start); took < test.least {
				t.Fatalf("after %s; want %s", took, test.least)
			}
			if test.status == 0 {
				if !errors.Is(err, io.EOF) {
					t.Fatalf("%v; want a lost connection", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status {
				t.Fatalf("%d %q, %v; want status %d", response.StatusCode, body, err, test.status)
			}
			if test.errcode != 0 {
				wantErr(t, object(t, string(body)), test.errcode)
			}
		})
	}
	w := newWorld(t, wechattest.Options{})
	for _, delay := range []string{`60`, `120000`, `"2m"`} {
		w.phone("/sim/fault", `{"path":"/sns/jscode2session","delay":`+delay+`}`, 204)
		impatient := &http.Client{Timeout: 150 * time.Millisecond}
		if response, err := impatient.Get(w.url + wechattest.PathCode2Session); err == nil {
			response.Body.Close()
			t.Errorf("delay %s: answered at once", delay)
		}
	}
}

// What breaks after WeChat did the work leaves the client with a spent code, whatever it looked like.
func TestFaultsThatConsumeTheCode(t *testing.T) {
	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for name, test := range map[string]struct {
		fault  wechattest.Fault
		status int
		body   string
	}{
		"busy":     {wechattest.Fault{ErrCode: -1}, 200, `{"errcode":-1,"errmsg":"system error, rid: `},
		"proxy":    {wechattest.Fault{Status: 502}, 502, "<html>"},
		"nonsense": {wechattest.Fault{Body: new("{{{")}, 200, "{{{"},
		"empty":    {wechattest.Fault{Body: new("")}, 200, ""},
		"redirect": {wechattest.Fault{Status: 302}, 302, "<html>"},
		"slow":     {wechattest.Fault{Delay: time.Millisecond}, 200, `{"session_key":"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wechattest.Options{})
			test.fault.Path = wechattest.PathCode2Session
			if err := w.Fault(test.fault); err != nil {
				t.Fatal(err)
			}
			code := w.Login(appA, alice)
			response, err := noRedirect.Get(w.url + test.fault.Path + "?" + exchangeQuery(appA, secretA, code).Encode())
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status || !strings.HasPrefix(string(body), test.body) {
				t.Fatalf("%d %q, %v; want %d %q...", response.StatusCode, body, err, test.status, test.body)
			}
			if (response.StatusCode == 302) != (response.Header.Get("Location") == "/redirected") {
				t.Fatalf("Location %q", response.Header.Get("Location"))
			}
			wantErr(t, w.exchange(appA, secretA, code), 40163)
		})
	}
}

// A client on a kept-alive connection that dies without an answer may send a GET again by itself. The record shows
// it, and the second copy of the code is spent.
func TestDrop(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if err := w.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, Drop: true}); err != nil {
		t.Fatal(err)
	}
	code := w.Login(appA, alice)
	if response, err := client.Get(w.url + wechattest.PathCode2Session + "?" + exchangeQuery(appA, secretA, code).Encode()); err == nil {
		response.Body.Close()
		t.Fatalf("status %d; want a lost connection", response.StatusCode)
	} else if !errors.Is(err, io.EOF) {
		t.Fatalf("%v; want EOF", err)
	}
	if n := w.CountCalls(wechattest.PathCode2Session); n != 1 {
		t.Fatalf("%d calls; want 1", n)
	}
	wantErr(t, w.exchange(appA, secretA, code), 40163)
}

// The caller gives up while WeChat is slow. The call was done all the same, and nothing keeps waiting.
func TestCallerLeavesDuringDelay(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	if err := w.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, Delay: wechattest.MaxDelay}); err != nil {
		t.Fatal(err)
	}
	code := w.Login(appA, alice)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", w.url+wechattest.PathCode2Session+"?"+exchangeQuery(appA, secretA, code).Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v; want the deadline", err)
	}
	// The client cannot know whether its request was on the wire in time; the record can.
	if w.CountCalls(wechattest.PathCode2Session) == 1 {
		wantErr(t, w.exchange(appA, secretA, code), 40163)
	}
}

func TestFaultQueueIsBoundedAndCleared(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	f := wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: 50002}
	for range 100 {
		if err := w.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
	if w.Fault(f) == nil {
		t.Fatal("the queue took a 101st fault")
	}
	w.ClearFaults()
	wantOK(t, w.exchange(appA, secretA, w.Login(appA, alice)))
}

func TestRecord(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	w.phone("/sim/login", `{"appid":"`+appA+`"}`, 200)
	w.stable(appA, secretA, "")
	w.exchange(appA, secretA, "first")
	if response, _ := w.do("GET", "/sns//jscode2session", nil, ""); response.StatusCode != 404 {
		t.Fatalf("unknown path: %d", response.StatusCode)
	}
	calls := w.Calls()
	if len(calls) != 3 || calls[0].Method != "POST" || calls[0].Path != wechattest.PathStableToken || !strings.Contains(calls[0].Body, secretA) ||
		calls[1].Query.Get("js_code") != "first" || calls[1].Header.Get("User-Agent") == "" || !calls[1].Time.Equal(w.clock.Now()) ||
		w.CountCalls("/sns//jscode2session") != 1 {
		t.Fatalf("calls %+v", calls)
	}
	for range 1000 {
		w.exchange(appA, secretA, "more")
	}
	w.exchange(appA, secretA, "last")
	calls = w.Calls()
	if len(calls) != 1000 || calls[0].Query.Get("js_code") != "more" || calls[999].Query.Get("js_code") != "last" {
		t.Fatalf("%d calls, the last with %v", len(calls), calls[len(calls)-1].Query)
	}
	if n := w.CountCalls(wechattest.PathCode2Session); n != 1002 {
		t.Fatalf("CountCalls = %d; want all 1002", n)
	}
	w.ResetCalls()
	if len(w.Calls()) != 0 || w.CountCalls(wechattest.PathCode2Session) != 0 {
		t.Fatal("ResetCalls left something")
	}
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// Whoever reads the log of a shared test machine must not find a credential in it.
func TestLogHoldsNoCredential(t *testing.T) {
	var log lockedBuffer
	w := newWorld(t, wechattest.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Kinds: map[string]wechattest.Kind{appB: wechattest.KindOfficial}})
	code := w.Login(appA, alice)
	session := w.exchange(appA, secretA, code)
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	phone := w.phone("/sim/phone", `{"openid":"`+alice+`","appid":"`+appA+`"}`, 200)
	w.phoneNumber(token, `{"code":"`+text(t, phone, "code")+`"}`)
	w.phone("/sim/fault", `{"path":"/sns/jscode2session","body":"private"}`, 204)
	w.do("GET", wechattest.PathCode2Session, url.Values{}, "")
	w.exchange(appA, secretA, code)
	oauth := w.OAuthCode(wechattest.OAuthLogin{AppID: appB, OpenID: bob, Scope: "snsapi_userinfo"})
	user := w.oauthToken(appB, secretB, oauth)
	b := newBackend(t, says(200, "success"))
	w.phone("/sim/push", `{"url":"`+b.url+`/?key=private","appid":"`+appB+`","message":{"FromUserName":"`+bob+`"},"token":"`+pushToken+`"}`, 200)
	w.do("GET", wechattest.PathAuthorize, url.Values{"appid": {appB}, "sim_user": {bob}, "state": {"private"}}, "")
	for name, secret := range map[string]string{"secret": secretA, "code": code, "code of a page": oauth,
		"other openid": bob, "push token": pushToken, "token of a user": text(t, user, "access_token"),
		"other secret": secretB, "token": token, "body": "private", "openid": alice,
		"session key": text(t, session, "session_key"), "phone code": text(t, phone, "code")} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds the %s:\n%s", name, log.String())
		}
	}
	if !strings.Contains(log.String(), "path=/sns/jscode2session status=200") || !strings.Contains(log.String(), "errcode=40163") ||
		!strings.Contains(log.String(), "fault=body") {
		t.Errorf("the log lacks a line:\n%s", log.String())
	}
}
