// cookie.go: the session cookie's name.

package gatewaytest

// CookieName is the default of the option cookie.
const CookieName = "__Host-wechat_session"
