// main_test.go: what must hold for these tests as a whole; see gatewaytest.Main.

package wechatauth_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestMain(m *testing.M) { gatewaytest.Main(m) }
