// jssdk.go: the ticket and the signature by which a page may use WeChat's JS-SDK.

package weixin

import (
	"context"
	"crypto/sha1" // WeChat's choice; the ticket makes it a keyed digest of what we chose
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// getTicket fetches an Official Account's jsapi_ticket and how long it will still be
// valid. The daily quota is small: use TokenSource.JSAPITicket rather than this.
// Errors: KindBadToken, KindRateLimited, KindRefused (48001 for an app that has no
// JS-SDK), and the kinds of a failed call.
//
// Source: WeChat documentation, "JS-SDK使用权限签名算法".
func (c *Client) getTicket(ctx context.Context, accessToken string, o *Observer) (ticket string, expiresIn time.Duration, err error) {
	err = c.guarded(ctx, c.token, CallJSAPITicket, "", o, func(ctx context.Context) error {
		a, err := c.send(ctx, request{
			call: CallJSAPITicket, method: http.MethodGet, path: "/cgi-bin/ticket/getticket",
			query: url.Values{"access_token": {accessToken}, "type": {"jsapi"}},
		})
		if err != nil {
			return err
		}
		ticket, expiresIn, err = readTicket(CallJSAPITicket, a)
		return err
	})
	return ticket, expiresIn, err
}

// SignPage returns the signature for wx.config, in lower-case hex. nonce and timestamp
// (Unix seconds) are those that go to wx.config as nonceStr and timestamp. page is the
// address of the page as its WebView has it, with scheme and query, without fragment;
// its bytes are signed as they are.
func SignPage(ticket, nonce string, timestamp int64, page string) string {
	sum := sha1.Sum([]byte("jsapi_ticket=" + ticket + "&noncestr=" + nonce +
		"&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + page))
	return hex.EncodeToString(sum[:])
}
