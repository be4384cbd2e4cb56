// metrics.go: what is counted. All labels come from closed sets; an openid, a
// path or a text from outside would make a series of its own for each.

// Package observe tells the operator what the gateway does: log lines, metrics, and
// spans of the session store. Nothing in it decides anything.
package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/version"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Metrics are the collectors of a process: they outlive configurations, as a counter
// that starts anew at each reload counts nothing.
type Metrics struct {
	Logins   *prometheus.CounterVec   // appid, result
	Requests *prometheus.CounterVec   // appid, result
	Relayed  *prometheus.CounterVec   // appid, result
	API      *prometheus.HistogramVec // call, result
	Store    *prometheus.HistogramVec // op, result
	Build    *prometheus.GaugeVec     // version
}

// Destruct implements caddy.Destructor; there is nothing to free.
func (*Metrics) Destruct() error { return nil }

// NewMetrics makes the collectors.
func NewMetrics() *Metrics {
	const namespace, subsystem = "caddy", "wechat"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
		}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets,
		}, labels)
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "build_info", Help: "The version of the gateway; the value is 1.",
	}, []string{"version"})
	build.WithLabelValues(version.String()).Set(1)
	return &Metrics{
		Build:    build,
		Logins:   counter("logins_total", "Logins by app and result.", "appid", "result"),
		Requests: counter("requests_total", "Requests at the gate by app and result; the app is empty when nobody is behind the request.", "appid", "result"),
		Relayed:  counter("relay_requests_total", "Calls of backends to WeChat's API through the relay by app and result.", "appid", "result"),
		API: histogram("api_duration_seconds", "Time of calls to WeChat by call and result.",
			[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "call", "result"),
		Store: histogram("store_duration_seconds", "Time of calls to the session store by operation and result.",
			[]float64{.00001, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 2.5}, "op", "result"),
	}
}

// Collectors are what a registry is to show.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.Build, m.Logins, m.Requests, m.Relayed, m.API, m.Store}
}

// countTimeout is how long the store may take to count for one scrape.
const countTimeout = time.Second

var sessionsDesc = prometheus.NewDesc("caddy_wechat_sessions", "Live sessions by app.", []string{"appid"}, nil)

// SessionCollector asks the store when Prometheus asks us. A store that cannot
// count, or does not answer, gives no sample rather than a wrong one.
type SessionCollector struct {
	Store session.Store
	Apps  apps.List
}

// Describe implements prometheus.Collector.
func (c SessionCollector) Describe(ch chan<- *prometheus.Desc) { ch <- sessionsDesc }

// Collect implements prometheus.Collector.
func (c SessionCollector) Collect(ch chan<- prometheus.Metric) {
	counter, ok := c.Store.(session.Counter)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	counts, err := counter.Count(ctx)
	if err != nil {
		return
	}
	for _, app := range c.Apps {
		ch <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue,
			float64(counts[session.AppTag(app.AppID)]), app.AppID)
	}
}
