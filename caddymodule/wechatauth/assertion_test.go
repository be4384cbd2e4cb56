// assertion_test.go: assertions for the request's host need sites that name their hosts.

package wechatauth_test

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestAssertionNeedsHosts(t *testing.T) {
	t.Setenv("WECHAT_SECRET", gatewaytest.AppSecret)
	const plain = " {\n wechat_auth {\n  assertion\n }\n respond ok\n}\n"
	const refused = "assertion without an audience is for the request's host"
	for name, tt := range map[string]struct{ site, wrong string }{
		"host":                     {"http://a.example.com" + plain, ""},
		"two hosts":                {"http://a.example.com, http://b.example.com" + plain, ""},
		"all of a domain":          {"http://*.example.com" + plain, ""},
		"host matcher around":      {"http://:8080 {\n @a host a.example.com\n handle @a {\n wechat_auth {\n  assertion\n }\n respond ok\n }\n}\n", ""},
		"other site without":       {"http://a.example.com:8080" + plain + "http://:8080 {\n wechat_auth\n respond ok\n}\n", ""},
		"audience without host":    {"http://:8080 {\n wechat_auth {\n  assertion orders\n }\n respond ok\n}\n", ""},
		"audience from environ":    {"http://:8080 {\n wechat_auth {\n  assertion {env.WECHAT_SECRET}\n }\n respond ok\n}\n", ""},
		"no host":                  {"http://:8080" + plain, refused},
		"host and any":             {"http://a.example.com:8080, http://:8080" + plain, refused},
		"any name":                 {"http://*" + plain, refused},
		"all of a top level":       {"http://*.com" + plain, refused},
		"second site without host": {"http://a.example.com:8080" + plain + "http://:8080" + plain, refused},
		"not host":                 {"http://:8080 {\n @a not host a.example.com\n handle @a {\n wechat_auth {\n  assertion\n }\n respond ok\n }\n}\n", refused},
		"host or path":             {"http://:8080 {\n @a expression host('a.example.com')||path('/x')\n handle @a {\n wechat_auth {\n  assertion\n }\n respond ok\n }\n}\n", refused},
		"audience is an app":       {"http://:8080 {\n wechat_auth {\n  assertion {env.AUDIENCE}\n }\n respond ok\n}\n", "must not be an AppID"},
		"audience that is not set": {"http://:8080 {\n wechat_auth {\n  assertion {env.UNSET_AUDIENCE}\n }\n respond ok\n}\n", "UNSET_AUDIENCE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AUDIENCE", gatewaytest.AppID)
			text := "{\n wechat {\n  app " + gatewaytest.AppID + " {$WECHAT_SECRET}\n  token {\n   algorithm ES256\n  }\n }\n}\n" + tt.site
			config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
			if err == nil {
				err = caddy.Validate(gatewaytest.Contained(t, config))
			}
			switch {
			case tt.wrong == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong) || !strings.Contains(err.Error(), ", at Caddyfile:1")):
				t.Errorf("error %v; want one about %q, with its line", err, tt.wrong)
			}
		})
	}
}
