// page.go: the pages that a person sees when a login does not work.

package weblogin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

var (
	//go:embed page.html
	pageSource string
	//go:embed page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Parse(pageSource))

	// No script, no frame around it, nothing from elsewhere; the one style is
	// named by its hash.
	pagePolicy = "default-src 'none'; style-src 'sha256-" + styleHash(pageStyle) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func styleHash(style string) string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Page is an answer to a navigation that does not lead where the person wanted.
type Page struct {
	Topic   Topic
	Status  int    // HTTP status, 400 to 599
	Error   string // the public error code, as in the JSON answers
	Errcode int    // WeChat's own, if it said one

	// Where the person wanted to go: an absolute http or https URL. NeedsWeChat
	// shows it, as a QR code too if that is readable, and NeedsBrowser as text.
	Address string
	// The path at which the login begins again, from AuthorizePath. Empty: no
	// link. Topics for which logging in again is no help show none.
	Again string
	// Rounded up to seconds; 0 sends no Retry-After.
	RetryAfter time.Duration
}

// Write answers a request with the page; method is the request's, as HEAD gets
// no body. Headers that are set already stay, but for those of a page's own.
func (p Page) Write(w http.ResponseWriter, method string) {
	body := p.render()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer") // the address of a callback holds a code
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(p.Status)
	if method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func (p Page) render() []byte {
	if p.Topic < 0 || p.Topic >= topics {
		p.Topic = OtherRefusal
	}
	data := struct {
		Page
		Chinese, English words
		Style            template.CSS
		Code             *code
	}{Page: p, Chinese: text[p.Topic][0], English: text[p.Topic][1], Style: template.CSS(pageStyle)}
	if data.Chinese.Link == "" {
		data.Again = ""
	}
	switch p.Topic {
	case NeedsWeChat:
		data.Code = newCode(p.Address)
	case NeedsBrowser:
	default:
		data.Address = ""
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, data); err != nil {
		// Execute can fail on the template alone, and the tests render every topic.
		return []byte("<!DOCTYPE html><title>" + strconv.Itoa(p.Status) + "</title>")
	}
	return b.Bytes()
}
