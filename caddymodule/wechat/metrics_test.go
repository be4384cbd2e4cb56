// metrics_test.go: what is counted, under which names, and that no client can
// make a series of its own (L8).

package wechat_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

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
func trouble(t *testing.T, gw *gatewaytest.Gateway) {
	t.Helper()
	for _, f := range []wechattest.Fault{{ErrCode: 40029}, {ErrCode: 40125}, {ErrCode: 45011}, {ErrCode: 40226}, {ErrCode: -1}, {Status: 500}, {Drop: true}} {
		gatewaytest.Login(t, gw, gatewaytest.Alice)
		f.Path = wechattest.PathCode2Session
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
		gatewaytest.Fault(t, gw, f)
		gw.H1.Do(t, x)
	}
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.H1.Do(t, gatewaytest.ByCode(t, gw, token, gatewaytest.Alice))
	gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)))
	gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Members{"encryptedData": "AAAA", "iv": "AAAA"}))
	gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session?check=wechat", Token: token})
	gw.H1.Do(t, gatewaytest.Call{Target: "/api", Token: token})
	gw.H1.Do(t, gatewaytest.Call{Target: "/api", Token: "x.y.z"})
	gw.H1.Do(t, gatewaytest.Call{Target: "/api"})
	gw.H1.Do(t, gatewaytest.Call{Target: "/public/x"})
	gw.H1.Do(t, gatewaytest.Call{Method: "CONNECT", Target: "/"})
	gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token})
	gw.H1.Do(t, gatewaytest.Call{Target: "/api", Token: token})
	gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Alice)
	gw.Ask(t, "DELETE", "/wechat/users/"+gatewaytest.AppA+"/"+gatewaytest.Eve)
}

// Two thousand users, paths, tokens and hosts that nobody has heard of: the
// series are those of before.
func TestMetrics(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth, Wechat: gatewaytest.InMemory, Admin: true, Global: "metrics"})
	trouble(t, gw)
	before := gatewaytest.Series(t, gw)
	requireClosedLabels(t, before)

	clients := []*gatewaytest.Client{gw.H1, gw.H2, gw.H2C}
	gw.Warm(t)
	var logins gatewaytest.Outcomes
	gatewaytest.Parallel(8, func(worker int) {
		for i := range 250 {
			c, n := clients[i%3], worker*250+i
			got, err := c.Try(gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.User(n)))
			logins.Add(got, err)
			x := gatewaytest.Call{Target: fmt.Sprintf("/path/%d?q=%d", n, n), Token: fmt.Sprintf("no.token.%d", n), Header: gatewaytest.Header("X-Random", fmt.Sprint(n), "User-Agent", fmt.Sprint(n))}
			if i%2 == 0 {
				x.Target, x.Token = fmt.Sprintf("/public/%d", n), ""
			}
			c.Try(x)
			c.Try(gatewaytest.Call{Method: "POST", Target: fmt.Sprintf("/wechat/%d", n)})
		}
	})
	logins.Require(t, map[string]int{"200": 2000})
	after := gatewaytest.Series(t, gw)
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
	if n := after[`caddy_wechat_sessions{appid="`+gatewaytest.AppA+`"}`]; !strings.HasPrefix(n, "20") {
		t.Errorf("%s sessions", n)
	}
}

// Counts go on over a reload: a counter that begins anew counts nothing.
func TestMetricsSurviveReload(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth, Wechat: gatewaytest.InMemory, Admin: true})
	trouble(t, gw)
	before := gatewaytest.Series(t, gw)
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Auth: gatewaytest.PublicAuth, Wechat: gatewaytest.InMemory + "api_timeout 4s\n", Admin: true})
	name := `caddy_wechat_logins_total{appid="` + gatewaytest.AppA + `",result="ok"}`
	gatewaytest.Await(t, "the metrics of the new configuration", func() bool { return gatewaytest.Series(t, gw)[name] == before[name] })
	gatewaytest.Login(t, gw, gatewaytest.Alice)
	after := gatewaytest.Series(t, gw)
	if fmt.Sprint(after[name]) == before[name] || len(after) != len(before) {
		t.Errorf("%d series, %s logins; before %d, %s", len(after), after[name], len(before), before[name])
	}
}
