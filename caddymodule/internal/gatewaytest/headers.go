// headers.go: the spellings of a header's name that backends take for one.

package gatewaytest

// Spellings are names that some backend could take for an identity header.
var Spellings = []string{
	"X-WeChat-OpenID", "x-wechat-openid", "X-WECHAT-OPENID", "X-Wechat-Openid",
	"X_WeChat_OpenID", "X.WeChat.OpenID", "X!WeChat!OpenID", "x-wechat_openid", "X_Wechat.Openid", "X~WeChat|OpenID",
	"Grpc-Metadata-X-WeChat-OpenID", "X-Forwarded-X-WeChat-OpenID", "X-Amzn-Remapped-X-WX-OPENID", "HTTP-X-WeChat-OpenID",
	"X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone", "X_WECHAT_UNIONID", "X-WeChat-Anything",
	"X-WX-OPENID", "X-WX-UNIONID", "X-WX-APPID", "X-WX-SOURCE", "x_wx_openid", "X.WX.OpenID", "X^wx^openid", "X-Wx-From-Openid",
}

// PublicAuth is a wechat_auth with public paths.
const PublicAuth = "wechat_auth {\n public /public/* /healthz /\n}"
