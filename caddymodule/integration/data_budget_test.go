// data_budget_test.go: what shows data of WeChat's again and again.

package integration

import (
	"strings"
	"testing"
)

// One good signature, sent again and again on one connection: it changes nothing, so it
// writes nothing, and a session may do it so often and no oftener.
func TestShownAgainWritesNothing(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Global: "metrics"})
	token := login(t, gw, alice)
	info := infoOf(t, gw, alice)
	signed := members{"rawData": info.RawData, "signature": info.Signature}
	show := func() reply { return gw.h1.do(t, post("/wechat/userinfo", token, signed)) }
	requireStatus(t, show(), 200)
	writes := func() (all string) {
		for name, value := range series(t, gw) {
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
		requireStatus(t, show(), 200)
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
			requireProblem(t, got, 429, "rate_limited")
			limited = true
			break
		}
		requireStatus(t, got, 200)
	}
	if !limited {
		t.Error("a session may do so without end")
	}
}
