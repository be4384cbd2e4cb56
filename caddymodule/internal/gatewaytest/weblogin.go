// weblogin.go: a gateway with logins by redirect.

package gatewaytest

import (
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const (
	AppOfficial, secretOfficial = "wx00000000000000cc", "secret-of-official-c-3fa85f64"
	AppWebsite, secretWebsite   = "wx00000000000000dd", "secret-of-website-d-7c9e6679"

	InWeChat = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.49"
	OnADesk  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
)

// WebSetup is a site with a mini program, pages inside WeChat and QR codes.
func WebSetup() Setup {
	return Setup{
		Auth:   "wechat_auth {\n app *\n web_login\n public /public/*\n}",
		Wechat: InMemory + "app " + AppOfficial + " " + secretOfficial + " official\napp " + AppWebsite + " " + secretWebsite + " website\nopen_base <SIM>\n",
		Sim: wechattest.Options{
			Apps:  map[string]string{AppA: SecretA, AppB: SecretB, AppOfficial: secretOfficial, AppWebsite: secretWebsite},
			Kinds: map[string]wechattest.Kind{AppA: wechattest.KindMini, AppB: wechattest.KindMini, AppOfficial: wechattest.KindOfficial, AppWebsite: wechattest.KindWebsite},
		},
	}
}
