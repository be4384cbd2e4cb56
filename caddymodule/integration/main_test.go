// main_test.go: what must hold for these tests as a whole; see gatewaytest.Main.

// Package integration holds the tests of the whole gateway that are of no one directive:
// processes that are killed, gateways that share a store, configurations that change,
// versions that follow each other. It has no product code.
package integration

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestMain(m *testing.M) { gatewaytest.Main(m) }
