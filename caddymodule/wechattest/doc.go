// doc.go: what the simulator promises, what it leaves out, where to read on.

// Package wechattest plays api.weixin.qq.com and open.weixin.qq.com for people without a WeChat account, and for tests.
//
// [Server] is an [net/http.Handler] with WeChat's paths, parameters and odd habits: a refusal is HTTP 200
// with an errcode, JSON is labelled text/plain, a code works once and for five minutes, and wx.login may
// replace the session key under data that is still on its way. It also plays the phone, and WeChat's own calls to a
// developer's server, through Go methods ([Server.Login], [Server.OAuthCode], [Server.UserInfo], [Server.Phone],
// [Server.Push]) or over HTTP:
//
//	POST /sim/login    {"openid"?, "appid"?}                       {"code"}
//	POST /sim/oauth    {"appid", "openid"?, "scope"?, "snapshot"?} {"code"}, see [OAuthLogin]
//	POST /sim/userinfo {"openid", "appid"?}                        {"rawData","signature","encryptedData","iv"}
//	POST /sim/phone    {"openid", "appid"?}                        {"code","encryptedData","iv"}
//	POST /sim/push     {"url", "appid", "message", "mode"?, "token"?, "aes_key"?}  see [Push] and [PushResult]
//	POST /sim/fault    see [Fault]                                 204
//	GET  /sim/received?path=                                       see [Received]
//
// Without an appid, /sim/login gives a code of the only mini program, and where there is not just one, of whichever app
// exchanges it first; /sim/userinfo and /sim/phone are of the app in which the openid logged in last (see
// [Server.UserInfo]). The message of /sim/push is a JSON object, or a text that holds JSON or XML.
//
// /sim/fault takes the members of [Fault] in lower case. A 0, "", false or null is as good as absent; only a body
// of "" without errcode and drop is an empty answer. A delay is a text for [time.ParseDuration] or a number, of
// seconds up to 60 and of milliseconds above.
//
// The login pages [PathAuthorize] and [PathQRConnect] ask who logs in, and send the browser back with a code. A test
// says it in the address or in the form, behind WeChat's parameters, with one of sim_user=<openid>, sim_new=1,
// sim_snapshot=1 and sim_refuse=1. A link that WeChat would refuse ends on a page whose element
// <main id="problem" data-errcode="10003" data-parameter="redirect_uri"> says why; the errcode is 0 where WeChat has
// words only.
//
// Sources: the pages of developers.weixin.qq.com named at each call (api_code2session,
// api_getstableaccesstoken, api_getaccesstoken, api_getphonenumber, api_checksessionkey,
// api_resetusersessionkey, api_snsaccesstoken, Wechat_webpage_authorization, Wechat_Login, message-push, the open-data
// signature page, the global errcode list). Where no page gives a number, the comment says "our choice".
//
// Reading order: server.go (a request's way), guard.go, paths.go, code2session.go, users.go, people.go, opendata.go;
// connect.go, loginlink.go, oauth.go for logins by redirect; push.go; fault.go.
//
// It shares no code with the gateway's WeChat client, so that one misreading of a page cannot hide in both.
// It keeps nothing on disk, and it forgets: every table has an age or a size at which the oldest goes.
// It is no guard: anyone who reaches it can log in as anybody, so it belongs on a loopback address. Only pages of other
// origins, which a developer's browser may have open, are not answered.
package wechattest
