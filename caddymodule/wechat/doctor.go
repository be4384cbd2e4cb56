// doctor.go: what is wrong or risky with the gateway that runs, as it sees itself.

package wechat

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/version"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// Levels of what a doctor finds.
const (
	findingOK    = "ok"
	findingRisk  = "risk"  // works, and may be abused or fail later
	findingWrong = "wrong" // does not work, or is open
)

// diagnosis is one thing that was looked at.
type diagnosis struct {
	About string `json:"about"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

// How far a clock may be off: WeChat's dates have whole seconds and a way to go, and
// what WeChat signs is refused when it is older than data_max_age, by default 10m.
const (
	riskySkew = 30 * time.Second
	wrongSkew = 5 * time.Minute
)

func diagnoseSkew(whose string, skew time.Duration) diagnosis {
	d := diagnosis{"clock", findingOK, fmt.Sprintf("within %v of %s", riskySkew, whose)}
	if skew = skew.Abs().Round(time.Second); skew > riskySkew {
		d.Level, d.Text = findingRisk, fmt.Sprintf("%v off %s: sessions end at other times than they say; have the time set by NTP", skew, whose)
		if skew > wrongSkew {
			d.Level = findingWrong
		}
	}
	return d
}

// adminDoctor answers what can be told from inside.
func adminDoctor(ctx context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, _ string) error {
	active, err := caddy.ActiveContext().AppIfConfigured("wechat")
	if err != nil {
		return adminError(http.StatusNotFound, "the running configuration has no app wechat")
	}
	app := active.(*App)
	found := []diagnosis{{"version", findingOK, version.String()}}
	health := e.Health(ctx)
	for _, part := range []struct {
		about string
		err   error
	}{{"store " + storeName(e.Store), health.Store}, {"wechat", health.WeChat}} {
		d := diagnosis{part.about, findingOK, "ok"}
		if part.err != nil {
			d.Level, d.Text = findingWrong, part.err.Error()
		}
		found = append(found, d)
	}
	if skew, ok := wechatSkew(ctx, app.apiBase); ok {
		found = append(found, diagnoseSkew("WeChat's clock", skew))
	}
	if app.APIBaseInsecure {
		found = append(found, diagnosis{"api_base", findingRisk, "insecure: the AppSecret goes over the network in the clear"})
	}
	for _, problem := range app.readableKeys() {
		found = append(found, diagnosis{"keys", findingRisk, problem.Error()})
	}
	if len(app.keyFiles()) > 0 && len(app.readableKeys()) == 0 {
		found = append(found, diagnosis{"keys", findingOK, "no other user of this machine can read the key files"})
	}
	openings, err := app.openings()
	if err != nil {
		return err
	}
	for _, o := range openings {
		found = append(found, diagnosis{"configuration", findingRisk, "site " + o.Site + ", path " + o.Path + ": " + o.Problem})
	}
	if len(openings) == 0 {
		found = append(found, diagnosis{"configuration", findingOK, "no way past the gate can be told from it"})
	}
	return adminJSON(w, map[string]any{"found": found})
}

// wechatSkew compares the clock with the Date of WeChat's API. It sends no credential.
func wechatSkew(ctx context.Context, base string) (time.Duration, bool) {
	if base == "" {
		base = weixin.DefaultBaseURL
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, base, nil)
	if err != nil {
		return 0, false
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	begin := time.Now()
	response, err := (&http.Client{Transport: transport, Timeout: adminTimeout}).Do(r)
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(begin), true
}
