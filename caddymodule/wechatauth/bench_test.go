// bench_test.go: what the gate costs a request. Run with  go test -run - -bench . -benchmem ./caddymodule/wechatauth

package wechatauth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/patrickmn/go-cache"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatauth"
)

// gateOf makes a handler of an app, as Caddy does.
func gateOf(tb testing.TB, a benched, config gatewaytest.Object) *wechatauth.Handler {
	tb.Helper()
	return gatewaytest.Load[*wechatauth.Handler](tb, a.ctx, "http.handlers.wechat_auth", config)
}

// benched is an app for the benchmarks.
type benched struct {
	*engine.Engine
	ctx caddy.Context
}

// nobody is a client that looks at nothing.
type nobody struct{ header http.Header }

func (w nobody) Header() http.Header         { return w.header }
func (w nobody) Write(b []byte) (int, error) { return len(b), nil }
func (w nobody) WriteHeader(int)             {}

// backend counts the requests that reach it as a user's, and as nobody's.
type backend struct{ known, unknown int }

func (b *backend) ServeHTTP(_ http.ResponseWriter, r *http.Request) error {
	if r.Header[gate.HeaderOpenID] != nil {
		b.known++
	} else {
		b.unknown++
	}
	return nil
}

var benchServer = new(caddyhttp.Server)

// arrive makes a request as it comes from a mini program, in the state in which
// Caddy hands it to a directive. An empty token sends none.
func arrive(path, token string) *http.Request {
	h := http.Header{
		"Accept":          {"*/*"},
		"Accept-Encoding": {"gzip,compress,br,deflate"},
		"Accept-Language": {"zh-CN,zh-Hans;q=0.9"},
		"Connection":      {"keep-alive"},
		"Content-Type":    {"application/json"},
		"Referer":         {"https://servicewechat.com/wx0123456789abcdef/12/page-frame.html"},
		"User-Agent":      {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"},
		"X-Request-Id":    {"0190a8f2-6c1e-7c3e-9f7a-3f6a5b9d2c11"},
	}
	if token != "" {
		h["Authorization"] = []string{"Bearer " + token}
	}
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header = h
	r.RemoteAddr = "203.0.113.7:40312"
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nobody{}, benchServer)
}

// serve runs requests through the gate. Each is made right before, as Caddy does,
// so that its own memory is as near as it is then. The metrics gate-ns/op and
// gate-p50-ns are the gate's share of the time, with one reading of the clock
// (some 50 ns) in each. The mean has the collection of garbage in it, which with
// a million sessions is what is slow in a process that makes nothing but
// requests; the median has not. gate-max-us is the longest that one took.
func serve(b *testing.B, h *wechatauth.Handler, next func() *http.Request) *backend {
	b.Helper()
	b.ReportAllocs()
	served := new(backend)
	w := nobody{make(http.Header)}
	var spent, longest time.Duration
	var lengths [2000]int // how many took so many times 10 ns
	var before, after runtime.MemStats
	allocs := uint64(0)
	for n := 0; b.Loop(); n++ {
		r := next()
		if n%4096 == 0 {
			runtime.ReadMemStats(&before)
		}
		start := time.Now()
		if err := h.ServeHTTP(w, r, served); err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		spent += took
		longest = max(longest, took)
		lengths[min(int(took/10), len(lengths)-1)]++
		if n%4096 == 0 {
			runtime.ReadMemStats(&after)
			allocs = after.Mallocs - before.Mallocs
		}
	}
	median, below := 0, lengths[0]
	for below < b.N/2 {
		median++
		below += lengths[median]
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "gate-ns/op")
	b.ReportMetric(float64(10*median), "gate-p50-ns")
	b.ReportMetric(float64(longest.Microseconds()), "gate-max-us")
	b.ReportMetric(float64(allocs), "gate-allocs/op")
	return served
}

// benchApp is an app with room for n sessions.
func benchApp(b *testing.B, n int, changes gatewaytest.Object) benched {
	b.Helper()
	config := gatewaytest.Object{
		"store":             gatewaytest.Object{"store": "memory", "max_sessions": max(n, 1000) * 2},
		"sessions_per_user": 1000, "login_rate": gatewaytest.Object{"attempts": -1},
	}
	for name, value := range changes {
		config[name] = value
	}
	ctx, app := gatewaytest.Provision(b, gatewaytest.App(config))
	return benched{app.Engine(), ctx}
}

// openids of the length that WeChat's have
func benchOpenID(n int) string { return fmt.Sprintf("oGZUI0egBJY1zhBYw2%010d", n) }

func benchLogin(b *testing.B, a benched, id session.Identity) (*session.Session, string) {
	b.Helper()
	id.AppID, id.SessionKey = gatewaytest.AppID, "tiihtNczf5v6AKRyjwEUhQ=="
	s, err := a.Sessions.Login(context.Background(), id)
	if err != nil {
		b.Fatal(err)
	}
	text, err := a.Gate.Mint(s)
	if err != nil {
		b.Fatal(err)
	}
	return s, text
}

// Users who were seen before, picked at random: the normal case. "fresh" makes each
// request anew, as Caddy does; "again" changes the user of one that exists, so that
// the memory that is waited for is the gate's own.
func BenchmarkGateWarm(b *testing.B) {
	for _, size := range []int{1, 10_000, 1_000_000} {
		if size > 100_000 && testing.Short() {
			continue // a million sessions take a gigabyte
		}
		a := benchApp(b, size, nil)
		tokens := make([]string, size)
		for n := range tokens {
			_, tokens[n] = benchLogin(b, a, session.Identity{OpenID: benchOpenID(n)})
			if _, err := a.Gate.Authenticate(b.Context(), tokens[n]); err != nil {
				b.Fatal(err)
			}
		}
		h := gateOf(b, a, gatewaytest.Object{})
		rng := rand.New(rand.NewPCG(1, 1))
		fresh := func() *http.Request { return arrive("/api/orders?page=2", tokens[rng.IntN(size)]) }
		var r *http.Request
		n := 0
		again := func() *http.Request {
			// what the gate hangs on a request grows, so it is not used for ever
			if n++; n%64 == 1 {
				r = fresh()
			}
			r.Header["Authorization"] = []string{"Bearer " + tokens[rng.IntN(size)]}
			r.Header["Connection"] = []string{"keep-alive"}
			delete(r.Header, gate.HeaderOpenID)
			delete(r.Header, gate.HeaderAppID)
			return r
		}
		for _, bench := range []struct {
			name string
			next func() *http.Request
		}{{"fresh", fresh}, {"again", again}} {
			b.Run(fmt.Sprintf("%s/%d", bench.name, size), func(b *testing.B) {
				if served := serve(b, h, bench.next); served.known != b.N {
					b.Fatalf("%d of %d requests arrived with an identity", served.known, b.N)
				}
			})
		}
	}
}

// To judge BenchmarkGateWarm by on the machine at hand: one random read of a
// go-cache with a million entries, and the usual way to verify a token.
func BenchmarkForComparison(b *testing.B) {
	b.Run("go-cache/1000000", func(b *testing.B) {
		const size = 1_000_000
		c := cache.New(time.Hour, 0)
		keys := make([]string, size)
		for n := range keys {
			keys[n] = fmt.Sprintf("%022d", n)
			c.SetDefault(keys[n], &session.Session{})
		}
		rng := rand.New(rand.NewPCG(1, 1))
		b.ReportAllocs()
		for b.Loop() {
			key := strings.Clone(keys[rng.IntN(size)]) // as from a token: not the table's own
			if _, ok := c.Get(key); !ok {
				b.Fatal("a key is gone")
			}
		}
	})
	b.Run("golang-jwt", func(b *testing.B) {
		a := benchApp(b, 1, nil)
		_, text := benchLogin(b, a, session.Identity{OpenID: benchOpenID(1)})
		text = strings.Join(strings.Split(text, ".")[:2], ".")
		secret := []byte("0123456789abcdef0123456789abcdef")
		signature, err := jwt.SigningMethodHS256.Sign(text, secret)
		if err != nil {
			b.Fatal(err)
		}
		text += "." + base64.RawURLEncoding.EncodeToString(signature)
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parser.Parse(text, func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Every request is the first one of its token on this node.
func BenchmarkGateFirstSight(b *testing.B) {
	const users = 4096
	for _, algorithm := range []string{"HS256", "EdDSA", "ES256", "RS256"} {
		b.Run(algorithm, func(b *testing.B) {
			a := benchApp(b, users, gatewaytest.Object{"token": gatewaytest.Object{"algorithm": algorithm}})
			tokens := make([]string, users)
			for n := range tokens {
				_, tokens[n] = benchLogin(b, a, session.Identity{OpenID: benchOpenID(n)})
			}
			n := 0
			served := serve(b, gateOf(b, a, gatewaytest.Object{}), func() *http.Request {
				if n = (n + 1) % users; n == 0 {
					a.Gate.Sweep(time.Now().Add(1000 * time.Hour)) // nobody lives then: all are forgotten
				}
				return arrive("/api/orders?page=2", tokens[n])
			})
			if served.known != b.N {
				b.Fatalf("%d of %d requests arrived with an identity", served.known, b.N)
			}
		})
	}
}

// All five identity headers against the two that every caller has.
func BenchmarkGateAllHeaders(b *testing.B) {
	for _, all := range []bool{false, true} {
		name := "two"
		if all {
			name = "five"
		}
		b.Run(name, func(b *testing.B) {
			const users = 10_000
			a := benchApp(b, users, nil)
			tokens := make([]string, users)
			for n := range tokens {
				id := session.Identity{OpenID: benchOpenID(n)}
				if all {
					id.UnionID = fmt.Sprintf("o6_bmasdasdsad6_2sgVt7%06d", n)
					id.UserInfo = []byte(`{"nickName":"微信用户","gender":0,"language":"zh_CN","city":"","province":"","country":"","avatarUrl":"https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132"}`)
				}
				var s *session.Session
				s, tokens[n] = benchLogin(b, a, id)
				if all {
					if _, err := a.Sessions.Update(b.Context(), s.ID, func(s *session.Session) error {
						s.Phone = &session.Phone{PhoneNumber: "13800000000", PurePhoneNumber: "13800000000", CountryCode: "86"}
						return nil
					}); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := a.Gate.Authenticate(b.Context(), tokens[n]); err != nil {
					b.Fatal(err)
				}
			}
			rng := rand.New(rand.NewPCG(1, 1))
			var last *http.Request
			served := serve(b, gateOf(b, a, gatewaytest.Object{}), func() *http.Request {
				last = arrive("/api/orders?page=2", tokens[rng.IntN(users)])
				return last
			})
			if served.known != b.N {
				b.Fatalf("%d of %d requests arrived with an identity", served.known, b.N)
			}
			if (last.Header[gate.HeaderPhone] != nil) != all {
				b.Fatal("the headers are not those that were to be measured")
			}
		})
	}
}

// Nobody, on a path that needs nobody: the health check of a load balancer.
func BenchmarkAnonymousPublic(b *testing.B) {
	h := gateOf(b, benchApp(b, 1, nil), gatewaytest.Object{"public": []any{"/favicon.ico", "/static/*", "/healthz"}})
	if served := serve(b, h, func() *http.Request { return arrive("/healthz", "") }); served.unknown != b.N {
		b.Fatalf("%d of %d requests arrived", served.unknown, b.N)
	}
}
