// page_test.go: every button of the page, pressed in a real browser, against the real programs.

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// press is one button and what must come of it.
type press struct {
	step  string
	told  []string // on the phone's screen
	heard string   // in the backend's column
	wire  []string // anywhere in the list of exchanges
	// what the backend itself has seen: "METHOD path openid" each
	backend []string
}

const silence = "The backend heard nothing."

var asked = "GET /orders " + demoUser

var presses = []press{
	{step: "bare", told: []string{"401", "invalid_token"}, heard: silence},
	{step: "login", told: []string{"200", demoUser}, heard: silence, wire: []string{"/sim/login", "/wechat/login", "/sns/jscode2session", "••••"}},
	{step: "ask", told: []string{"200", "X-WeChat-OpenID: " + demoUser}, heard: "X-WeChat-OpenID: " + demoUser, backend: []string{asked}},
	{step: "forge", told: []string{"200", demoUser}, heard: "X-WeChat-OpenID: " + demoUser, wire: []string{"oSomebodyElse"}, backend: []string{asked}},
	{step: "tamper", told: []string{"401"}, heard: silence},
	{step: "userinfo", told: []string{"200", "微信用户"}, heard: "X-WeChat-UserInfo: ", backend: []string{asked}},
	{step: "phone", told: []string{"200", "X-WeChat-Phone: +86"}, heard: "X-WeChat-Phone: +86", wire: []string{"/wxa/business/getuserphonenumber"}, backend: []string{asked}},
	{step: "socket", told: []string{"101", demoUser + ": hello"}, heard: "X-WeChat-OpenID: " + demoUser, backend: []string{"GET /live " + demoUser, "MESSAGE /live "}},
	{step: "end", told: []string{"401", "invalid_token", "closed from the other side: 10"}, heard: silence, wire: []string{"/wechat/users/", `"ended":`, "CLOSED /live"}, backend: []string{"CLOSED /live "}},
	{step: "ten", told: []string{"200 200 200 200 200 200 200 200 200 200"}, heard: "X-WeChat-OpenID: " + demoUser, backend: slices.Repeat([]string{asked}, 10)},
	{step: "down", told: []string{"503", "temporarily_unavailable", "Retry-After"}, heard: silence},
	{step: "slow", told: []string{"504", "temporarily_unavailable"}, heard: silence},
	{step: "quota", told: []string{"429", "rate_limited", "Retry-After"}, heard: silence},
	{step: "used", told: []string{"200", demoUser}, heard: silence, wire: []string{"invalid_grant", "40163"}},
	{step: "blocked", told: []string{"403", "access_denied"}, heard: silence},
	{step: "newkey", told: []string{"400 invalid_data", "200 {"}, heard: silence},
	{step: "rotate", told: []string{"200"}, heard: "X-WeChat-OpenID: " + demoUser, wire: []string{"/wechat/keys/rotate"}, backend: []string{asked, asked}},
	{step: "logout", told: []string{"401"}, heard: silence, wire: []string{"/wechat/logout"}},
	{step: "h5", told: []string{"200", "X-WeChat-AppID: " + officialAppID}, heard: "X-WeChat-AppID: " + officialAppID, wire: []string{"/wechat/authorize", "/wechat/callback", "/sns/oauth2/access_token"}, backend: []string{"GET /orders oPageUser1"}},
	{step: "socket", told: []string{"101", "oPageUser1: hello"}, heard: "X-WeChat-OpenID: oPageUser1", backend: []string{"GET /live oPageUser1", "MESSAGE /live "}},
	{step: "logout", told: []string{"401"}, heard: silence, backend: []string{"CLOSED /live "}},
	{step: "qr", told: []string{"200", "X-WeChat-AppID: " + websiteAppID}, heard: "X-WeChat-AppID: " + websiteAppID, wire: []string{"/wechat/authorize", "/wechat/callback", "/sns/oauth2/access_token"}, backend: []string{"GET /orders oPageUser2"}},
	{step: "login", told: []string{"200", demoUser}, heard: silence},
	{step: "forge", told: []string{"200", demoUser}, heard: "X-WeChat-OpenID: " + demoUser, backend: []string{asked}},
}

// TestEveryButton is run by "make screenshots", which says where the browser is
// and, in DEMO_IMAGES, where pictures go.
func TestEveryButton(t *testing.T) {
	browser := os.Getenv("DEMO_BROWSER")
	if browser == "" {
		t.Skip(`needs a browser: "make screenshots" runs it`)
	}
	page := startDemo(t)
	ctx := startBrowser(t, browser)
	do(t, ctx, chromedp.Navigate(page), chromedp.WaitReady(`#main[data-state="idle"] button[aria-disabled="false"]`))
	for _, step := range get(t, ctx, chromedp.Evaluate[[]string](`Array.from(document.querySelectorAll('button[data-step]'), b => b.dataset.step)`)) {
		if !slices.ContainsFunc(presses, func(p press) bool { return p.step == step }) {
			t.Errorf("no test presses the button %q", step)
		}
	}

	for i, p := range presses {
		if !t.Run(fmt.Sprintf("%02d_%s", i, p.step), func(t *testing.T) { p.check(t, ctx, page, i) }) {
			t.FailNow() // what follows would be about another state
		}
	}
	t.Run("look", func(t *testing.T) { look(t, ctx) })
}

func (p press) check(t *testing.T, ctx context.Context, page string, number int) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	_, before := sightings(t, page, 0)
	button := fmt.Sprintf(`button[data-step=%q]`, p.step)
	do(t, ctx, script(`delete document.getElementById('main').dataset.done`))
	if number%2 == 0 {
		do(t, ctx, chromedp.Focus(button), chromedp.KeyEvent(kb.Enter))
	} else {
		do(t, ctx, chromedp.Click(button))
	}
	if who := map[string]string{"h5": "oPageUser1", "qr": "oPageUser2"}[p.step]; who != "" {
		do(t, ctx, chromedp.WaitVisible(`#sim_user`), chromedp.SendKeys(`#sim_user`, who+kb.Enter))
	}
	if err := chromedp.Do(ctx, chromedp.WaitReady(fmt.Sprintf(`#main[data-state="idle"][data-done=%q]`, p.step))); err != nil {
		t.Fatalf("%v; the page says:\n%s", err, get(t, context.WithoutCancel(ctx), chromedp.Text(`body`)))
	}
	told, heard, wire := get(t, ctx, chromedp.Text(`#told`)), get(t, ctx, chromedp.Text(`#heard`)), get(t, ctx, chromedp.TextContent(`#exchanges`))
	lines := get(t, ctx, chromedp.Evaluate[string](`Array.from(document.querySelectorAll('#exchanges .curl code'), c => c.textContent).join('\n')`))
	for _, want := range p.told {
		if !strings.Contains(told, want) {
			t.Errorf("the phone was told %q, want %q in it", told, want)
		}
	}
	if !strings.Contains(heard, p.heard) {
		t.Errorf("the backend's column says %q, want %q in it", heard, p.heard)
	}
	for _, want := range p.wire {
		if !strings.Contains(wire, want) {
			t.Errorf("the exchanges lack %q: %s", want, wire)
		}
	}

	var atBackend []string
	seen, _ := sightings(t, page, before)
	for _, s := range seen {
		if s.Place != "backend" {
			continue
		}
		openid := ""
		for _, field := range s.Header {
			if field[0] == "X-WeChat-OpenID" {
				openid = field[1]
			}
			if strings.Contains(field[1], "oSomebodyElse") || field[0] == "Authorization" || field[0] == "Cookie" {
				t.Errorf("the backend received %q", field)
			}
		}
		atBackend = append(atBackend, s.Method+" "+s.Target+" "+openid)
	}
	if !slices.Equal(atBackend, p.backend) {
		t.Errorf("the backend itself saw %q, want %q", atBackend, p.backend)
	}
	noSecret(t, told, heard, wire, lines)
	if p.step == "ask" {
		runLines(t, lines)
	}
	if logins := strings.Count(wire, "POST /wechat/login"); p.step == "ten" && logins != 2*2 {
		// one before the session ends, and one for all ten; each is named in its summary and in its details
		t.Errorf("%d mentions of a login, want 4", logins)
	}
}

var wholeToken = regexp.MustCompile(`eyJ[\w-]{20,}\.[\w-]+\.[\w-]+`)

func noSecret(t *testing.T, texts ...string) {
	for _, text := range texts {
		if wholeToken.MatchString(text) {
			t.Error("a whole token is on the page")
		}
		if match := regexp.MustCompile(`session_key(":"| )[^•"]`).FindString(text); match != "" {
			t.Error("a session key is on the page")
		}
	}
}

// runLines does in a shell what the page says would do the same.
func runLines(t *testing.T, lines string) {
	login := fmt.Sprintf(`code=$(curl -s "$sim/sim/login" -d '{"appid":"%s","openid":"%s"}' | cut -d '"' -f 4)
token=$(curl -s "$gateway/wechat/login" -H 'Content-Type: application/json' -d "{\"appid\":\"%[1]s\",\"code\":\"$code\"}" | sed 's/.*"token":"\([^"]*\)".*/\1/')
`, demoAppID, demoUser)
	gateway := regexp.MustCompile(`http://localhost:\d+`).FindString(lines)
	command := exec.Command("bash", "-euc", login+lines)
	command.Env = append(os.Environ(), "gateway="+gateway, "sim="+simulatorAddress)
	out, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("X-WeChat-OpenID: "+demoUser)) {
		t.Errorf("the curl line %s gave %s (%v)", lines, out, err)
	}
}

// look makes the pictures, and reads the page in Chinese and at other sizes.
func look(t *testing.T, ctx context.Context) {
	shoot := func(dir, name string) {
		if dir == "" {
			return
		}
		do(t, ctx, script(`window.scrollTo(0, 0); document.activeElement.blur()`))
		shot := get(t, ctx, chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, name), shot, 0o644); err != nil {
			t.Error(err)
		}
	}
	if title := get(t, ctx, chromedp.Text(`h1`)); !strings.Contains(title, "gateway") {
		t.Errorf("the title is %q", title)
	}
	do(t, ctx, chromedp.Click(`#exchanges summary`), chromedp.Click(`#exchanges li .curl button`), chromedp.Poll[chromedp.Void](`document.querySelector('#exchanges li .curl button').textContent === 'Copied'`, chromedp.WithPollingTimeout(20*time.Second)))
	do(t, ctx, chromedp.Click(`#exchanges summary`)) // closed again, for the picture
	images := os.Getenv("DEMO_IMAGES")
	do(t, ctx, chromedp.EmulateViewport(1440, 1120))
	shoot(images, "demo.png")
	do(t, ctx, chromedp.Click(`#language`))
	if title, heard := get(t, ctx, chromedp.Text(`h1`)), get(t, ctx, chromedp.Text(`#heard`)); !strings.Contains(title, "网关") || !strings.Contains(heard, "后端收到的请求") {
		t.Errorf("after the switch the title is %q, and the backend's column says %q", title, heard)
	}
	shoot(images, "demo.zh-CN.png")
	for _, width := range []int64{360, 800, 1440} {
		do(t, ctx, chromedp.EmulateViewport(width, 900))
		if got := get(t, ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); got > width {
			t.Errorf("at a width of %d the page is %d wide", width, got)
		}
		shoot(t.ArtifactDir(), fmt.Sprintf("%d.png", width))
	}
	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, dark); err != nil {
		t.Fatal(err)
	}
	if color := get(t, ctx, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`)); color != "rgb(20, 23, 26)" {
		t.Errorf("in the dark the page is %s", color)
	}
	shoot(t.ArtifactDir(), "dark.png")
}

// do and get end the test where the browser does not do as it is told.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func get[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func script(text string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](text+"; true")(ctx, target)
		return chromedp.Void{}, err
	}
}

func startBrowser(t *testing.T, path string) context.Context {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1440, 1000), chromedp.Flag("lang", "en"),
		chromedp.Flag("force-prefers-reduced-motion", true), chromedp.WSURLReadTimeout(2*time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

var simulatorAddress string

// startDemo runs all of it, as "make run" does, and returns the page's address.
func startDemo(t *testing.T) string {
	for _, name := range []string{"PORT", "SITE", "BACKEND", "SIM_PORT", "PAGE_PORT", "CADDY_ADMIN", "WECHAT_APPID", "WECHAT_SECRET", "WECHAT_API_BASE"} {
		t.Setenv(name, "")
	}
	ctx, stop := context.WithCancel(context.Background())
	var out lockedBuffer
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ended <- run(ctx, cmp.Or(os.Getenv("DEMO_BIN"), "../../bin"), t.TempDir(), "../../Caddyfile", "Caddyfile", &out)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for range 600 {
		text := out.String()
		if match := regexp.MustCompile(`in a browser: (\S+)`).FindStringSubmatch(text); match != nil {
			simulatorAddress = regexp.MustCompile(`a simulator at (\S+):`).FindStringSubmatch(text)[1]
			return match[1]
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatal(err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	t.Fatal("the demo was not ready in two minutes")
	return ""
}

func sightings(t *testing.T, page string, after int) ([]sighting, int) {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("%s/demo/seen?after=%d", page, after))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Seen []sighting `json:"seen"`
		Last int        `json:"last"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Seen, answer.Last
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
