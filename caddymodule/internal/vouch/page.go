// page.go: signatures for wx.config, by which a page inside WeChat may use the JS-SDK.

package vouch

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/span"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// PageSignature is what wx.config takes, in its own names.
type PageSignature struct {
	AppID     string `json:"appId"`
	Timestamp int64  `json:"timestamp"` // Unix seconds
	Nonce     string `json:"nonceStr"`
	Signature string `json:"signature"`
}

// SignPage signs the address of a page, without its fragment, by an Official Account.
// The jsapi_ticket is fetched once for all nodes, and shown to nobody.
//
// Source: WeChat documentation, "JS-SDK使用权限签名算法".
func (d *Desk) SignPage(ctx context.Context, app *apps.App, page string) (PageSignature, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	ctx, end := span.Start(ctx, "wechat.api jsapi_ticket")
	ticket, err := d.Access.JSAPITicket(ctx, app.Credentials, d.Observer)
	end(string(weixin.KindOf(err)))
	if err != nil {
		d.Log.Call("jsapi_ticket", app.AppID, err)
		return PageSignature{}, err
	}
	s := PageSignature{AppID: app.AppID, Timestamp: time.Now().Unix(), Nonce: rand.Text()}
	s.Signature = weixin.SignPage(ticket, s.Nonce, s.Timestamp, page)
	return s, nil
}
