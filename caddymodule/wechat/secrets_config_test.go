// secrets_config_test.go: secrets that the environment holds are in nothing that Caddy
// shows or keeps of its configuration, and in no error about it.

package wechat_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// planted are the secrets of a Caddyfile, by the variable that holds them.
var planted = map[string]string{
	"T_SECRET":    "5ec2e75ec2e75ec2e75ec2e75ec2e7ff",
	"T_OFFICIAL":  "0ff1c1a10ff1c1a10ff1c1a10ff1c1a1",
	"T_TOKEN":     "pushT0kenPlanted",
	"T_KEY":       "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
	"T_REDIS":     "redis://:wholeUrlPa55@127.0.0.1:1",
	"T_PASSWORD":  "partOfUrlPa55%/1",
	"T_ACCOUNT":   "gateway:acc0untPa55",
	"T_SENTINEL":  "sentinelPa55word",
	"T_SHORT":     "abcd99",
	"T_FIRSTHALF": "5ec2e75ec2e75ec2", "T_SECONDHALF": "0123456789abcdef",
}

// withoutSecrets fails where a text holds a planted secret, or half of one.
func withoutSecrets(t *testing.T, where, text string) {
	t.Helper()
	for name, secret := range planted {
		if _, password, ok := strings.Cut(secret, ":"); ok {
			password = strings.TrimPrefix(password, "//:")
			secret, _, _ = strings.Cut(password, "@")
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %s: %.600s", where, name, text)
		}
	}
}

// Each store line is one way to write a password.
func TestSecretsOfConfigurations(t *testing.T) {
	for name, value := range planted {
		t.Setenv(name, value)
	}
	for name, lines := range map[string]string{
		"whole URL":     "store redis {$T_REDIS}",
		"part":          "store redis redis://:{$T_PASSWORD}@127.0.0.1:1/2",
		"user too":      "store redis redis://some:{$T_PASSWORD}@127.0.0.1:1",
		"account":       "store redis redis://{$T_ACCOUNT}@127.0.0.1:1",
		"with slash":    "store redis {$T_REDIS}/3",
		"sentinels":     "store redis redis://:{$T_PASSWORD}@127.0.0.1:1 redis://127.0.0.1:2 {\n mode sentinel\n master x\n sentinel_auth {$T_SENTINEL}\n}",
		"sentinel user": "store redis redis://127.0.0.1:1 {\n mode sentinel\n master x\n sentinel_auth someone {$T_SENTINEL}\n}",
		"env":           "store redis redis://:{env.T_PASSWORD}@127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.CountTest(t)
			dir := t.TempDir()
			admin := gatewaytest.FreeAddr(t)
			file := filepath.Join(dir, "Caddyfile")
			text := `{
				admin ` + admin + `
				storage file_system ` + dir + `/storage
				wechat {
					app ` + gatewaytest.AppA + ` {$T_SECRET} {
						push {$T_TOKEN} {$T_KEY}
					}
					app ` + gatewaytest.AppB + ` {$T_OFFICIAL} official
					app wx00000000000000cc {$T_FIRSTHALF}{$T_SECONDHALF}
					app wx00000000000000dd {$T_SHORT}
					` + lines + `
				}
			}
			http://` + gatewaytest.FreeAddr(t) + ` {
				wechat_auth {
					app *
				}
			}`
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			adapted := gatewaytest.RunCaddy(t, "", "adapt", "--config", file)
			adapted.Require(t, 0, `"secret":"{env.T_SECRET}"`)
			withoutSecrets(t, "caddy adapt", adapted.Stdout+adapted.Stderr)

			cmd := gatewaytest.CaddyCommand(t, "run", "--config", file)
			cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+dir)
			var said gatewaytest.LockedBuffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Signal(syscall.SIGKILL)
			var config string
			gatewaytest.Await(t, "the configuration to run", func() bool {
				response, err := http.Get("http://" + admin + "/config/")
				if err != nil {
					return false
				}
				defer response.Body.Close()
				body, _ := io.ReadAll(response.Body)
				config = string(body)
				return len(config) > 10
			})
			var saved []byte
			gatewaytest.Await(t, "the configuration to be saved", func() bool {
				saved, _ = os.ReadFile(filepath.Join(dir, "caddy", "autosave.json"))
				return len(saved) > 10
			})
			if !strings.Contains(config, "{env.T_SECRET}") || !strings.Contains(string(saved), "{env.T_SECRET}") {
				t.Errorf("the configuration that runs is another one: %.300s", config)
			}
			withoutSecrets(t, "/config/", config)
			withoutSecrets(t, "autosave.json", string(saved))
			withoutSecrets(t, "the log", said.String())
		})
	}
}

// A word too few, and a secret stands where a name should be. The error says what is
// wrong, and does not repeat it.
func TestSecretsInTheWrongPlace(t *testing.T) {
	for name, value := range planted {
		t.Setenv(name, value)
	}
	slips := []string{
		"store {$T_REDIS}", "store redis {$T_REDIS} {\n mode {$T_REDIS}\n}", "store redis {$T_REDIS} {\n {$T_SENTINEL}\n}",
		"store local {$T_REDIS}", "store local /x {$T_REDIS}", "store memory {$T_REDIS}", "store local /x {\n {$T_REDIS}\n}",
		"store memory {\n max_sessions {$T_SENTINEL}\n}", "store redis {$T_REDIS} {\n wait_replicas {$T_SENTINEL}\n}",
		"store redis {$T_REDIS} {\n wait_replicas 1 {$T_SENTINEL}\n}", "store redis {$T_REDIS} {\n master a {$T_SENTINEL}\n}",
		"store redis {$T_PASSWORD}", "store redis x{$T_REDIS}", "{$T_SECRET}", "{$T_REDIS}", "api_timeout {$T_SECRET}", "sessions_per_user {$T_SECRET}",
		"session_lifetime {$T_REDIS}", "login_rate {$T_SECRET} 1m", "login_rate 5 {$T_SECRET}", "token {$T_SECRET}", "token {\n {$T_SECRET}\n}",
		"token {\n algorithm {$T_SECRET}\n}", "app {$T_SECRET} " + gatewaytest.AppB, "app " + gatewaytest.AppB + " {$T_SECRET} {$T_OFFICIAL}", "app " + gatewaytest.AppB + " {$T_SECRET} official {\n scope {$T_SECRET}\n}",
		"app " + gatewaytest.AppB + " {$T_SECRET} {\n push {$T_KEY} {$T_TOKEN}\n}", "app " + gatewaytest.AppB + " {$T_SECRET} {\n {$T_TOKEN}\n}", "api_base {$T_REDIS}", "open_base {$T_REDIS}",
		"unguarded {$T_SECRET} {\n {$T_SECRET}\n}", "data_max_age {$T_SECRET}", "seal_key_file /x {\n {$T_SECRET}\n}",
	}
	for _, slip := range slips {
		_, err := gatewaytest.Adapt("{\n wechat {\n app " + gatewaytest.AppA + " {$T_SECRET}\n" + slip + "\n }\n}\n:80 {\n wechat_auth {\n app *\n }\n}")
		if err == nil {
			t.Errorf("%s is taken", slip)
			continue
		}
		withoutSecrets(t, "the error of "+slip, err.Error())
	}
	for _, slip := range []string{"wechat_auth {$T_SECRET}", "wechat_auth {\n {$T_SECRET}\n}", "wechat_auth {\n prefix {$T_SECRET}\n}", "wechat_auth {\n app {$T_SECRET}\n}", "wechat_auth {\n cookie {$T_REDIS}\n}"} {
		_, err := gatewaytest.Adapt("{\n wechat {\n app " + gatewaytest.AppA + " {$T_SECRET}\n }\n}\n:80 {\n " + slip + "\n}")
		if err == nil {
			t.Errorf("%s is taken", slip)
			continue
		}
		withoutSecrets(t, "the error of "+slip, err.Error())
	}
}
