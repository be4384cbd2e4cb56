// metrics_test.go: what is counted, under which names, and that no client can
// make a series of its own (L8).

package integration

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// series are the samples of the gateway in /metrics, by name and labels.
func series(t *testing.T, gw *gateway) map[string]string {
	t.Helper()
	got := gw.ask(t, "GET", "/metrics")
	requireStatus(t, got, 200)
	all := make(map[string]string)
	for line := range strings.Lines(got.Body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "caddy_wechat_") {
			all[name] = value
		}
	}
	return all
}

// The labels, and what may stand in them. Everything else is a leak, of memory
// or of names.
var labelValues = map[string]*regexp.Regexp{
	"appid":   regexp.MustCompile(`^(wx[0-9a-f]{16})?$`),
	"call":    regexp.MustCompile(`^[a-z0-9_]{1,24}$`),
	"op":      regexp.MustCompile(`^(mark|create|get|update|delete|list|delete_user|value|update_value)$`),
	"result":  regexp.MustCompile(`^[a-z_]{1,24}$`),
	"version": regexp.MustCompile(`^[-()0-9A-Za-z.+]{1,64}$`),
	"le":      regexp.MustCompile(`^([0-9.e+-]+|\+Inf)$`),
}

var metricLabels = map[string]string{
	"caddy_wechat_logins_total":                  "appid result",
	"caddy_wechat_requests_total":                "appid result",
	"caddy_wechat_api_duration_seconds_bucket":   "call le result",
	"caddy_wechat_api_duration_seconds_sum":      "call result",
	"caddy_wechat_api_duration_seconds_count":    "call result",
	"caddy_wechat_store_duration_seconds_bucket": "le op result",
	"caddy_wechat_store_duration_seconds_sum":    "op result",
	"caddy_wechat_store_duration_seconds_count":  "op result",
	"caddy_wechat_sessions":                      "appid",
	"caddy_wechat_build_info":                    "version",
}

var seriesForm = regexp.MustCompile(`^([a-z_]+)\{(.*)\}$`)

func requireClosedLabels(t *testing.T, all map[string]string) {
	t.Helper()
	names := make(map[string]bool)
	for s := range all {
		m := seriesForm.FindStringSubmatch(s)
		if m == nil {
			t.Errorf("series %s has no labels", s)
			continue
		}
		var labels []string
		for _, pair := range strings.Split(m[2], ",") {
			label, value, _ := strings.Cut(pair, "=")
			labels = append(labels, label)
			if form := labelValues[label]; form == nil || !form.MatchString(strings.Trim(value, `"`)) {
				t.Errorf("series %s: label %s", s, pair)
			}
		}
		slices.Sort(labels)
		if want, ok := metricLabels[m[1]]; !ok || strings.Join(labels, " ") != want {
			t.Errorf("series %s; want the labels %q", s, want)
		}
		names[m[1]] = true
	}
	if len(names) != len(metricLabels) {
		t.Errorf("metrics %v; want %d names", slices.Sorted(maps.Keys(names)), len(metricLabels))
	}
}

// trouble makes every kind of answer once.
func trouble(t *testing.T, gw *gateway) {
	t.Helper()
	for _, f := range []wechattest.Fault{{ErrCode: 40029}, {ErrCode: 40125}, {ErrCode: 45011}, {ErrCode: 40226}, {ErrCode: -1}, {Status: 500}, {Drop: true}} {
		login(t, gw, alice)
		f.Path = wechattest.PathCode2Session
		x := loginCall(gw, appA, alice)
		fault(t, gw, f)
		gw.h1.do(t, x)
	}
	token := login(t, gw, alice)
	gw.h1.do(t, byCode(t, gw, token, alice))
	gw.h1.do(t, post("/wechat/userinfo", token, infoOf(t, gw, alice)))
	gw.h1.do(t, post("/wechat/opendata", token, members{"encryptedData": "AAAA", "iv": "AAAA"}))
	gw.h1.do(t, call{Target: "/wechat/session?check=wechat", Token: token})
	gw.h1.do(t, call{Target: "/api", Token: token})
	gw.h1.do(t, call{Target: "/api", Token: "x.y.z"})
	gw.h1.do(t, call{Target: "/api"})
	gw.h1.do(t, call{Target: "/public/x"})
	gw.h1.do(t, call{Method: "CONNECT", Target: "/"})
	gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: token})
	gw.h1.do(t, call{Target: "/api", Token: token})
	gw.listSessions(t, appA, alice)
	gw.ask(t, "DELETE", "/wechat/users/"+appA+"/"+eve)
}

// Two thousand users, paths, tokens and hosts that nobody has heard of: the
// series are those of before.
func TestMetrics(t *testing.T) {
	gw := startAdmin(t, setup{Auth: publicAuth, Wechat: inMemory, Admin: true, Global: "metrics"})
	trouble(t, gw)
	before := series(t, gw)
	requireClosedLabels(t, before)

	clients := []*client{gw.h1, gw.h2, gw.h2c}
	gw.warm(t)
	var logins outcomes
	parallel(8, func(worker int) {
		for i := range 250 {
			c, n := clients[i%3], worker*250+i
			got, err := c.try(loginCall(gw, appA, user(n)))
			logins.add(got, err)
			x := call{Target: fmt.Sprintf("/path/%d?q=%d", n, n), Token: fmt.Sprintf("no.token.%d", n), Header: header("X-Random", fmt.Sprint(n), "User-Agent", fmt.Sprint(n))}
			if i%2 == 0 {
				x.Target, x.Token = fmt.Sprintf("/public/%d", n), ""
			}
			c.try(x)
			c.try(call{Method: "POST", Target: fmt.Sprintf("/wechat/%d", n)})
		}
	})
	logins.require(t, map[string]int{"200": 2000})
	after := series(t, gw)
	requireClosedLabels(t, after)
	for s := range after {
		if _, ok := before[s]; !ok {
			t.Errorf("a new series: %s", s)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d series; %d before", len(after), len(before))
	}
	// 10 of alice's earlier ones at most, and the two thousand
	if n := after[`caddy_wechat_sessions{appid="`+appA+`"}`]; !strings.HasPrefix(n, "20") {
		t.Errorf("%s sessions", n)
	}
}

// Counts go on over a reload: a counter that begins anew counts nothing.
func TestMetricsSurviveReload(t *testing.T) {
	gw := startAdmin(t, setup{Auth: publicAuth, Wechat: inMemory, Admin: true})
	trouble(t, gw)
	before := series(t, gw)
	reload(t, gw, setup{Auth: publicAuth, Wechat: inMemory + "api_timeout 4s\n", Admin: true})
	name := `caddy_wechat_logins_total{appid="` + appA + `",result="ok"}`
	await(t, "the metrics of the new configuration", func() bool { return series(t, gw)[name] == before[name] })
	login(t, gw, alice)
	after := series(t, gw)
	if fmt.Sprint(after[name]) == before[name] || len(after) != len(before) {
		t.Errorf("%d series, %s logins; before %d, %s", len(after), after[name], len(before), before[name])
	}
}
