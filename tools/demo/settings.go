// settings.go: what the environment says, and a free port where it says nothing.

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The simulator's apps, for everybody who has none: a mini program, an Official
// Account and an Open Platform website.
const (
	demoAppID     = "wx0123456789abcdef"
	officialAppID = "wx00112233445566aa"
	websiteAppID  = "wx00112233445566bb"
)

const help = `the environment variables of "make run" are
  PORT=8080                  the gateway's port
  SITE=http://localhost:8080 the gateway's address as a Caddyfile has it, instead of PORT
  BACKEND=localhost:3000     your own backend, instead of the demo backend
  PAGE_PORT=8081             the page's port; there is one with the simulator and the demo backend
  SIM_PORT=8089              the simulator's port
  CADDY_ADMIN=localhost:2019 where Caddy's admin API listens
  WECHAT_APPID, WECHAT_SECRET  your mini program, and the real WeChat, instead of the simulator
  WECHAT_API_BASE            a simulator of your own`

type settings struct {
	appid, secret, apiBase string
	site                   string // as the Caddyfile has it
	gateway                string // as a client has it
	admin, backend         string
	demoBackend            bool
	simulator              string // where it listens; empty when there is none
	pageListen             string // where the page is served; empty when there is none
}

func readSettings(env func(string) string, out io.Writer) (settings, error) {
	s := settings{
		appid: env("WECHAT_APPID"), secret: env("WECHAT_SECRET"), apiBase: env("WECHAT_API_BASE"),
		site: env("SITE"), admin: env("CADDY_ADMIN"), backend: env("BACKEND"),
	}
	if (s.appid == "") != (s.secret == "") {
		return s, errors.New("set both of WECHAT_APPID and WECHAT_SECRET, or neither")
	}
	if s.site != "" && env("PORT") != "" {
		return s, errors.New("set SITE or PORT, not both")
	}

	given, err := givenPorts(env)
	port := func(what, variable, usual string) (number string) {
		if err == nil {
			number, err = given.choose(what, variable, env(variable), usual, out)
		}
		return number
	}
	if s.site == "" {
		// any host name, so that a phone in the same network may come in by address
		s.site = ":" + port("gateway", "PORT", "8080")
	}
	s.gateway = clientAddress(s.site)
	// The page can show all sides of it only where all sides are the demo's own.
	if env("SITE") == "" && s.backend == "" && s.appid == "" && s.apiBase == "" {
		s.pageListen = "127.0.0.1:" + port("page", "PAGE_PORT", "8081")
	}
	if s.admin == "" {
		s.admin = "localhost:" + port("admin API", "", "2019")
	}
	if s.demoBackend = s.backend == ""; s.demoBackend {
		s.backend = "127.0.0.1:" + port("demo backend", "", "3000")
	}
	if s.appid == "" && s.apiBase == "" {
		s.simulator = "127.0.0.1:" + port("simulator", "SIM_PORT", "8089")
		s.apiBase = "http://" + s.simulator
	}
	if s.appid == "" {
		s.appid, s.secret = demoAppID, "any-secret-will-do"
	}
	if s.apiBase == "" {
		s.apiBase = "https://api.weixin.qq.com"
	}
	return s, err
}

// ports are those that are spoken for, and by what: another server, or a program
// that is yet to start here.
type ports map[string]string

// givenPorts are those that the environment names. Two programs cannot have one.
func givenPorts(env func(string) string) (ports, error) {
	given := ports{}
	for _, variable := range []string{"SITE", "BACKEND", "CADDY_ADMIN"} {
		for _, match := range regexp.MustCompile(`:(\d+)`).FindAllStringSubmatch(env(variable), -1) {
			given[match[1]] = variable + "=" + env(variable)
		}
	}
	for _, variable := range []string{"PORT", "PAGE_PORT", "SIM_PORT"} {
		port := env(variable)
		if other := given[port]; other != "" {
			return nil, fmt.Errorf("%s=%s and %s name the same port: choose another for one of them\n%s", variable, port, other, help)
		}
		if port != "" {
			given[port] = variable + "=" + port
		}
	}
	return given, nil
}

// choose returns the port that the variable asks for, which must be free, or
// the first free one from the usual one on.
func (p ports) choose(what, variable, asked, usual string, out io.Writer) (string, error) {
	if asked != "" {
		if err := tryPort(asked); err != nil {
			return "", fmt.Errorf("%s=%s, the %s's port, cannot be had: %w\n%s", variable, asked, what, err, help)
		}
		return asked, nil
	}
	first, err := strconv.Atoi(usual)
	if err != nil {
		return "", err
	}
	for n := range 50 {
		port := strconv.Itoa(first + n)
		if p[port] != "" || tryPort(port) != nil {
			continue
		}
		if n > 0 {
			by := ""
			if p[usual] != "" {
				by = " by " + p[usual]
			}
			fmt.Fprintf(out, "Port %s is taken%s: the %s uses port %s this time.\n", usual, by, what, port)
		}
		p[port] = "the " + what
		return port, nil
	}
	return "", fmt.Errorf("no port from %s on is free for the %s", usual, what)
}

func tryPort(port string) error {
	// as another server may have it: for all addresses, or for one of the loopbacks
	for _, address := range []string{"", "127.0.0.1", "[::1]"} {
		l, err := net.Listen("tcp", address+":"+port)
		if err != nil {
			if address == "[::1]" {
				continue // a machine without IPv6
			}
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return err
		}
		l.Close()
	}
	return nil
}

// clientAddress is the first address of a Caddyfile's site, as a URL.
func clientAddress(site string) string {
	site, _, _ = strings.Cut(strings.TrimSpace(site), ",")
	site, _, _ = strings.Cut(site, " ")
	switch {
	case strings.HasPrefix(site, ":"):
		return "http://localhost" + site
	case strings.Contains(site, "://"):
		return strings.TrimSuffix(site, "/")
	default:
		return "https://" + site
	}
}

// page is the page's address. A browser takes a cookie that is for HTTPS only
// from localhost, and from no number.
func (s settings) page() string {
	_, port, _ := strings.Cut(s.pageListen, ":")
	return "http://localhost:" + port
}

// gatewayEnv is the environment that the Caddyfile reads, with Caddy's own files
// in dir.
func (s settings) gatewayEnv(dir string) []string {
	return append(os.Environ(),
		"WECHAT_OFFICIAL_APPID="+officialAppID, "WECHAT_WEBSITE_APPID="+websiteAppID, "WECHAT_OPEN_BASE=http://"+s.simulator, // for tools/demo/Caddyfile
		"WECHAT_APPID="+s.appid, "WECHAT_SECRET="+s.secret, "WECHAT_API_BASE="+s.apiBase,
		"SITE="+s.site, "BACKEND="+s.backend, "CADDY_ADMIN="+s.admin,
		"XDG_DATA_HOME="+s.dataDir(dir), "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
}

// dataDir is where Caddy keeps sessions and keys, over restarts. Another "make
// run" beside this one, whose admin API is elsewhere, has its own: a session file
// is one gateway's.
func (s settings) dataDir(dir string) string {
	if s.admin == "localhost:2019" {
		return filepath.Join(dir, "data")
	}
	return filepath.Join(dir, "data-"+strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(s.admin)))
}

// probe lists what must answer before there is anything to show. Of a site with
// HTTPS only the port can be tried: its certificate may still be on its way.
func (s settings) probe() []string {
	var addresses []string
	if s.simulator != "" {
		addresses = append(addresses, "http://"+s.simulator)
	}
	if s.pageListen != "" {
		addresses = append(addresses, s.page())
	}
	if u, err := url.Parse(s.gateway); err == nil && u.Scheme == "http" {
		addresses = append(addresses, s.gateway+"/wechat/session")
	} else {
		addresses = append(addresses, "http://"+s.admin+"/config/")
	}
	return addresses
}
