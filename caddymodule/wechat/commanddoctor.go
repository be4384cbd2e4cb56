// commanddoctor.go: `caddy wechat doctor`.

package wechat

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Looks at a running gateway and says what is wrong or risky",
		Long: `Looks at a running gateway, by its admin endpoint, and says what is wrong or risky:
the session store and its settings, WeChat and what it last said to a login of each
app (a wrong secret, an address that is not on the white list), clocks, key files
that others can read, ways past the gate in the configuration, trusted_proxies, and
an admin endpoint that others can reach.

With --backend, it tries from this machine whether a backend answers on an address
that others may reach: there, anybody may claim to be any user.

Exit status 1 when something is wrong; what is risky alone is 0.`,
		Example: `  caddy wechat doctor
  caddy wechat doctor --backend localhost:3000 --json`,
		Args: cobra.NoArgs,
		RunE: runDoctor,
	}
	adminFlags(cmd)
	cmd.Flags().StringArray("backend", nil, "The address of a backend, host:port; repeatable")
	return cmd
}

func runDoctor(cmd *cobra.Command, _ []string) error {
	var answer struct {
		Found []diagnosis `json:"found"`
	}
	begin := time.Now()
	if _, err := askAdmin(cmd, http.MethodGet, "/wechat/doctor", &answer); err != nil {
		return err
	}
	found := append(answer.Found, diagnoseAdmin(cmd)...)
	backends, _ := cmd.Flags().GetStringArray("backend")
	for _, backend := range backends {
		found = append(found, diagnoseBackend(backend))
	}
	wrong := 0
	for _, d := range found {
		if d.Level == findingWrong {
			wrong++
		}
	}
	raw, err := json.Marshal(map[string]any{"found": found, "wrong": wrong, "seconds": time.Since(begin).Seconds()})
	if err != nil {
		return err
	}
	err = show(cmd, raw, "ABOUT\tIS\tWHAT TO KNOW", len(found), func(i int) string {
		d := found[i]
		level := d.Level
		if level != findingOK {
			level = strings.ToUpper(level)
		}
		return plain(d.About) + "\t" + plain(level) + "\t" + plain(d.Text)
	})
	if err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d are wrong", wrong, len(found))
	}
	return nil
}

// diagnoseAdmin looks at the admin endpoint itself: who reaches it can end every
// session, and load another configuration.
func diagnoseAdmin(cmd *cobra.Command) []diagnosis {
	var admin *struct {
		Listen        string   `json:"listen"`
		Origins       []string `json:"origins"`
		EnforceOrigin bool     `json:"enforce_origin"`
	}
	if _, err := askAdmin(cmd, http.MethodGet, "/config/admin", &admin); err != nil {
		return []diagnosis{{"admin endpoint", findingRisk, "its configuration cannot be read: " + err.Error()}}
	}
	listen := caddy.DefaultAdminListen
	if admin != nil && admin.Listen != "" {
		listen = admin.Listen
	}
	d := diagnosis{"admin endpoint", findingOK, "listens on " + listen + ", for this machine alone"}
	address, err := caddy.ParseNetworkAddress(listen)
	if err == nil && !address.IsUnixNetwork() && !isLoopback(address.Host) {
		d.Level, d.Text = findingWrong, "listens on "+listen+", which other machines may reach: who does can end every session and load another configuration; "+
			"write  admin localhost:2019"
	}
	return []diagnosis{d}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// diagnoseBackend tries the addresses at which others than this machine's own programs
// may reach a backend.
func diagnoseBackend(backend string) diagnosis {
	d := diagnosis{"backend " + backend, findingOK, "answers to this machine alone"}
	host, port, err := net.SplitHostPort(backend)
	if err != nil {
		d.Level, d.Text = findingWrong, "this is no host:port"
		return d
	}
	reached := func(host string) bool {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 2*time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	open := ""
	switch {
	case isThisMachine(host):
		if !reached("localhost") && !reached("127.0.0.1") {
			d.Level, d.Text = findingRisk, "does not answer: is it running?"
		}
		open = firstReached(reached)
	case reached(host):
		open = host
	default:
		d.Text = "does not answer from here"
	}
	if open != "" {
		d.Level, d.Text = findingWrong, "answers on "+net.JoinHostPort(open, port)+" past the gate: who reaches that address can claim to be any user in X-WeChat-OpenID; "+
			"have it listen on 127.0.0.1, or let a firewall admit the gateway alone"
	}
	return d
}

// isThisMachine tells whether a dial to the host reaches loopback: Go dials an empty and
// an unspecified host (0.0.0.0) there, which says nothing of the network.
func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || isLoopback(host) || ip != nil && ip.IsUnspecified()
}

// firstReached is the first address of this machine, other than loopback, that answers.
func firstReached(reached func(string) bool) string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() && reached(n.IP.String()) {
			return n.IP.String()
		}
	}
	return ""
}
