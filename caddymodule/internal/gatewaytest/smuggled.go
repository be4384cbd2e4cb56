// smuggled.go: identity in trailers, and bodies whose end is in dispute.

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

// Framings are the rest of a request, behind lines that say nothing of its body: two
// readers could disagree about where it ends, and take what follows for a request.
var Framings = map[string]string{
	"two lengths":           "Content-Length: 5\nContent-Length: 6\n\nhello",
	"list of lengths":       "Content-Length: 5, 6\n\nhello",
	"signed length":         "Content-Length: +5\n\nhello",
	"negative length":       "Content-Length: -1\n\nhello",
	"hex length":            "Content-Length: 0x5\n\nhello",
	"length and chunks":     "Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n",
	"chunks and length":     "Transfer-Encoding: chunked\nContent-Length: 100\n\n0\n\n",
	"unknown coding":        "Transfer-Encoding: xchunked\n\n0\n\n",
	"two codings":           "Transfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n",
	"list of codings":       "Transfer-Encoding: gzip, chunked\n\n0\n\n",
	"space before colon":    "Transfer-Encoding : chunked\nContent-Length: 5\n\n0\n\n",
	"folded coding":         "Transfer-Encoding:\n chunked\nContent-Length: 5\n\n0\n\n",
	"underscore in length":  "Content_Length: 5\n\nhello",
	"two hosts":             "Host: evil.example\n\n",
	"length in Connection":  "Connection: Content-Length\nContent-Length: 5\n\nhello",
	"chunks in Connection":  "Connection: Transfer-Encoding\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
	"bad chunk":             "Transfer-Encoding: chunked\n\nzz\nhello\n0\n\n",
	"chunk extension":       "Transfer-Encoding: chunked\n\n5;x=\"GET /admin\"\nhello\n0\n\n",
	"length of a GET":       "Content-Length: 5\n\nhello",
	"no length":             "\n",
	"HTTP/1.0 chunks in it": "Transfer-Encoding: chunked\nConnection: keep-alive\n\n0\n\n",
}
