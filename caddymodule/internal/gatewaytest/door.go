// door.go: other servers as doors, by the files of examples/, that ask wechat_check.

package gatewaytest

import (
	"net"
)

// PortOf is the port of host:port.
func PortOf(addr string) string { _, port, _ := net.SplitHostPort(addr); return port }
