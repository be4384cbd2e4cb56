// smuggled.go: identity in trailers.

package gatewaytest

// Smuggled are trailers of a request, and how they are announced.
var Smuggled = []struct {
	Name     string
	Announce []Field
	Trailers []Field
}{
	{"announced", Fields("Trailer", "X-WeChat-OpenID"), Fields("X-WeChat-OpenID", Eve)},
	{"announced in parts", Fields("Trailer", "X-Other, x-wechat-openid", "Trailer", "X-WX-OPENID"), Fields("X-Other", "1", "X-WeChat-OpenID", Eve, "X-WX-OPENID", Eve)},
	{"smuggled behind another", Fields("Trailer", "X-Other"), Fields("X-Other", "1", "X-WeChat-OpenID", Eve, "X_WeChat_OpenID", Eve)},
	{"not announced", nil, Fields("X-WeChat-OpenID", Eve)},
	{"alias", Fields("Trailer", "X_WeChat_OpenID, X.WX.OpenID"), Fields("X_WeChat_OpenID", Eve, "X.WX.OpenID", Eve)},
	{"harmless", Fields("Trailer", "X-Other"), Fields("X-Other", "1")},
	{"announced with TE", Fields("TE", "trailers", "Trailer", "X-WeChat-OpenID"), Fields("X-WeChat-OpenID", Eve)},
	{"empty body announced", Fields("Trailer", "X-WeChat-OpenID", "Content-Length", "0"), Fields("X-WeChat-OpenID", Eve)},
}
