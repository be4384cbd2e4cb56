// weblogin.go: the option `web_login`: logins by redirect.

package wechatauth

import (
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/endpoint"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

// WebLogin has browsers log in by redirect to WeChat: pages inside WeChat with an app
// of kind `official`, QR codes with one of kind `website`. The site's apps must have
// one of them.
type WebLogin struct {
	// The origin of the site to which WeChat returns first, because its domain is the
	// one registered with WeChat. That site passes returns on; see `for`. Both have one
	// `prefix`. Default: WeChat returns to this site.
	Via string `json:"via,omitempty"`

	// On the site that `via` of others names: the origins of those others. Default: none.
	For []string `json:"for,omitempty"`
}

func (l *WebLogin) provision(e *engine.Engine, list apps.List) (*endpoint.Web, error) {
	web := &endpoint.Web{
		Apps: endpoint.WebApps(list), OpenBase: e.OpenBase,
		Logins:  weblogin.Logins{Sealer: e.Browser, Now: time.Now},
		Tickets: login.Tickets{Sealer: e.Browser, Forged: seal.ErrForged, Sessions: e.Sessions},
	}
	if len(web.Apps) == 0 {
		return nil, wechat.ErrNoWebApp
	}
	var err error
	if l.Via != "" {
		if web.Via, err = weblogin.ParseSite(l.Via); err != nil {
			return nil, err
		}
	}
	var sites []weblogin.Origin
	for _, text := range l.For {
		site, err := weblogin.ParseSite(text)
		if err != nil {
			return nil, err
		}
		sites = append(sites, site)
	}
	web.For = weblogin.NewSites(sites...)
	return web, nil
}

// unmarshal reads the block.
func (l *WebLogin) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Err("web_login takes nothing but a block, with via and for")
	}
	return option.ReadBlock(d, "unknown web_login option%s",
		option.One("via", func(d *caddyfile.Dispenser) (err error) {
			if l.Via, err = option.OneArg(d); err != nil {
				return err
			}
			return checkSite(d, l.Via)
		}),
		option.One("for", func(d *caddyfile.Dispenser) error {
			if l.For = d.RemainingArgs(); len(l.For) == 0 {
				return d.Err("for takes the origins of the sites that name this one with via, such as https://shop.example.com")
			}
			for _, origin := range l.For {
				if err := checkSite(d, origin); err != nil {
					return err
				}
			}
			return nil
		}),
	)
}

// checkSite refuses what is not the origin of a site.
func checkSite(d *caddyfile.Dispenser, origin string) error {
	if _, err := weblogin.ParseSite(origin); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
