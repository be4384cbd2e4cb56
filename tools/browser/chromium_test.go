// chromium_test.go: chromium, its windows and tabs, and what one looks at in them.

package browser

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

const (
	inWeChat = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN"
	onADesk  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

	sessionCookie = "__Host-wechat_session"
	loginCookies  = "__Host-wechat_login_" // and a nonce

	patience = 60 * time.Second // this machine may have much else to do
)

// chromium starts a browser process that ends with the test. With keepsNothing it
// is set, as people can set it, to keep no cookies.
func chromium(t *testing.T, keepsNothing bool) context.Context {
	t.Helper()
	profile := t.TempDir()
	if keepsNothing {
		preferences := map[string]any{"profile": map[string]any{"default_content_setting_values": map[string]any{"cookies": 2}}}
		text, err := json.Marshal(preferences)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(profile, "Default"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(profile),
		chromedp.Flag("no-sandbox", true), // root, as in containers, has none
		chromedp.Flag("disable-gpu", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start: %v (Debian's package is chromium)", err)
	}
	return ctx
}

// window is one browser of one person: its tabs share their cookies with nobody else.
type window struct {
	*tab
	agent string
}

// tab is a tab of a window.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// open opens a window with cookies of its own.
func open(t *testing.T, browser context.Context, agent string) *window {
	t.Helper()
	return &window{newTab(t, browser, agent, chromedp.WithNewBrowserContext()), agent}
}

// openDefault opens a window of the browser's own profile, whose settings hold there.
func openDefault(t *testing.T, browser context.Context, agent string) *window {
	t.Helper()
	return &window{newTab(t, browser, agent), agent}
}

func (w *window) newTab() *tab {
	w.t.Helper()
	return newTab(w.t, w.ctx, w.agent)
}

func newTab(t *testing.T, parent context.Context, agent string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(parent, options...)
	t.Cleanup(end)
	ctx, stop := context.WithTimeout(ctx, 3*patience)
	t.Cleanup(stop)
	b := &tab{t, ctx}
	width, height := int64(390), int64(844)
	if agent == onADesk {
		width, height = 1100, 760
	}
	b.do(chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent})
		return err
	}), chromedp.EmulateViewport(width, height))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// goTo opens an address and returns the status of the page on which the tab ends.
func (b *tab) goTo(address string) int {
	b.t.Helper()
	response, err := chromedp.Run(b.ctx, chromedp.NavigateResponse(address))
	if err != nil || response == nil {
		b.t.Fatalf("%s: %v", address, err)
	}
	return int(response.Status)
}

// press clicks what leads to another page, and returns the status of that.
func (b *tab) press(selector string) int {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(selector)))
	if err != nil || response == nil {
		b.t.Fatalf("clicking %s: %v", selector, err)
	}
	return int(response.Status)
}

// pick clicks a user, or another button, on WeChat's page.
func (b *tab) pick(name, value string) int {
	b.t.Helper()
	return b.press(`#pick button[name="` + name + `"][value="` + value + `"]`)
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatalf("reading %s: %v", selector, err)
	}
	return text
}

func (b *tab) address() string {
	b.t.Helper()
	address, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	return address
}

// script runs a script in the page, awaits its promise, and returns its text.
func (b *tab) script(source string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](source, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", source, err)
	}
	return text
}

// cookies are those that the browser would send to an address.
func (b *tab) cookies(address string) map[string]*network.Cookie {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, func(ctx context.Context, to *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, to, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	all := make(map[string]*network.Cookie)
	for _, c := range got.Cookies {
		all[c.Name] = c
	}
	return all
}

// picture keeps what the tab shows beside the other artifacts of the test.
func (b *tab) picture(name string) {
	b.t.Helper()
	image, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), image, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// requireCaller fails unless the tab shows the backend's page, as this user. A browser
// that is redirected without a fragment keeps the one it has, and WeChat's addresses end
// in #wechat_redirect: the address of the first page after a login may, too.
func (b *tab) requireCaller(address, openid, appid string) {
	b.t.Helper()
	if at := strings.TrimSuffix(b.address(), "#wechat_redirect"); at != address {
		b.t.Fatalf("the tab shows %s; want %s", withoutQuery(at), address)
	}
	if who, app := b.text("#openid"), b.text("#appid"); who != openid || app != appid {
		b.t.Fatalf("the backend sees %q of %q; want %q of %q", who, app, openid, appid)
	}
	if sent := b.text("#cookies"); strings.Contains(sent, "__Host-wechat") {
		b.t.Errorf("the backend gets the gateway's cookies: %.40s...", sent)
	}
}

// requirePick fails unless the tab shows WeChat's question who logs in.
func (b *tab) requirePick(w *world, path string) {
	b.t.Helper()
	if at := b.address(); !strings.HasPrefix(at, w.sim+path+"?") {
		b.t.Fatalf("the tab shows %s; want %s of WeChat", withoutQuery(at), path)
	}
}

// requireRefusal fails unless the tab shows a page of the gateway that says this.
func (b *tab) requireRefusal(status, want int, title, code string) {
	b.t.Helper()
	if status != want || b.text("h1") != title || !strings.Contains(b.text("footer"), code) {
		b.t.Fatalf("%d at %s: %q, %q; want %d %q %q", status, withoutQuery(b.address()), b.text("h1"), b.text("footer"), want, title, code)
	}
	if b.script(`Promise.resolve(String(document.querySelectorAll("script,iframe,img,link").length))`) != "0" {
		b.t.Error("the page loads something")
	}
}

func withoutQuery(address string) string {
	path, _, _ := strings.Cut(address, "?")
	return path
}
