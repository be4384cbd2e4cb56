// door.go: addresses of the servers that stand before a gateway.

package gatewaytest

import "net"

// PortOf is the port of host:port.
func PortOf(addr string) string { _, port, _ := net.SplitHostPort(addr); return port }
