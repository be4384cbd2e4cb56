// doc.go: what the simulator promises, what it leaves out, where to read on.

// Package wechattest plays api.weixin.qq.com for people without a WeChat account, and for tests.
//
// [Server] is an [net/http.Handler] with WeChat's paths, parameters and odd habits: a refusal is HTTP 200
// with an errcode, JSON is labelled text/plain, a code works once and for five minutes, and wx.login may
// replace the session key under data that is still on its way. It also plays the phone, through the Go
// methods ([Server.Login], [Server.UserInfo], [Server.Phone]) or over HTTP:
//
//	POST /sim/login    {"openid"?, "appid"?}  {"code"}
//	POST /sim/userinfo {"openid", "appid"?}   {"rawData","signature","encryptedData","iv"}
//	POST /sim/phone    {"openid", "appid"?}   {"code","encryptedData","iv"}
//	POST /sim/fault    see [Fault]            204
//
// Without an appid, /sim/login gives a code of the only mini program, and where there is not just one, of whichever app
// exchanges it first; /sim/userinfo and /sim/phone are of the app in which the openid logged in last (see
// [Server.UserInfo]).
//
// /sim/fault takes the members of [Fault] in lower case. A 0, "", false or null is as good as absent; only a body
// of "" without errcode and drop is an empty answer. A delay is a text for [time.ParseDuration] or a number, of
// seconds up to 60 and of milliseconds above.
//
// Sources: the pages of developers.weixin.qq.com named at each call (api_code2session,
// api_getstableaccesstoken, api_getaccesstoken, api_getphonenumber, api_checksessionkey,
// api_resetusersessionkey, the open-data signature page, the global errcode list). Where no page gives a
// number, the comment says "our choice".
//
// Reading order: server.go (a request's way), code2session.go, users.go, people.go, opendata.go, fault.go.
//
// It shares no code with the gateway's WeChat client, so that one misreading of a page cannot hide in both.
// It keeps nothing on disk, and it forgets: every table has an age or a size at which the oldest goes.
// It is no guard: whoever reaches it can log in as anybody, so it belongs on a loopback address.
package wechattest
