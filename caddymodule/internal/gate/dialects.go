// dialects.go: in which families of headers a backend is told of a caller.

package gate

import (
	"fmt"
	"strings"
)

// Dialects are families of identity headers, one or several.
type Dialects uint8

const (
	// DialectWeChat is our own: X-WeChat-OpenID and its siblings.
	DialectWeChat Dialects = 1 << iota
	// DialectCloudRun is what WeChat Cloud Run sets for requests that come from a mini
	// program, so that a backend written for it runs unchanged.
	DialectCloudRun
)

// dialectNames are the words for them in a configuration.
var dialectNames = [...]struct {
	name    string
	dialect Dialects
}{{"wechat", DialectWeChat}, {"cloudrun", DialectCloudRun}}

// ParseDialects reads the words of the option "headers"; none means wechat.
func ParseDialects(words []string) (Dialects, error) {
	if len(words) == 0 {
		return DialectWeChat, nil
	}
	var all Dialects
	for _, word := range words {
		d, err := parseDialect(word)
		if err != nil {
			return 0, err
		}
		if all&d != 0 {
			return 0, fmt.Errorf("headers %s is given twice; keep one", word)
		}
		all |= d
	}
	return all, nil
}

func parseDialect(word string) (Dialects, error) {
	var known []string
	for _, d := range dialectNames {
		if d.name == word {
			return d.dialect, nil
		}
		known = append(known, d.name)
	}
	return 0, fmt.Errorf("headers: there is no dialect %q; there are %s", word, strings.Join(known, " and "))
}

// The identity headers, in Go's canonical spelling: with another one, other
// directives (request_header, header_up) would neither find nor replace them.
const (
	HeaderOpenID   = "X-Wechat-Openid"
	HeaderAppID    = "X-Wechat-Appid"
	HeaderUnionID  = "X-Wechat-Unionid"
	HeaderUserInfo = "X-Wechat-Userinfo"
	HeaderPhone    = "X-Wechat-Phone"

	HeaderCloudOpenID  = "X-Wx-Openid"
	HeaderCloudAppID   = "X-Wx-Appid"
	HeaderCloudUnionID = "X-Wx-Unionid"
	HeaderCloudSource  = "X-Wx-Source"

	// HeaderAssertion is of no dialect: the option "assertion" adds it.
	HeaderAssertion = "X-Wechat-Assertion"
)

// cloudSource is the X-WX-SOURCE of requests that come from a mini program.
const cloudSource = "wx_client"

// identityHeader is a header, and what of a caller it tells.
type identityHeader struct {
	name string
	tell identityField
}

type identityField uint8

const (
	tellOpenID identityField = iota
	tellAppID
	tellUnionID
	tellUserInfo
	tellPhone
	tellSource
)

// identityHeaders are the headers of both dialects, each dialect's together.
var identityHeaders = [...]identityHeader{
	{HeaderOpenID, tellOpenID},
	{HeaderAppID, tellAppID},
	{HeaderUnionID, tellUnionID},
	{HeaderUserInfo, tellUserInfo},
	{HeaderPhone, tellPhone},

	{HeaderCloudOpenID, tellOpenID},
	{HeaderCloudAppID, tellAppID},
	{HeaderCloudUnionID, tellUnionID},
	{HeaderCloudSource, tellSource},
}

// ourHeaders is how many of them are those of DialectWeChat.
const ourHeaders = 5

// headers returns the headers of the dialects.
func (d Dialects) headers() []identityHeader {
	switch d {
	case DialectWeChat:
		return identityHeaders[:ourHeaders]
	case DialectCloudRun:
		return identityHeaders[ourHeaders:]
	}
	return identityHeaders[:]
}

// tell returns what a header says of the caller; empty says nothing.
func (c *Caller) tell(field identityField) string {
	switch field {
	case tellOpenID:
		return c.openID
	case tellAppID:
		return c.App.AppID
	case tellUnionID:
		return c.unionID
	case tellUserInfo:
		if len(c.userInfo) > maxIdentityHeader {
			return ""
		}
		return c.userInfo
	case tellPhone:
		return c.phone
	default:
		return cloudSource
	}
}

// maxIdentityHeader bounds one identity header. What is longer is left out, and
// can be had from GET /wechat/session: backends refuse requests whose headers
// grow, and would do so for every request of that user.
const maxIdentityHeader = 4 << 10
