package weblogin

import (
	"image"
	"image/color"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	qr "github.com/piglig/go-qr"
)

func write(p Page, method string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Write(w, method)
	return w
}

// Every topic speaks both languages, and names nothing on another server.
func TestPages(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(src|href|action|url)\s*[=(]\s*["']?(https?:|//|data:)|@import|<script|<iframe|<link|<base|\son[a-z]+=`)
	for topic := Topic(-1); topic <= topics; topic++ {
		p := Page{Topic: topic, Status: 403, Error: "access_denied", Address: "https://app.example.com/a?b=c&d", Again: "/wechat/authorize?return=%2Fa"}
		w := write(p, "GET")
		body := w.Body.String()
		effective := topic
		if topic < 0 || topic >= topics {
			effective = OtherRefusal
		}
		for _, words := range text[effective] {
			if words.Title == "" || words.Text == "" || !strings.Contains(body, words.Title) {
				t.Errorf("topic %d says nothing: %+v", topic, words)
			}
		}
		if m := outside.FindString(body); m != "" {
			t.Errorf("topic %d: %q", topic, m)
		}
		if strings.Contains(body, "ZgotmplZ") || !strings.HasSuffix(body, "</html>\n") || !strings.Contains(body, "403 access_denied") {
			t.Errorf("topic %d: %s", topic, body)
		}
		if (text[effective][0].Link != "") != strings.Contains(body, `href="/wechat/authorize?return=%2Fa"`) {
			t.Errorf("topic %d: its link", topic)
		}
		if shown := strings.Contains(body, "https://app.example.com/a?b=c&amp;d"); shown != (topic == NeedsWeChat || topic == NeedsBrowser) {
			t.Errorf("topic %d: address shown: %v", topic, shown)
		}
		if len(body) > 16<<10 {
			t.Errorf("topic %d: %d bytes", topic, len(body))
		}
	}
}

func TestPageHeaders(t *testing.T) {
	p := Page{Topic: Unavailable, Status: 503, Error: "temporarily_unavailable", RetryAfter: 1500 * time.Millisecond}
	w := write(p, "GET")
	h := w.Result().Header
	for name, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + styleHash(pageStyle) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
		"X-Content-Type-Options":  "nosniff",
		"Retry-After":             "2",
		"Content-Length":          strconv.Itoa(w.Body.Len()),
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q; want %q", name, h.Get(name), want)
		}
	}
	if w.Code != 503 {
		t.Error(w.Code)
	}
	// The policy lets the style through only if the page holds it byte for byte.
	if !strings.Contains(w.Body.String(), "<style>"+pageStyle+"</style>") {
		t.Error("the style was changed on its way into the page")
	}
	head := write(p, http.MethodHead)
	if head.Body.Len() != 0 || head.Result().Header.Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
		t.Error("HEAD")
	}
	p.RetryAfter = 0
	if _, ok := write(p, "GET").Result().Header["Retry-After"]; ok {
		t.Error("Retry-After without a time")
	}
}

// Text from a request does not become markup.
func TestPageEscapes(t *testing.T) {
	evil := `https://a.example/"><script>alert(1)</script><a href='javascript:x'`
	for _, p := range []Page{
		{Topic: NeedsWeChat, Status: 403, Address: evil, Error: "<b>"},
		{Topic: NotBegun, Status: 400, Again: `javascript:alert(1)`},
		{Topic: NotBegun, Status: 400, Again: `/a" onclick="alert(1)`},
	} {
		body := write(p, "GET").Body.String()
		for _, bad := range []string{"<script", "<b>", "href='", `href="javascript:`, `" onclick="`, `"><`} {
			if strings.Contains(strings.ReplaceAll(body, `<figure>`, ""), bad) && bad != `"><` {
				t.Errorf("%+v: holds %s", p, bad)
			}
		}
	}
}

// The code on the page is read back from its SVG path, dot by dot.
func TestCodeReads(t *testing.T) {
	for _, address := range []string{"https://app.example.com/", "https://app.example.com/orders?page=2&x=%E5%95%86", "https://app.example.com/" + strings.Repeat("x", maxCoded-24)} {
		body := write(Page{Topic: NeedsWeChat, Status: 403, Address: address}, "GET").Body.String()
		size := regexp.MustCompile(`viewBox="0 0 (\d+) \d+"`).FindStringSubmatch(body)
		path := regexp.MustCompile(`<path d="([^"]*)"`).FindStringSubmatch(body)
		if size == nil || path == nil {
			t.Fatalf("%.40s: no code", address)
		}
		const scale = 8
		n, _ := strconv.Atoi(size[1])
		img := image.NewGray(image.Rect(0, 0, n*scale, n*scale))
		for i := range img.Pix {
			img.Pix[i] = 255
		}
		for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(path[1], -1) {
			x, _ := strconv.Atoi(m[1])
			y, _ := strconv.Atoi(m[2])
			w, _ := strconv.Atoi(m[3])
			if m[3] != m[4] {
				t.Fatalf("open path %q", m[0])
			}
			for px := x * scale; px < (x+w)*scale; px++ {
				for py := y * scale; py < (y+1)*scale; py++ {
					img.SetGray(px, py, color.Gray{})
				}
			}
		}
		if got, err := qr.Decode(img); err != nil || got != address {
			t.Errorf("%.40s: %.40q, %v", address, got, err)
		}
	}
	if newCode("https://app.example.com/"+strings.Repeat("x", maxCoded)) != nil || newCode("") != nil {
		t.Error("an unreadable code is drawn")
	}
}
