// paths.go: the paths of WeChat that the simulator serves, and how much each takes.

package wechattest

// The WeChat paths the simulator serves, as the pages of developers.weixin.qq.com spell them.
const (
	PathCode2Session        = "/sns/jscode2session"              // api_code2session
	PathToken               = "/cgi-bin/token"                   // api_getaccesstoken
	PathStableToken         = "/cgi-bin/stable_token"            // api_getstableaccesstoken
	PathGetUserPhoneNumber  = "/wxa/business/getuserphonenumber" // api_getphonenumber
	PathCheckSession        = "/wxa/checksession"                // api_checksessionkey
	PathResetUserSessionKey = "/wxa/resetusersessionkey"         // api_resetusersessionkey

	PathAuthorize    = "/connect/oauth2/authorize" // Wechat_webpage_authorization, on open.weixin.qq.com
	PathQRConnect    = "/connect/qrconnect"        // Wechat_Login, on open.weixin.qq.com
	PathOAuthToken   = "/sns/oauth2/access_token"  // api_snsaccesstoken
	PathOAuthRefresh = "/sns/oauth2/refresh_token" // Wechat_webpage_authorization
	PathSNSUserInfo  = "/sns/userinfo"             // Wechat_webpage_authorization
	PathSNSAuth      = "/sns/auth"                 // Wechat_webpage_authorization

	PathGetTicket     = "/cgi-bin/ticket/getticket"       // JS-SDK, appendix 1: jsapi_ticket
	PathSubscribeSend = "/cgi-bin/message/subscribe/send" // api_sendmessage
	PathCustomSend    = "/cgi-bin/message/custom/send"    // api_sendcustommessage
	PathMediaUpload   = "/cgi-bin/media/upload"           // api_uploadtempmedia
	PathMediaGet      = "/cgi-bin/media/get"              // api_gettempmedia
	PathDomainIP      = "/cgi-bin/get_api_domain_ip"      // api_getapidomainip
	PathMsgSecCheck   = "/wxa/msg_sec_check"              // api_msgseccheck
	PathWxaCode       = "/wxa/getwxacodeunlimit"          // api_getunlimitedqrcode
)

// wechatCalls run with the Server's mutex held and do no I/O.
var wechatCalls = map[string]func(*Server, request) answer{
	PathCode2Session:        (*Server).code2Session,
	PathToken:               (*Server).token,
	PathStableToken:         (*Server).stableToken,
	PathGetUserPhoneNumber:  (*Server).getUserPhoneNumber,
	PathCheckSession:        (*Server).checkSession,
	PathResetUserSessionKey: (*Server).resetUserSessionKey,

	PathAuthorize:    (*Server).oauth2Authorize,
	PathQRConnect:    (*Server).qrConnect,
	PathOAuthToken:   (*Server).oauthToken,
	PathOAuthRefresh: (*Server).oauthRefresh,
	PathSNSUserInfo:  (*Server).snsUserInfo,
	PathSNSAuth:      (*Server).snsAuth,

	PathGetTicket:     (*Server).getTicket,
	PathSubscribeSend: (*Server).subscribeSend,
	PathCustomSend:    (*Server).customSend,
	PathMediaUpload:   (*Server).mediaUpload,
	PathMediaGet:      (*Server).mediaGet,
	PathDomainIP:      (*Server).domainIP,
	PathMsgSecCheck:   (*Server).msgSecCheck,
	PathWxaCode:       (*Server).wxaCode,
}

// bodyLimit is ours. WeChat's own limits are below it, so that they can answer in their own way.
func bodyLimit(path string) int64 {
	switch path {
	case PathMediaUpload:
		return 33 << 20
	case PathSubscribeSend, PathCustomSend, PathMsgSecCheck, PathWxaCode:
		return 2 << 20
	case "/sim/push":
		return 4 << 20
	}
	return maxBody
}
