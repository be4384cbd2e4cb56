// dashboard_test.go: the dashboard asks for metrics and labels that exist.

package observe

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestDashboardMatchesMetrics(t *testing.T) {
	text, err := os.ReadFile("../../../packaging/grafana/caddy-wechat.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}

	m := NewMetrics()
	m.Logins.WithLabelValues("a", "ok").Inc()
	m.Requests.WithLabelValues("a", "ok").Inc()
	m.API.WithLabelValues("c", "ok").Observe(1)
	m.Store.WithLabelValues("o", "ok").Observe(1)
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.Logins, m.Requests, m.API, m.Store)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{"caddy_wechat_sessions": {"appid"}}
	for _, family := range families {
		var names []string
		for _, label := range family.Metric[0].Label {
			names = append(names, label.GetName())
		}
		labels[family.GetName()] = names
	}

	series := regexp.MustCompile(`(caddy_wechat_[a-z_]+?)(?:_bucket|_count)?(?:\{([^}]*)\}|\[|\)|$)`)
	matcher := regexp.MustCompile(`([a-z]+)(?:=~|!=|=)`)
	asked := make(map[string]bool)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found := series.FindAllStringSubmatch(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("panel %q asks for no metric of ours: %s", panel.Title, target.Expr)
			}
			for _, s := range found {
				known, ok := labels[s[1]]
				if !ok {
					t.Errorf("panel %q asks for %s, which does not exist", panel.Title, s[1])
				}
				for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
					if !slices.Contains(known, m[1]) {
						t.Errorf("panel %q: %s has no label %s", panel.Title, s[1], m[1])
					}
				}
				asked[s[1]] = true
			}
		}
	}
	for name := range labels {
		if !asked[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}
