// metrics.go: what is counted. All labels come from closed sets; an openid, a
// path or a text from outside would make a series of its own for each.

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// metrics are the collectors of the process.
type metrics struct {
	logins   *prometheus.CounterVec   // appid, result
	requests *prometheus.CounterVec   // appid, result
	api      *prometheus.HistogramVec // call, result
	store    *prometheus.HistogramVec // op, result
}

// metricsPool keeps the counts over reloads: each configuration has a registry
// of its own, but a counter that starts anew at each reload counts nothing.
var metricsPool = caddy.NewUsagePool()

const metricsKey = "metrics"

// Destruct implements caddy.Destructor; there is nothing to free.
func (*metrics) Destruct() error { return nil }

func newMetrics() *metrics {
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
	return &metrics{
		logins:   counter("logins_total", "Logins by app and result.", "appid", "result"),
		requests: counter("requests_total", "Requests at the gate by app and result; the app is empty when nobody is behind the request.", "appid", "result"),
		api: histogram("api_duration_seconds", "Time of calls to WeChat by call and result.",
			[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "call", "result"),
		store: histogram("store_duration_seconds", "Time of calls to the session store by operation and result.",
			[]float64{.00001, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 2.5}, "op", "result"),
	}
}

// provisionMetrics takes the process's collectors and shows them in the
// registry of this configuration.
func (a *App) provisionMetrics(ctx caddy.Context) error {
	pooled, _, err := metricsPool.LoadOrNew(metricsKey, func() (caddy.Destructor, error) { return newMetrics(), nil })
	if err != nil {
		return err
	}
	a.release(metricsPool, metricsKey)
	a.metrics = pooled.(*metrics)
	registry := ctx.GetMetricsRegistry()
	for _, collector := range []prometheus.Collector{
		a.metrics.logins, a.metrics.requests, a.metrics.api, a.metrics.store, sessionCollector{a},
	} {
		if err := registry.Register(collector); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return fmt.Errorf("registering metrics: %v", err)
		}
	}
	for _, app := range a.Apps {
		app.passed = a.metrics.requests.WithLabelValues(app.AppID, "ok")
	}
	return nil
}

// countTimeout is how long the store may take to count for one scrape.
const countTimeout = time.Second

var sessionsDesc = prometheus.NewDesc("caddy_wechat_sessions", "Live sessions by app.", []string{"appid"}, nil)

// sessionCollector asks the store when Prometheus asks us. A store that cannot
// count, or does not answer, gives no sample rather than a wrong one.
type sessionCollector struct{ app *App }

func (c sessionCollector) Describe(ch chan<- *prometheus.Desc) { ch <- sessionsDesc }

func (c sessionCollector) Collect(ch chan<- prometheus.Metric) {
	counter, ok := c.app.store.(session.Counter)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	counts, err := counter.Count(ctx)
	if err != nil {
		return
	}
	for _, app := range c.app.Apps {
		ch <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue,
			float64(counts[session.AppTag(app.AppID)]), app.AppID)
	}
}
