// headers.go: the identity headers, and the only code that writes them.

package gate

// The identity headers, in Go's canonical spelling: with another one, other
// directives (request_header, header_up) would neither find nor replace them.
const (
	HeaderOpenID   = "X-Wechat-Openid"
	HeaderAppID    = "X-Wechat-Appid"
	HeaderUnionID  = "X-Wechat-Unionid"
	HeaderUserInfo = "X-Wechat-Userinfo"
	HeaderPhone    = "X-Wechat-Phone"
)

// maxIdentityHeader bounds one identity header. What is longer is left out, and
// can be had from GET /wechat/session: backends refuse requests whose headers
// grow, and would do so for every request of that user.
const maxIdentityHeader = 4 << 10

// Identify tells the backend who is calling. The headers of any earlier word on
// that were scrubbed.
func (r Clean) Identify(c *Caller) {
	headers := [...]struct{ name, value string }{
		{HeaderOpenID, c.openID},
		{HeaderAppID, c.App.AppID},
		{HeaderUnionID, c.unionID},
		{HeaderUserInfo, c.userInfo},
		{HeaderPhone, c.phone},
	}
	// one array for all values; each header gets a slice that cannot grow into
	// its neighbour's, and that only this request may modify
	values := make([]string, len(headers))
	for i, h := range headers {
		if h.value != "" && len(h.value) <= maxIdentityHeader {
			values[i] = h.value
			r.Header[h.name] = values[i : i+1 : i+1]
		}
	}
}
