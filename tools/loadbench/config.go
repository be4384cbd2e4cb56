// config.go: the configurations of the proxies. Each does the same job with as
// little else as it allows: no access log, nothing on disk.

package main

import (
	"fmt"
	"os"
	"strings"
)

const (
	appID      = "wx00000000000000aa"
	officialID = "wx00000000000000ab"
	secret     = "not-a-secret"

	cookieName = "__Host-wechat_session" // the default
)

// addresses are where a proxy listens and whom it knows.
type addresses struct {
	site, tls, admin, upstream, sim, redis string

	logins string // where users log in: site, unless that only answers checks
	door   string // that an nginx asks
}

// caddyfile leaves a place for more global options: a -with can set the
// variable LOADBENCH_GLOBAL, to try a setting of Caddy's.
func (v *variant) caddyfile(a addresses) string {
	var t strings.Builder
	fmt.Fprintf(&t, "{\n\tadmin %s\n\tpersist_config off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tgrace_period 1s\n", a.admin)
	if v.store != "" {
		fmt.Fprintf(&t, "\twechat {\n\t\tapp %s %s\n\t\tapi_base http://%[3]s\n\t\topen_base http://%[3]s\n\t\tstore %[4]s\n\t\tlogin_rate 1000000 1m\n", appID, secret, a.sim, v.storeLine(a))
		for _, line := range v.global {
			fmt.Fprintf(&t, "\t\t%s\n", line)
		}
		t.WriteString("\t}\n")
	}
	t.WriteString("\t{$LOADBENCH_GLOBAL}\n}\n")
	site := func(address string, more ...string) {
		fmt.Fprintf(&t, "%s {\n\tbind 127.0.0.1\n", address)
		for _, line := range more {
			fmt.Fprintf(&t, "\t%s\n", line)
		}
		switch v.kind {
		case gate:
			t.WriteString("\twechat_auth {\n")
			for _, line := range v.site {
				fmt.Fprintf(&t, "\t\t%s\n", line)
			}
			t.WriteString("\t}\n")
		case forwardAuth:
			fmt.Fprintf(&t, "\tforward_auth %s {\n\t\turi /check\n\t\tcopy_headers X-WeChat-OpenID\n\t}\n", a.upstream)
		}
		fmt.Fprintf(&t, "\treverse_proxy %s%s\n}\n", a.upstream, v.sameHeaders())
	}
	_, port, _ := strings.Cut(a.site, ":")
	switch v.kind {
	case respond, check:
		answer := map[kind]string{respond: "respond 200", check: "wechat_check"}[v.kind]
		fmt.Fprintf(&t, "http://:%s {\n\tbind 127.0.0.1\n\t%s\n}\n", port, answer)
		if v.kind == check {
			_, port, _ = strings.Cut(a.logins, ":")
			fmt.Fprintf(&t, "http://:%s {\n\tbind 127.0.0.1\n\twechat_auth\n}\n", port)
		}
		return t.String()
	}
	site("http://:" + port)
	if a.tls != "" {
		site("https://"+strings.Replace(a.tls, "127.0.0.1", "localhost", 1), "tls internal")
	}
	return t.String()
}

// sameHeaders lets the proxy itself change the headers that the gate changes,
// without looking at anything.
func (v *variant) sameHeaders() string {
	if v.kind != headers {
		return ""
	}
	return " {\n\t\theader_up -Authorization\n\t\theader_up X-WeChat-OpenID oGZUI0egBJY1zhBYw2KhdUfwVJJE\n\t\theader_up X-WeChat-AppID " + appID + "\n\t}"
}

func (v *variant) storeLine(a addresses) string {
	if v.store == "redis" {
		return "redis redis://" + a.redis
	}
	return v.store
}

// nginxConf keeps connections to clients and backends, as Caddy does unasked.
func (v *variant) nginxConf(a addresses) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root root;" // our directory is not for others
	}
	auth, check, door := "", "", a.upstream
	switch v.kind {
	case nginxDoor: // as in examples/nginx
		door = a.door
		for _, name := range []string{"OpenID", "AppID", "UnionID", "UserInfo", "Phone"} {
			variable := "$wechat_" + strings.ToLower(name)
			auth += fmt.Sprintf("auth_request_set %s $upstream_http_x_wechat_%s;\n\t\t\tproxy_set_header X-WeChat-%s %[1]s;\n\t\t\t", variable, strings.ToLower(name), name)
		}
		auth += `auth_request /check;
			proxy_set_header Authorization "";`
		check = `location = /check {
			internal;
			proxy_pass_request_headers off;
			proxy_set_header Authorization $http_authorization;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_pass http://check/;
		}`
	case nginxAuth:
		auth = `auth_request /check;
			auth_request_set $openid $upstream_http_x_wechat_openid;
			proxy_set_header X-WeChat-OpenID $openid;
			proxy_set_header Authorization "";`
		check = `location = /check {
			internal;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_pass http://check/check;
		}`
	}
	return fmt.Sprintf(`%[1]s
daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	keepalive_timeout 1h;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	upstream app { server %[3]s; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 1h; }
	upstream check { server %[6]s; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 1h; }
	server {
		listen %[2]s;
		location / {
			%[4]s
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Host $http_host;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_pass http://app;
		}
		%[5]s
	}
}
`, user, a.site, a.upstream, auth, check, door)
}
