// bench_test.go: what the gate costs a request, and what a login costs without
// WeChat. Run with  go test -run - -bench . -benchmem ./caddymodule

package caddymodule

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// gate makes a handler of an app, as Provision does, with the changes applied.
func gate(tb testing.TB, a *App, change func(*Handler)) *Handler {
	tb.Helper()
	h := &Handler{Prefix: defaultPrefix, app: a, auth: a}
	if change != nil {
		change(h)
	}
	var err error
	if h.accepted, err = a.choose(h.Apps); err != nil {
		tb.Fatal(err)
	}
	if h.public, err = newPublicPaths(h.Public); err != nil {
		tb.Fatal(err)
	}
	return h
}

// nobody is a client that looks at nothing.
type nobody struct{ header http.Header }

func (w nobody) Header() http.Header         { return w.header }
func (w nobody) Write(b []byte) (int, error) { return len(b), nil }
func (w nobody) WriteHeader(int)             {}

// backend counts the requests that reach it as a user's, and as nobody's.
type backend struct{ known, unknown int }

func (b *backend) ServeHTTP(_ http.ResponseWriter, r *http.Request) error {
	if r.Header[headerOpenID] != nil {
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
// so that its own memory is as near as it is then; the gate's share of the time is
// the metric gate-ns/op, with one reading of the clock (some 40 ns) in it.
func serve(b *testing.B, h *Handler, next func() *http.Request) *backend {
	b.Helper()
	b.ReportAllocs()
	served := new(backend)
	w := nobody{make(http.Header)}
	var spent time.Duration
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
		spent += time.Since(start)
		if n%4096 == 0 {
			runtime.ReadMemStats(&after)
			allocs = after.Mallocs - before.Mallocs
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "gate-ns/op")
	b.ReportMetric(float64(allocs), "gate-allocs/op")
	return served
}

// benchApp is an app with room for n sessions.
func benchApp(b *testing.B, n int, changes object) *App {
	b.Helper()
	config := object{"store": object{"store": "memory", "max_sessions": max(n, 1000) * 2}, "sessions_per_user": 1000, "login_rate": object{"attempts": -1}}
	for name, value := range changes {
		config[name] = value
	}
	return provisionApp(b, wechatApp(config))
}

// openids of the length that WeChat's have
func benchOpenID(n int) string { return fmt.Sprintf("oGZUI0egBJY1zhBYw2%010d", n) }

func benchLogin(b *testing.B, a *App, id session.Identity) (*session.Session, string) {
	b.Helper()
	id.AppID, id.SessionKey = configAppID, "tiihtNczf5v6AKRyjwEUhQ=="
	s, err := a.sessions.Login(context.Background(), id)
	if err != nil {
		b.Fatal(err)
	}
	text, err := a.mint(s)
	if err != nil {
		b.Fatal(err)
	}
	return s, text
}

// Users who were seen before, picked at random: the normal case.
func BenchmarkGateWarm(b *testing.B) {
	for _, size := range []int{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			if size > 100_000 && testing.Short() {
				b.Skip("a million sessions take a gigabyte")
			}
			a := benchApp(b, size, nil)
			tokens := make([]string, size)
			for n := range tokens {
				_, tokens[n] = benchLogin(b, a, session.Identity{OpenID: benchOpenID(n)})
				if _, err := a.authenticate(b.Context(), tokens[n]); err != nil {
					b.Fatal(err)
				}
			}
			rng := rand.New(rand.NewPCG(1, 1))
			served := serve(b, gate(b, a, nil), func() *http.Request {
				return arrive("/api/orders?page=2", tokens[rng.IntN(size)])
			})
			if served.known != b.N {
				b.Fatalf("%d of %d requests arrived with an identity", served.known, b.N)
			}
		})
	}
}

// Every request is the first one of its token on this node.
func BenchmarkGateFirstSight(b *testing.B) {
	const users = 4096
	for _, algorithm := range []string{"HS256", "EdDSA", "ES256", "RS256"} {
		b.Run(algorithm, func(b *testing.B) {
			a := benchApp(b, users, object{"token": object{"algorithm": algorithm}})
			tokens := make([]string, users)
			for n := range tokens {
				_, tokens[n] = benchLogin(b, a, session.Identity{OpenID: benchOpenID(n)})
			}
			n := 0
			served := serve(b, gate(b, a, nil), func() *http.Request {
				n = (n + 1) % users
				a.tokens.Load().seen.drop(digestToken(tokens[n]))
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
					if _, err := a.sessions.Update(b.Context(), s.ID, func(s *session.Session) error {
						s.Phone = &session.Phone{PhoneNumber: "13800000000", PurePhoneNumber: "13800000000", CountryCode: "86"}
						return nil
					}); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := a.authenticate(b.Context(), tokens[n]); err != nil {
					b.Fatal(err)
				}
			}
			rng := rand.New(rand.NewPCG(1, 1))
			var last *http.Request
			served := serve(b, gate(b, a, nil), func() *http.Request {
				last = arrive("/api/orders?page=2", tokens[rng.IntN(users)])
				return last
			})
			if served.known != b.N {
				b.Fatalf("%d of %d requests arrived with an identity", served.known, b.N)
			}
			if (last.Header[headerPhone] != nil) != all {
				b.Fatal("the headers are not those that were to be measured")
			}
		})
	}
}

// Nobody, on a path that needs nobody: the health check of a load balancer.
func BenchmarkAnonymousPublic(b *testing.B) {
	h := gate(b, benchApp(b, 1, nil), func(h *Handler) { h.Public = []string{"/favicon.ico", "/static/*", "/healthz"} })
	if served := serve(b, h, func() *http.Request { return arrive("/healthz", "") }); served.unknown != b.N {
		b.Fatalf("%d of %d requests arrived", served.unknown, b.N)
	}
}

// A login without the time that WeChat takes: "endpoint" is the whole call with an
// exchange against a server in this process, "gateway" the part of it that needs
// no network: spending the code, keeping key and session, minting the token.
func BenchmarkLogin(b *testing.B) {
	const users = 100_000
	wechat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := r.URL.Query().Get("js_code")
		fmt.Fprintf(w, `{"openid":"oGZUI0egBJY1zhBYw2%s","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}`, code[len(code)-10:])
	}))
	defer wechat.Close()
	app := func(b *testing.B) *App {
		return benchApp(b, 1<<20, object{"api_base": wechat.URL, "sessions_per_user": 2})
	}

	b.Run("endpoint", func(b *testing.B) {
		a := app(b)
		h := gate(b, a, nil)
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			body := fmt.Sprintf(`{"code":"0a3Xyz%020d%010d"}`, n, n%users)
			r := httptest.NewRequest(http.MethodPost, "/wechat/login", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nobody{}, benchServer)
			rec := httptest.NewRecorder()
			if err := h.ServeHTTP(rec, r, nil); err != nil || rec.Code != http.StatusOK {
				b.Fatal(err, rec.Code, rec.Body)
			}
		}
	})
	b.Run("gateway", func(b *testing.B) {
		a := app(b)
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			first, err := a.sessions.RedeemCode(b.Context(), configAppID, fmt.Sprintf("0a3Xyz%020d", n))
			if err != nil || !first {
				b.Fatal(err, first)
			}
			benchLogin(b, a, session.Identity{OpenID: benchOpenID(n % users)})
		}
	})
	b.Run("exchange", func(b *testing.B) { // what of it is HTTP, the server's half included
		b.ReportAllocs()
		client := &http.Client{Timeout: 5 * time.Second}
		for b.Loop() {
			resp, err := client.Get(wechat.URL + "/sns/jscode2session?js_code=0123456789")
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}
