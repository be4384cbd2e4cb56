// main_test.go: the built command, started, used and stopped; and the flags it refuses.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "wechatsim")
	if runtime.GOOS == "windows" {
		t.Skip("stops its child with SIGTERM")
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}

// call sends what the printed curl lines send and returns the answer's members.
func call(t *testing.T, method, address, body string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl -d does
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%s: %q: %v", address, b, err)
		}
	}
	return m
}

func TestBuiltCommand(t *testing.T) {
	const appid, secret, openid = "wx00000000000000aa", "hush-hush", "oAlice0000000000000000000000"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, build(t), "-listen", "127.0.0.1:0", "-app", appid+":"+secret, "-unionid=false")
	var log bytes.Buffer
	command.Stderr = &log
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Process.Kill() // does nothing to a process that was waited for

	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, base, ok := strings.Cut(strings.TrimSpace(first), " on ")
	if !ok {
		t.Fatalf("first line %q", first)
	}

	login := call(t, "POST", base+"/sim/login", `{"openid":"`+openid+`"}`)
	code, _ := login["code"].(string)
	query := url.Values{"appid": {appid}, "secret": {secret}, "js_code": {code}, "grant_type": {"authorization_code"}}
	session := call(t, "GET", base+"/sns/jscode2session?"+query.Encode(), "")
	key, _ := session["session_key"].(string)
	if session["openid"] != openid || key == "" || len(session) != 2 {
		t.Fatalf("session %v", session)
	}
	if again := call(t, "GET", base+"/sns/jscode2session?"+query.Encode(), ""); again["errcode"] != float64(40163) {
		t.Fatalf("second exchange %v", again)
	}
	if info := call(t, "POST", base+"/sim/userinfo", `{"openid":"`+openid+`"}`); len(info) != 4 {
		t.Fatalf("userinfo %v", info)
	}

	// A delay on order must not hold the end up.
	call(t, "POST", base+"/sim/fault", `{"path":"/sns/jscode2session","delay":"100s"}`)
	slow := make(chan error, 1)
	go func() {
		response, err := http.Get(base + "/sns/jscode2session")
		if err == nil {
			response.Body.Close()
		}
		slow <- err
	}()
	// Both orders are right: the signal may also come before the request does.
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v\n%s", err, log.String())
	}
	if err := <-slow; err == nil {
		t.Error("the delayed call was answered")
	}
	if !strings.Contains(string(rest), "curl -s "+base+"/sim/login") || !strings.HasSuffix(string(rest), "wechatsim has stopped.\n") {
		t.Errorf("printed:\n%s", rest)
	}
	for name, private := range map[string]string{"secret": secret, "code": code, "session key": key, "openid": openid} {
		if strings.Contains(log.String(), private) || strings.Contains(string(rest), secret) {
			t.Errorf("the %s is in what was printed:\n%s%s", name, rest, log.String())
		}
	}
	if n := strings.Count(log.String(), "path=/sns/jscode2session status=200"); n != 2 {
		t.Errorf("%d lines for two exchanges:\n%s", n, log.String())
	}
}

func TestFlagsRefused(t *testing.T) {
	const app = "wx00000000000000aa:hush-hush"
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no colon":          {[]string{"-app", "hush-hush"}, "want appid:secret"},
		"swapped":           {[]string{"-app", "hush-hush:wx00000000000000aa"}, "16 hex digits"},
		"upper case":        {[]string{"-app", "WX00000000000000AA:hush-hush"}, "16 hex digits"},
		"no secret":         {[]string{"-app", "wx00000000000000aa:"}, "secret is empty"},
		"kind":              {[]string{"-app", app + ":public"}, "kind must be mini"},
		"kind alone":        {[]string{"-app", "wx00000000000000aa::mini"}, "secret is empty"},
		"domain, no app":    {[]string{"-domain", "shop.example.com"}, "-domain number 1: the appid must be"},
		"domain, other app": {[]string{"-app", app, "-domain", "wx00000000000000bb:a.example"}, "has no -app"},
		"domain, address":   {[]string{"-domain", "wx00000000000000aa:https://a.example"}, "without a scheme"},
		"domain, none":      {[]string{"-domain", "wx00000000000000aa"}, "want appid:host"},
		"push, no token":    {[]string{"-push", "wx00000000000000aa"}, "-push number 1: want appid:token"},
		"push, token":       {[]string{"-push", "wx00000000000000aa:hush-hush"}, "letters and digits"},
		"push, key":         {[]string{"-push", "wx00000000000000aa:hushhush:hush"}, "43 characters"},
		"push, twice":       {[]string{"-push", "wx00000000000000aa:hushhush", "-push", "wx00000000000000aa:hushhush"}, "is given twice"},
		"push, other app":   {[]string{"-app", app, "-push", "wx00000000000000bb:hushhush"}, "has no -app"},
		"twice":             {[]string{"-app", app, "-app", app}, "-app number 2: appid wx00000000000000aa is given twice"},
		"listen":            {[]string{"-listen", "8089"}, "want host:port"},
		"no port":           {[]string{"-listen", "127.0.0.1:"}, "want host:port"},
		"argument":          {[]string{"start"}, "no arguments"},
		"unknown flag":      {[]string{"-prot", "1"}, "-prot"},
		"refresh":           {[]string{"-key-refresh", "-1s"}, "negative"},
		"refresh, text":     {[]string{"-key-refresh", "often"}, "often"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), test.args, &stdout, &stderr); code != 2 {
				t.Errorf("exit code %d; want 2", code)
			}
			if !strings.Contains(stderr.String(), test.says) || strings.Contains(stderr.String(), "hush") || stdout.Len() > 0 {
				t.Errorf("said %q and %q; want %q, on stderr, without the secret", stdout.String(), stderr.String(), test.says)
			}
			if strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("said %q; want one line", stderr.String())
			}
		})
	}
}

func TestHelpAndTakenPort(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, &stdout, &stderr); code != 0 || !strings.Contains(stderr.String(), "-unionid") || !strings.Contains(stderr.String(), "/sim/fault") {
		t.Errorf("-help: code %d, %q", code, stderr.String())
	}
	stderr.Reset()
	if code := run(t.Context(), []string{"-listen", "127.0.0.1:99999"}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "cannot listen") {
		t.Errorf("bad port: code %d, %q", code, stderr.String())
	}
}

func TestQuietAndOpenAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it starts, and stops at once
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"-quiet", "-listen", "0.0.0.0:0", "-key-refresh", "0"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("code %d, %q", code, stderr.String())
	}
	if !strings.Contains(stdout.String(), "Careful:") || !strings.Contains(stdout.String(), "http://127.0.0.1:") {
		t.Errorf("printed:\n%s", stdout.String())
	}
}

// Each app stands in the lines to paste with its kind and its push, and none of them with what is secret.
func TestGreetingTellsEachApp(t *testing.T) {
	const mini, official, website = "wx00000000000000aa", "wx00000000000000bb", "wx00000000000000cc"
	key := strings.Repeat("hush", 10) + "abc"
	s, err := parse([]string{"-app", mini + ":hush1", "-app", official + ":hush2:official", "-app", website + ":hush3:website",
		"-push", official + ":hushtoken:" + key, "-push", mini + ":hushtoken", "-domain", website + ":127.0.0.1:8443", "-silent"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !s.options.SilentBase || s.options.RedirectDomains[website][0] != "127.0.0.1:8443" || s.options.Pushes[official].AESKey != key ||
		s.options.Kinds[mini] != "mini" || s.options.Apps[official] != "hush2" {
		t.Fatalf("options %+v", s.options)
	}
	var b bytes.Buffer
	greet(&b, s, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8089})
	for _, line := range []string{"  app " + mini + " ITS_SECRET {\n    push ITS_TOKEN\n  }\n", "  app " + official + " ITS_SECRET official {\n    push ITS_TOKEN ITS_AES_KEY\n  }\n",
		"  app " + website + " ITS_SECRET website\n", "  api_base http://127.0.0.1:8089\n", "  open_base http://127.0.0.1:8089\n", "/sim/oauth -d '{\"appid\":\"" + official, "/sim/push"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("%q is missing:\n%s", line, b.String())
		}
	}
	if strings.Contains(b.String(), "hush") {
		t.Errorf("a secret in:\n%s", b.String())
	}
	b.Reset()
	greet(&b, s, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8089})
	if !strings.Contains(b.String(), "api_base http://192.0.2.7:8089 insecure\n") {
		t.Errorf("the word is missing:\n%s", b.String())
	}
}
