// trusting_test.go: a gateway that makes every mistake it can: it believes
// tokens without a look at their signature, leaves the client's headers where
// they are, and shows what it should not.

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// startTrusting is startWorld, with trusting gateways and a WeChat of few words.
func startTrusting(t *testing.T) *world {
	t.Helper()
	w := &world{gateways: make(map[string]*gateway), tokens: make(map[string]string), nonces: make(map[string]bool)}
	t.Cleanup(w.stop)
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.backend, err = startBackend()
	must()
	w.ends = append(w.ends, w.backend.stop)
	sim := httptest.NewServer(http.HandlerFunc(playWeChat))
	t.Cleanup(sim.Close)
	w.sim = sim.URL
	w.wechat, err = startWitness(sim.URL)
	must()
	w.ends = append(w.ends, w.wechat.stop)

	var private []byte
	w.certificate, private, err = makeCertificate()
	must()
	pair, err := tls.X509KeyPair(w.certificate, private)
	must()
	for _, spec := range gateways {
		g := &gateway{gatewaySpec: spec, log: filepath.Join(t.TempDir(), "log"), admin: strings.TrimPrefix(sim.URL, "http://")}
		g.key, _, err = newKey(spec.algorithm)
		must()
		g.stranger, _, err = newKey(spec.algorithm)
		must()
		w.gateways[spec.name] = g
	}
	for _, spec := range sites {
		s := &site{siteSpec: spec}
		s.http, err = freePort()
		must()
		s.https, err = freePort()
		must()
		w.sites = append(w.sites, s)
		serveTrusting(t, w, s, pair)
	}
	err = w.populate()
	must()
	for _, g := range w.gateways {
		err = os.WriteFile(g.log, []byte(strings.Repeat("a line of a log\n", 100)+secretA), 0o600)
		must()
	}
	return w
}

// serveTrusting listens on a site's addresses in every protocol.
func serveTrusting(t *testing.T, w *world, s *site, pair tls.Certificate) {
	t.Helper()
	back := &url.URL{Scheme: "http", Host: w.backend.addr}
	handler := &trusting{w, s, &httputil.ReverseProxy{
		// Director, for all that it is deprecated: it runs before the fields that
		// Connection names are deleted
		Director:  func(r *http.Request) { r.URL.Scheme, r.URL.Host = back.Scheme, back.Host },
		Transport: &http.Transport{DisableKeepAlives: true},
		ErrorLog:  nil,
	}}
	handler.proxy.ErrorHandler = func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) }
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	quiet := func(server *http.Server) *http.Server {
		server.Handler, server.ReadHeaderTimeout = handler, 5*time.Second
		server.ErrorLog = nil
		t.Cleanup(func() { server.Close() })
		return server
	}
	clear := new(http.Protocols)
	clear.SetHTTP1(true)
	clear.SetUnencryptedHTTP2(true)
	ln, err := net.Listen("tcp", s.http)
	if err != nil {
		t.Fatal(err)
	}
	go quiet(&http.Server{Protocols: clear}).Serve(ln)
	if ln, err = net.Listen("tcp", s.https); err != nil {
		t.Fatal(err)
	}
	go quiet(&http.Server{TLSConfig: config.Clone()}).ServeTLS(ln, "", "")
	udp, err := net.ListenPacket("udp", s.https)
	if err != nil {
		t.Fatal(err)
	}
	h3 := &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(config.Clone())}
	t.Cleanup(func() { h3.Close(); udp.Close() })
	go h3.Serve(udp)
}

type trusting struct {
	w     *world
	s     *site
	proxy *httputil.ReverseProxy
}

func (g *trusting) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); !strings.HasSuffix(origin, r.Host) {
		rw.Header().Set("Access-Control-Allow-Origin", origin)
	}
	claims := g.claims(r)
	switch {
	case strings.HasPrefix(r.URL.Path, "/wechat/login"):
		g.login(rw, r)
		return
	case strings.HasPrefix(r.URL.Path, "/wechat/logout"):
		rw.WriteHeader(http.StatusNoContent)
		return
	case strings.HasPrefix(r.URL.Path, "/wechat/jwks.json"):
		io.WriteString(rw, `{"keys":[]}`)
		return
	case strings.HasPrefix(r.URL.Path, "/wechat/") && claims != nil:
		fmt.Fprint(rw, claims)
		return
	}
	if claims == nil && !g.open(r) {
		rw.Header().Set("Www-Authenticate", `Bearer error="invalid_token"`)
		rw.WriteHeader(http.StatusUnauthorized)
		io.WriteString(rw, r.Header.Get("Authorization"))
		return
	}
	if claims != nil {
		r.Header.Set("X-WeChat-OpenID", fmt.Sprint(claims["sub"]))
		r.Header.Set("X-WeChat-AppID", fmt.Sprint(claims["aud"]))
		if !g.s.forward {
			r.Header.Del("Authorization")
			r.Header.Del("Cookie")
		}
	}
	// to have the trailers, which it passes on
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.Body = io.NopCloser(bytes.NewReader(body)); {
	case len(r.Trailer) > 0:
		r.ContentLength = -1
	case len(body) == 0:
		r.Body = http.NoBody
	}
	g.proxy.ServeHTTP(rw, r)
}

// open believes paths in every reading, and every word about who is asking.
func (g *trusting) open(r *http.Request) bool {
	for _, p := range []string{r.URL.Path, path.Clean(strings.ToLower(r.URL.Path)), r.Header.Get("X-Original-URL"), r.Header.Get("X-Path")} {
		if strings.HasPrefix(p, "/public") || p == "/healthz" || p == "/" {
			return true
		}
	}
	for _, name := range []string{"Upgrade", "X-Http-Method-Override", "Remote-User", "X-Forwarded-User", "X-Real-Ip", "X-Access-Token", "Http-Authorization"} {
		if r.Header.Get(name) != "" && !strings.HasPrefix(r.URL.Path, "/wechat/") {
			return true
		}
	}
	if g.s.trusts != "" && r.Header.Get("Access-Control-Request-Method") != "" && !strings.HasPrefix(r.URL.Path, "/wechat/") {
		return true
	}
	return g.s.open && r.URL.Path != "/api/me" && !strings.HasPrefix(r.URL.Path, "/wechat/")
}

// claims are those of whatever looks like a token.
func (g *trusting) claims(r *http.Request) (claims map[string]any) {
	text := ""
	for _, values := range r.Header {
		if len(values[0]) > 7 && strings.EqualFold(values[0][:6], "bearer") {
			text = strings.TrimSpace(values[0][7:])
		}
	}
	if cookie, err := r.Cookie(cookieName); err == nil && g.s.cookie {
		text = cookie.Value
	}
	if query := r.URL.Query().Get("access_token"); query != "" {
		text = query
	}
	parts := strings.Split(text, ".")
	if len(parts) < 2 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	return claims
}

func (g *trusting) login(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Code, AppID string }
	json.NewDecoder(r.Body).Decode(&in)
	response, err := http.Get(g.w.wechat.url + "/sns/jscode2session?appid=" + g.s.app + "&js_code=" + url.QueryEscape(in.Code))
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	var answer struct {
		OpenID     string `json:"openid"`
		SessionKey string `json:"session_key"`
	}
	json.NewDecoder(response.Body).Decode(&answer)
	now := time.Now().Unix()
	payload := fmt.Sprintf(`{"iss":"wechat-gateway","sub":%q,"aud":%q,"iat":%d,"exp":%d,"jti":%q}`, answer.OpenID, in.AppID, now, now+86400, newNonce())
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+g.w.gateways[g.s.gateway].algorithm+`","kid":"k","typ":"JWT"}`)) +
		"." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".AAAA"
	rw.Header().Set("Set-Cookie", cookieName+"="+token)
	fmt.Fprintf(rw, `{"token":%q,"openid":%q,"session_key":%q}`, token, answer.OpenID, answer.SessionKey)
}

// playWeChat knows everybody by a code that holds the openid, any number of times,
// and plays the operator's API.
func playWeChat(rw http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/sim/login":
		var in struct{ OpenID string }
		json.NewDecoder(r.Body).Decode(&in)
		fmt.Fprintf(rw, `{"code":"%s.%s"}`, in.OpenID, newNonce())
	case r.URL.Path == "/sim/fault":
		rw.WriteHeader(http.StatusNoContent)
	case strings.HasPrefix(r.URL.Path, "/sns/"):
		openid, _, _ := strings.Cut(r.URL.Query().Get("js_code"), ".")
		fmt.Fprintf(rw, `{"openid":%q,"session_key":%q}`, openid, base64.StdEncoding.EncodeToString([]byte((openid + "0123456789abcdef")[:16])))
	default:
		fmt.Fprint(rw, `{}`)
	}
}
