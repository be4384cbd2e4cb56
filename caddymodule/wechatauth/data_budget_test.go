// data_budget_test.go: what shows data of WeChat's again and again.

package wechatauth_test

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// One good signature, sent again and again on one connection: it changes nothing, so it
// writes nothing, and a session may do it so often and no oftener.
func TestShownAgainWritesNothing(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Global: "metrics"})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	info := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)
	signed := gatewaytest.Members{"rawData": info.RawData, "signature": info.Signature}
	show := func() gatewaytest.Reply { return gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, signed)) }
	gatewaytest.RequireStatus(t, show(), 200)
	writes := func() (all string) {
		for name, value := range gatewaytest.Series(t, gw) {
			if strings.Contains(name, "store_duration_seconds_count") && !strings.Contains(name, `op="get"`) && !strings.Contains(name, `op="value"`) {
				all += name + " " + value + "\n"
			}
		}
		return all
	}
	sorted := func(text string) map[string]bool {
		lines := make(map[string]bool)
		for line := range strings.Lines(text) {
			lines[line] = true
		}
		return lines
	}
	before := sorted(writes())
	for range 20 {
		gatewaytest.RequireStatus(t, show(), 200)
	}
	for line := range sorted(writes()) {
		if !before[line] {
			t.Errorf("it was written: %s", line)
		}
	}
	limited := false
	for range 60 {
		got := show()
		if got.Status == 429 {
			gatewaytest.RequireProblem(t, got, 429, "rate_limited")
			limited = true
			break
		}
		gatewaytest.RequireStatus(t, got, 200)
	}
	if !limited {
		t.Error("a session may do so without end")
	}
}
