// config.go: the configurations of the proxies. Each does the same job with as
// little else as it allows: no access log, nothing on disk.

package main

import (
	"fmt"
	"os"
	"strings"
)

const (
	appID  = "wx00000000000000aa"
	secret = "not-a-secret"
)

// addresses are where a proxy listens and whom it knows.
type addresses struct {
	site, tls, admin, upstream, sim, redis string
}

// caddyfile leaves a place for more global options: a -with can set the
// variable LOADBENCH_GLOBAL, to try a setting of Caddy's.
func (v *variant) caddyfile(a addresses) string {
	var t strings.Builder
	fmt.Fprintf(&t, "{\n\tadmin %s\n\tpersist_config off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tgrace_period 1s\n", a.admin)
	if v.kind == gate {
		fmt.Fprintf(&t, "\twechat {\n\t\tapp %s %s\n\t\tapi_base http://%s\n\t\tstore %s\n\t\tlogin_rate 1000000 1m\n\t}\n", appID, secret, a.sim, v.storeLine(a))
	}
	t.WriteString("\t{$LOADBENCH_GLOBAL}\n}\n")
	site := func(address string, more ...string) {
		fmt.Fprintf(&t, "%s {\n\tbind 127.0.0.1\n", address)
		for _, line := range more {
			fmt.Fprintf(&t, "\t%s\n", line)
		}
		switch v.kind {
		case gate:
			t.WriteString("\twechat_auth\n")
		case forwardAuth:
			fmt.Fprintf(&t, "\tforward_auth %s {\n\t\turi /check\n\t\tcopy_headers X-WeChat-OpenID\n\t}\n", a.upstream)
		}
		fmt.Fprintf(&t, "\treverse_proxy %s%s\n}\n", a.upstream, v.sameHeaders())
	}
	_, port, _ := strings.Cut(a.site, ":")
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
	auth, check := "", ""
	if v.kind == nginxAuth {
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
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	upstream app { server %[3]s; keepalive 64; keepalive_requests 1000000000; }
	upstream check { server %[3]s; keepalive 64; keepalive_requests 1000000000; }
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
`, user, a.site, a.upstream, auth, check)
}
