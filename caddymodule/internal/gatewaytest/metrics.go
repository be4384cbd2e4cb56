// metrics.go: the series of the metrics endpoint.

package gatewaytest

import (
	"strings"
	"testing"
)

// Series are the samples of the gateway in /metrics, by name and labels.
func Series(t *testing.T, gw *Gateway) map[string]string {
	t.Helper()
	got := gw.Ask(t, "GET", "/metrics")
	RequireStatus(t, got, 200)
	all := make(map[string]string)
	for line := range strings.Lines(got.Body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "caddy_wechat_") {
			all[name] = value
		}
	}
	return all
}
