// config_test.go: what is refused when a configuration is loaded, with which
// words, and that nothing stays behind, neither in memory nor in what is shown.

package wechat_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

const (
	configAppID      = gatewaytest.AppID
	configOtherAppID = "wxfedcba9876543210"

	// configSecret stands in every place where a secret can; no error may show it.
	configSecret = gatewaytest.AppSecret
)

type object = gatewaytest.Object

// site is an HTTP server with one wechat_auth handler.
func site(changes object) object {
	handler := object{"handler": "wechat_auth"}
	maps.Copy(handler, changes)
	return object{"servers": object{"srv": object{
		"listen": []any{"127.0.0.1:0"}, "automatic_https": object{"disable": true},
		"routes": []any{object{"handle": []any{handler}}},
	}}}
}

// keyFiles writes files that a key_file may name, good and bad.
func keyFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 32)
	rand.Read(random)
	files := make(map[string]string)
	for name, content := range map[string][]byte{
		"good":   []byte(hex.EncodeToString(random) + "\n"),
		"same":   []byte(hex.EncodeToString(random)),
		"ecdsa":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"public": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"short":  []byte(configSecret[:20]),
		"weak":   []byte(strings.Repeat("ab", 32)),
		"empty":  nil,
		"secret": []byte(configSecret + "\n"),
		"lines":  []byte(configSecret + "\n" + configSecret + "\n"),
	} {
		files[name] = filepath.Join(dir, name)
		if err := os.WriteFile(files[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files["missing"] = filepath.Join(dir, "missing")
	files["directory"] = dir
	return files
}

func TestLoadRefuses(t *testing.T) {
	t.Setenv("WECHAT_TEST_SECRET", configSecret)
	t.Setenv("WECHAT_TEST_APPID", configAppID)
	t.Setenv("WECHAT_TEST_EMPTY", "")
	files := keyFiles(t)
	secretFrom := func(text string) object {
		return gatewaytest.App(object{"apps": []any{gatewaytest.Program(configAppID, text)}})
	}
	token := func(changes object) object { return gatewaytest.App(object{"token": changes}) }
	withKeys := func(names ...string) object {
		var paths []any
		for _, name := range names {
			paths = append(paths, files[name])
		}
		return token(object{"key_files": paths})
	}
	two := gatewaytest.App(object{"apps": []any{gatewaytest.Program(configAppID, configSecret), gatewaytest.Program(configOtherAppID, configSecret)}})

	tests := []struct {
		name   string
		wechat object
		http   object
		want   []string // parts of the error: what is wrong, and what to do about it
	}{
		// mini programs
		{"no app", gatewaytest.App(object{"apps": nil}), nil, []string{"no app is configured", "add  app <appid> <secret>"}},
		{"empty list", gatewaytest.App(object{"apps": []any{}}), nil, []string{"no app is configured"}},
		{"no appid", gatewaytest.App(object{"apps": []any{gatewaytest.Program("", configSecret)}}), nil, []string{"not an AppID", "wx and 16 hexadecimal digits"}},
		{"bad appid", gatewaytest.App(object{"apps": []any{gatewaytest.Program("wx123", configSecret)}}), nil, []string{`"wx123" is not an AppID`, "wx and 16 hexadecimal digits"}},
		{"secret for appid", gatewaytest.App(object{"apps": []any{gatewaytest.Program(configSecret, configAppID)}}), nil, []string{"not an AppID"}},
		{"secret for appid by placeholder", gatewaytest.App(object{"apps": []any{gatewaytest.Program("{env.WECHAT_TEST_SECRET}", "{env.WECHAT_TEST_APPID}")}}), nil, []string{"not an AppID"}},
		{"unset appid", gatewaytest.App(object{"apps": []any{gatewaytest.Program("{env.WECHAT_TEST_UNSET}", configSecret)}}), nil, []string{"app: {env.WECHAT_TEST_UNSET} is not set", "set the environment variable"}},
		{"twice", gatewaytest.App(object{"apps": []any{gatewaytest.Program(configAppID, configSecret), gatewaytest.Program(configAppID, configSecret)}}), nil, []string{"app " + configAppID + " is given twice"}},
		{"twice once resolved", gatewaytest.App(object{"apps": []any{gatewaytest.Program(configAppID, configSecret), gatewaytest.Program("{env.WECHAT_TEST_APPID}", configSecret)}}), nil, []string{"app " + configAppID + " is given twice"}},

		// secrets
		{"no secret", secretFrom(""), nil, []string{"the secret of app " + configAppID + " is empty"}},
		{"unset variable", secretFrom("{env.WECHAT_TEST_UNSET}"), nil, []string{"secret of app " + configAppID + ": {env.WECHAT_TEST_UNSET} is not set", "set the environment variable"}},
		{"empty variable", secretFrom("{env.WECHAT_TEST_EMPTY}"), nil, []string{"secret of app " + configAppID + ": {env.WECHAT_TEST_EMPTY} is not set or is empty"}},
		{"half unset", secretFrom(configSecret + "{env.WECHAT_TEST_UNSET}"), nil, []string{"secret of app " + configAppID + ": {env.WECHAT_TEST_UNSET} is not set"}},
		{"missing file", secretFrom("{file." + files["missing"] + "}"), nil, []string{"secret of app " + configAppID + ": {file." + files["missing"] + "}", "cannot be read", "put the value into the file"}},
		{"empty file", secretFrom("{file." + files["empty"] + "}"), nil, []string{"secret of app " + configAppID, "is empty", "put the value into the file"}},
		{"file of two lines", secretFrom("{file." + files["lines"] + "}"), nil, []string{"secret of app " + configAppID, "more than one line"}},
		{"unknown placeholder", secretFrom("{wechat_secret}"), nil, []string{"secret of app " + configAppID, "use {env.NAME} or {file./path}"}},
		{"request placeholder", secretFrom("{http.request.header.X-Secret}"), nil, []string{"secret of app " + configAppID, "use {env.NAME} or {file./path}"}},
		{"braces in the secret", secretFrom("x{" + configSecret + "}x"), nil, []string{"secret of app " + configAppID, "use {env.NAME} or {file./path}"}},

		// WeChat's API
		{"plain http", gatewaytest.App(object{"api_base": "http://api.example.com"}), nil, []string{"api_base", "must be https", "http is for loopback hosts"}},
		{"user info", gatewaytest.App(object{"api_base": "https://me:" + configSecret + "@api.example.com"}), nil, []string{"api_base", "must not hold user info"}},
		{"query", gatewaytest.App(object{"api_base": "https://api.example.com?key=" + configSecret}), nil, []string{"api_base", "must not have a query"}},
		{"fragment", gatewaytest.App(object{"api_base": "https://api.example.com#" + configSecret}), nil, []string{"api_base", "must not have a fragment"}},
		{"no scheme", gatewaytest.App(object{"api_base": "api.example.com"}), nil, []string{"api_base", "must name a host"}},
		{"other scheme", gatewaytest.App(object{"api_base": "ftp://api.example.com"}), nil, []string{"api_base", "must begin with https://"}},
		{"not a URL", gatewaytest.App(object{"api_base": "https://%zz" + configSecret}), nil, []string{"api_base", "cannot be parsed"}},
		{"unset URL", gatewaytest.App(object{"api_base": "{env.WECHAT_TEST_UNSET}"}), nil, []string{"api_base: {env.WECHAT_TEST_UNSET} is not set"}},
		{"negative timeout", gatewaytest.App(object{"api_timeout": "-1s"}), nil, []string{"api_timeout must be positive"}},

		// sessions
		{"short lifetime", gatewaytest.App(object{"session_lifetime": "999ms"}), nil, []string{"session_lifetime must be at least 1s"}},
		{"negative lifetime", gatewaytest.App(object{"session_lifetime": "-1h"}), nil, []string{"session_lifetime must be at least 1s"}},
		{"long lifetime", gatewaytest.App(object{"session_lifetime": "367d"}), nil, []string{"session_lifetime", "at most 366 days"}},
		{"negative number", gatewaytest.App(object{"sessions_per_user": -1}), nil, []string{"sessions_per_user must be at least 1"}},
		{"negative age", gatewaytest.App(object{"data_max_age": "-1s"}), nil, []string{"data_max_age must not be negative"}},
		{"unknown store", gatewaytest.App(object{"store": object{"store": "memcached"}}), nil, []string{"loading the session store", "wechat.stores.memcached"}},
		{"store without name", gatewaytest.App(object{"store": object{"max_sessions": 1}}), nil, []string{"loading the session store", "store"}},
		{"store member unknown", gatewaytest.App(object{"store": object{"store": "memory", "max": 1}}), nil, []string{"loading the session store", `"max"`}},
		{"negative store limit", gatewaytest.App(object{"store": object{"store": "memory", "max_sessions": -1}}), nil, []string{"loading the session store", "max_sessions", "at least 1"}},

		{"redis password unset", gatewaytest.App(object{"store": object{"store": "redis", "urls": []any{"redis://u:{env.WECHAT_TEST_UNSET}@127.0.0.1:1"}}}), nil,
			[]string{"loading the session store", "store redis: url 1: a placeholder in the password resolves to nothing"}},
		{"redis several", gatewaytest.App(object{"store": object{"store": "redis", "urls": []any{"redis://127.0.0.1:1", "redis://127.0.0.1:2"}}}), nil,
			[]string{"several urls need  mode cluster  or  mode sentinel"}},
		{"redis sentinel without master", gatewaytest.App(object{"store": object{"store": "redis", "urls": []any{"redis://127.0.0.1:1"}, "mode": "sentinel"}}), nil,
			[]string{"mode sentinel needs  master <name>"}},
		{"redis prefix", gatewaytest.App(object{"store": object{"store": "redis", "urls": []any{"redis://127.0.0.1:1"}, "prefix": "a b"}}), nil, []string{"prefix must have at most 100 characters"}},
		{"redis with TLS files for clear text", gatewaytest.App(object{"store": object{"store": "redis", "urls": []any{"redis://127.0.0.1:1"}, "tls_ca": files["missing"]}}), nil,
			[]string{"tls_ca is for rediss:// urls"}},
		{"missing seal key file", gatewaytest.App(object{"seal_key_files": []any{files["missing"]}}), nil, []string{"seal_key_file", files["missing"], "cannot be opened"}},

		{"login window", gatewaytest.App(object{"login_rate": object{"window": "25h"}}), nil, []string{"login_rate", "at least 1s and at most 24h"}},
		{"short login window", gatewaytest.App(object{"login_rate": object{"window": "1ms"}}), nil, []string{"login_rate", "at least 1s and at most 24h"}},
		{"seal for memory", gatewaytest.App(object{"store": object{"store": "memory"}, "seal_key_files": []any{files["good"]}}), nil, []string{"seal_key_file is for a store that keeps sessions outside"}},

		// tokens
		{"unknown algorithm", token(object{"algorithm": "HS384"}), nil, []string{`unknown token algorithm "HS384"`, "use HS256, EdDSA, ES256 or RS256"}},
		{"none", token(object{"algorithm": "none"}), nil, []string{"token algorithm", "use HS256, EdDSA, ES256 or RS256"}},
		{"unset issuer", token(object{"issuer": "{env.WECHAT_TEST_UNSET}"}), nil, []string{"token issuer: {env.WECHAT_TEST_UNSET} is not set"}},
		{"long issuer", token(object{"issuer": strings.Repeat("i", 97)}), nil, []string{"issuer", "at most 96"}},
		{"missing key file", withKeys("missing"), nil, []string{"token key_file", files["missing"], "cannot be opened"}},
		{"directory for key file", withKeys("directory"), nil, []string{"token key_file", "is a directory", "name the file in it"}},
		{"empty key file", withKeys("empty"), nil, []string{"token key_file", "is empty", "openssl rand -hex 32"}},
		{"short key", withKeys("short"), nil, []string{"token key_file", "at least 32", "openssl rand -hex 32"}},
		{"weak key", withKeys("weak"), nil, []string{"token key_file", "not random", "openssl rand -hex 32"}},
		{"PEM as secret", withKeys("public"), nil, []string{"token key_file", "looks like a PEM key", "name the algorithm of that key"}},
		{"private PEM as secret", withKeys("ecdsa"), nil, []string{"token key_file", "looks like a PEM key"}},
		{"same key twice", withKeys("good", "same"), nil, []string{"token key_file", "holds the same key", "remove one of them"}},
		{"same file twice", withKeys("good", "good"), nil, []string{"token key_file", "holds the same key"}},
		{"secret as PEM", token(object{"algorithm": "ES256", "key_files": []any{files["secret"]}}), nil, []string{"token key_file", "holds no complete PEM block"}},
		{"key of another algorithm", token(object{"algorithm": "RS256", "key_files": []any{files["ecdsa"]}}), nil, []string{"token key_file", "RS256"}},
		{"public key first", token(object{"algorithm": "ES256", "key_files": []any{files["public"]}}), nil, []string{"token key_file", "put the private key first"}},
		{"key in the variable", token(object{"key_files": []any{"{env.WECHAT_TEST_SECRET}"}}), nil, []string{"token key_file", "{env.WECHAT_TEST_SECRET}", "not the path of a file"}},
		{"key by file placeholder", token(object{"key_files": []any{"{file." + files["secret"] + "}"}}), nil, []string{"token key_file", "write the path itself"}},
		{"rotation with key files", token(object{"key_files": []any{files["good"]}, "rotate_every": "24h"}), nil, []string{"rotate_every is for keys that the gateway keeps", "put a new file first and reload"}},
		{"fast rotation", token(object{"rotate_every": "999ms"}), nil, []string{"rotate_every must be at least 1s"}},
		{"negative rotation", token(object{"rotate_every": "-24h"}), nil, []string{"rotate_every must be at least 1s"}},
		{"rotation that piles up keys", gatewaytest.App(object{"session_lifetime": "366d", "token": object{"rotate_every": "1s"}}), nil,
			[]string{"rotate_every 1s with session_lifetime 8784h0m0s", "make rotate_every", "or more, or session_lifetime shorter"}},

		// JSON
		{"unknown member", gatewaytest.App(object{"session_lifetme": "1h"}), nil, []string{"session_lifetme"}},
		{"unknown member of app", gatewaytest.App(object{"apps": []any{object{"appid": configAppID, "secret": configSecret, "secrets": "x"}}}), nil, []string{"secrets"}},
		{"unknown member of token", token(object{"key_file": files["good"]}), nil, []string{"key_file"}},
		{"apps as object", gatewaytest.App(object{"apps": gatewaytest.Program(configAppID, configSecret)}), nil, []string{"apps"}},
		{"secret as number", gatewaytest.App(object{"apps": []any{object{"appid": configAppID, "secret": 1}}}), nil, []string{"secret"}},
		{"number as text", gatewaytest.App(object{"sessions_per_user": "ten"}), nil, []string{"sessions_per_user"}},
		{"duration without unit", gatewaytest.App(object{"session_lifetime": "5 parsecs"}), nil, []string{"parsecs"}},
		{"key_files as text", token(object{"key_files": files["good"]}), nil, []string{"key_files"}},

		// the site
		{"site without app", nil, site(nil), []string{"wechat_auth needs a mini program", "global option  wechat { app <appid> <secret> }"}},
		{"which of several", two, site(nil), []string{"several apps are configured", "app <appid>...  or  app *"}},
		{"unknown app", gatewaytest.App(nil), site(object{"apps": []any{configOtherAppID}}), []string{configOtherAppID, "not among those of the global option wechat"}},
		{"star and more", two, site(object{"apps": []any{"*", configAppID}}), []string{"app * stands alone"}},
		{"named twice", two, site(object{"apps": []any{configAppID, configAppID}}), []string{"app " + configAppID + " is given twice"}},
		{"named twice once resolved", two, site(object{"apps": []any{configAppID, "{env.WECHAT_TEST_APPID}"}}), []string{"app " + configAppID + " is given twice"}},
		{"unset app", two, site(object{"apps": []any{"{env.WECHAT_TEST_UNSET}"}}), []string{"app: {env.WECHAT_TEST_UNSET} is not set"}},
		{"relative public path", gatewaytest.App(nil), site(object{"public": []any{"healthz"}}), []string{`public path "healthz"`, "must begin with /"}},
		{"public path with dots", gatewaytest.App(nil), site(object{"public": []any{"/a/../b"}}), []string{"public path", "write the decoded path"}},
		{"bad prefix", gatewaytest.App(nil), site(object{"prefix": "/wechat/"}), []string{"prefix", "without a slash at its end"}},
		{"bad cookie", gatewaytest.App(nil), site(object{"cookie": "a b"}), []string{"this is not a cookie name"}},
		{"unknown member of site", gatewaytest.App(nil), site(object{"publik": []any{"/a"}}), []string{"publik"}},
		{"public as text", gatewaytest.App(nil), site(object{"public": "/a"}), []string{"public"}},
		{"unknown matcher", gatewaytest.App(nil), site(object{"match": []any{object{"pathh": []any{"/a"}}}}), []string{"loading matchers", "pathh"}},
		{"matcher that cannot be", gatewaytest.App(nil), site(object{"match": []any{object{"path_regexp": object{"pattern": "("}}}}), []string{"loading matchers", "path_regexp"}},
		{"matcher of the wrong form", gatewaytest.App(nil), site(object{"match": object{"path": []any{"/a"}}}), []string{"match"}},
		{"app that is refused", gatewaytest.App(object{"api_timeout": "-1s"}), site(nil), []string{"api_timeout must be positive"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			apps := make(object)
			if tt.wechat != nil {
				apps["wechat"] = tt.wechat
			}
			if tt.http != nil {
				apps["http"] = tt.http
			}
			before := taken()
			err := caddy.Validate(gatewaytest.Config(t, apps))
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), configSecret[:20]) {
				t.Fatal("the error shows the secret")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			// Caddy runs Cleanup after a failed Provision, too
			if left := taken(); left != before {
				t.Errorf("%d pooled values are left, %d were there before", left, before)
			}
		})
	}
	if len(tests) < 30 {
		t.Errorf("only %d bad configurations", len(tests))
	}
}

// taken counts what the app holds in pools that outlive a configuration.
func taken() (n int) {
	for _, pool := range wechat.Pools {
		pool.Range(func(any, any) bool { n++; return true })
	}
	return n
}

// ours counts the goroutines that run code of this module and of its packages,
// but for those of tests.
func ours() (n int) {
	buf := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "caddy-wechat/caddymodule") && !strings.Contains(stack, "testing.tRunner") {
			n++
		}
	}
	return n
}

func TestLoadAcceptsAndLeavesNothing(t *testing.T) {
	t.Setenv("WECHAT_TEST_SECRET", configSecret)
	t.Setenv("WECHAT_TEST_APPID", configAppID)
	t.Setenv("WECHAT_TEST_API", "http://127.0.0.1:1/x")
	files := keyFiles(t)
	t.Setenv("WECHAT_TEST_KEYS", filepath.Dir(files["good"]))
	two := gatewaytest.App(object{"apps": []any{gatewaytest.Program(configAppID, configSecret), gatewaytest.Program(configOtherAppID, configSecret)}})

	tests := []struct {
		name         string
		wechat, http object
	}{
		{"least", gatewaytest.App(nil), site(nil)},
		{"null members", object{"apps": []any{gatewaytest.Program(configAppID, configSecret)}, "token": nil, "data_max_age": nil}, nil},
		{"placeholders", gatewaytest.App(object{
			"apps":     []any{gatewaytest.Program("{env.WECHAT_TEST_APPID}", "{env.WECHAT_TEST_SECRET}"), gatewaytest.Program(configOtherAppID, "{file."+files["secret"]+"}")},
			"api_base": "{env.WECHAT_TEST_API}",
			"token":    object{"issuer": "{env.WECHAT_TEST_APPID}", "key_files": []any{"{env.WECHAT_TEST_KEYS}/good"}},
		}), site(object{"apps": []any{"{env.WECHAT_TEST_APPID}"}})},
		{"everything", gatewaytest.App(object{
			"api_base": "http://localhost:9/wechat", "api_timeout": "1s", "session_lifetime": "366d", "sessions_per_user": 1,
			"data_max_age": 0, "login_rate": object{"attempts": 5, "window": "1s"}, "token": object{"algorithm": "EdDSA", "rotate_every": "24h"}, "store": object{"store": "memory", "max_sessions": 5},
		}), site(object{
			"match": []any{object{"path": []any{"/api/*"}}}, "public": []any{"/a", "/b/*"}, "apps": []any{"*"},
			"prefix": "/login", "cookie": "sid", "forward_token": true,
		})},
		{"RS256", gatewaytest.App(object{"token": object{"algorithm": "RS256"}}), nil},
		{"ES256 from a file", gatewaytest.App(object{"token": object{"algorithm": "ES256", "key_files": []any{files["ecdsa"]}}}), nil},
		{"one of several", two, site(object{"apps": []any{configOtherAppID}})},
		{"all of several", two, site(object{"apps": []any{"*"}})},
		{"shortest lifetime", gatewaytest.App(object{"session_lifetime": "1s"}), nil},
		{"loopback by IPv6", gatewaytest.App(object{"api_base": "http://[::1]:9"}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			apps := object{"wechat": tt.wechat}
			if tt.http != nil {
				apps["http"] = tt.http
			}
			values, goroutines := taken(), ours()
			if err := caddy.Validate(gatewaytest.Config(t, apps)); err != nil {
				t.Fatal(strings.ReplaceAll(err.Error(), configSecret, "[secret]"))
			}
			if left := taken(); left != values {
				t.Errorf("%d pooled values are left, %d were there before", left, values)
			}
			deadline := time.Now().Add(5 * time.Second)
			for ours() > goroutines && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			if left := ours(); left > goroutines {
				t.Errorf("%d goroutines are left, %d were there before", left, goroutines)
			}
		})
	}
}

// A provisioned app is within everybody's reach: modules get it from the context,
// and print or encode it. What was resolved must show in none of it.
func TestProvisionedAppShowsNoSecret(t *testing.T) {
	t.Setenv("WECHAT_TEST_SECRET", configSecret)
	t.Setenv("WECHAT_TEST_API", "http://127.0.0.1:1/"+configSecret)
	files := keyFiles(t)
	t.Setenv("WECHAT_TEST_KEYS", filepath.Dir(files["good"]))
	key, err := os.ReadFile(files["good"])
	if err != nil {
		t.Fatal(err)
	}
	config := object{
		"apps": []any{
			gatewaytest.Program(configAppID, "{env.WECHAT_TEST_SECRET}"),
			gatewaytest.Program(configOtherAppID, "{file."+files["secret"]+"}"),
		},
		"api_base": "{env.WECHAT_TEST_API}",
		"token":    object{"key_files": []any{"{env.WECHAT_TEST_KEYS}/good"}},
	}
	_, app := gatewaytest.Provision(t, config)

	text, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{"json.Marshal": string(text)}
	for _, program := range app.Apps {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			shown["program "+verb] += fmt.Sprintf(verb, *program)
		}
	}
	for name, text := range shown {
		for _, secret := range []string{configSecret, strings.TrimSpace(string(key))} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret", name)
			}
		}
	}
	for _, placeholder := range []string{"{env.WECHAT_TEST_SECRET}", "{file." + files["secret"] + "}", "{env.WECHAT_TEST_API}", "{env.WECHAT_TEST_KEYS}/good"} {
		if !strings.Contains(string(text), placeholder) {
			t.Errorf("a placeholder of the configuration was replaced: %s", placeholder)
		}
	}
	for _, app := range app.Engine().Apps {
		if app.Credentials.Secret == weixin.NewSecret("") {
			t.Errorf("app %s has no secret to send", app.AppID)
		}
	}
}

// Whoever chose the store `memory` reads what becomes of the sessions: once when it
// begins, and how many came along when a configuration was loaded again.
func TestMemoryStoreSaysWhatItSurvives(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log.json")
	load := func() (*wechat.App, context.CancelFunc) {
		cfg := gatewaytest.Config(t, object{})
		cfg.Logging.Logs["default"].WriterRaw = fmt.Appendf(nil, `{"output":"file","filename":%q,"roll":false}`, file)
		cfg.Logging.Logs["default"].EncoderRaw = json.RawMessage(`{"format":"json"}`)
		parent, err := caddy.ProvisionContext(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := caddy.NewContext(parent)
		text, err := json.Marshal(gatewaytest.App(object{"store": object{"store": "memory"}}))
		if err != nil {
			t.Fatal(err)
		}
		module, err := ctx.LoadModuleByID("wechat", text)
		if err != nil {
			t.Fatal(err)
		}
		return module.(*wechat.App), cancel
	}
	said := func(want ...string) {
		t.Helper()
		log, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(log)) {
			var entry struct {
				Level, Logger, Msg string
				Sessions           *int
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			if entry.Logger != "wechat.stores.memory" {
				continue
			}
			got = append(got, entry.Level+": "+entry.Msg)
			if entry.Sessions != nil {
				got[len(got)-1] += fmt.Sprintf(" (%d)", *entry.Sessions)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log says %q, want %q", got, want)
		}
	}
	const begins = "info: sessions are kept in memory: they survive a reload, not a restart"

	first, cancelFirst := load()
	said(begins)
	for i := range 3 {
		now := time.Now()
		user := fmt.Sprintf("app_user%014d", i%2)
		record := session.Record{Key: user + fmt.Sprintf("key%08d", i), User: user, Value: []byte("x"), IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
		if err := first.Engine().Store.Create(t.Context(), record, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, cancelSecond := load()
	cancelFirst()
	said(begins, "info: sessions in memory were carried over (3)")
	cancelSecond()
	_, cancelThird := load() // nothing was left: it begins again
	cancelThird()
	said(begins, "info: sessions in memory were carried over (3)", begins)
}

// A reload provisions the new configuration before it cleans the old one up: the
// client of WeChat, and with it what is known of WeChat's health, must be the same.
func TestReloadKeepsClientUntilTheLastConfigurationGoes(t *testing.T) {
	const base = "http://127.0.0.1:1"
	load := func() (*wechat.App, context.CancelFunc) {
		parent, err := caddy.ProvisionContext(gatewaytest.Config(t, object{}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := caddy.NewContext(parent)
		text, err := json.Marshal(gatewaytest.App(object{"api_base": base}))
		if err != nil {
			t.Fatal(err)
		}
		module, err := ctx.LoadModuleByID("wechat", text)
		if err != nil {
			t.Fatal(err)
		}
		return module.(*wechat.App), cancel
	}
	first, cancelFirst := load()
	second, cancelSecond := load()
	if first.Engine().Client != second.Engine().Client {
		t.Error("a reload makes a new client")
	}
	cancelFirst()
	if n, ok := wechat.Clients.References(base); !ok || n != 1 {
		t.Errorf("after the first configuration went: %d references, found %v; want 1", n, ok)
	}
	// a configuration that fails on its way must not take the client along
	if err := caddy.Validate(gatewaytest.Config(t, object{"wechat": gatewaytest.App(object{"api_base": base, "store": object{"store": "no"}})})); err == nil {
		t.Error("an unknown store is accepted")
	}
	if n, _ := wechat.Clients.References(base); n != 1 {
		t.Errorf("after a reload that failed: %d references; want 1", n)
	}
	cancelSecond()
	if _, ok := wechat.Clients.References(base); ok {
		t.Error("the client outlives its last configuration")
	}
}
