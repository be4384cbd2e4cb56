// words.go: what the pages say, in Chinese and English.

package weblogin

// words is one page in one language.
type words struct{ Title, Text, Link string }

// Topic is what a page is about.
type Topic int

const (
	NeedsWeChat  Topic = iota // open it in WeChat; shows Address as a QR code
	NeedsBrowser              // open it outside WeChat; shows Address
	UserRefused               // the user refused at WeChat
	Snapshot                  // a snapshot user, who is nobody
	NotBegun                  // no login for this state: too old, another browser, used
	NoCookies                 // the browser keeps no cookies
	CodeRefused               // WeChat refused the code, twice
	UserBlocked               // WeChat blocks the user
	BadTicket                 // the ticket of a web-view is spent, late or wrong
	SomebodyElse              // another user is logged in here
	BadRequest                // the address is not one that we make
	TooMany                   // too many logins from one address
	Unavailable               // WeChat or the session store is out of reach, or slow
	Failed                    // WeChat refused the gateway: the operator must act
	OtherRefusal              // everything else
	topics
)

const (
	loginAgain   = "重新登录"
	loginAgainEN = "Log in again"
	tryAgain     = "重试"
	tryAgainEN   = "Try again"
)

// text has Chinese and English for each topic.
var text = [topics][2]words{
	NeedsWeChat: {
		{"请在微信中打开", "此页面需要用微信登录。请用微信扫描二维码，或复制下面的网址到微信中打开。", ""},
		{"Open this page in WeChat", "You log in to this page inside WeChat. Scan the code with WeChat, or copy the address above into a WeChat chat and open it there.", ""},
	},
	NeedsBrowser: {
		{"请在浏览器中打开", "此页面不支持在微信内登录。请点击右上角「···」，选择在浏览器中打开，或复制下面的网址到电脑浏览器中打开，再用微信扫码登录。", ""},
		{"Open this page in a browser", "You cannot log in to this page inside WeChat. Tap ··· in the corner and choose to open it in a browser, or copy the address above to a computer, and log in there by scanning a code with WeChat.", ""},
	},
	UserRefused: {
		{"未完成登录", "你没有同意微信登录，因此无法打开此页面。", loginAgain},
		{"You are not logged in", "You did not allow the login at WeChat, so this page cannot be opened.", loginAgainEN},
	},
	Snapshot: {
		{"请使用完整服务", "当前打开的是网页快照，无法登录。请点击页面右下角的「使用完整服务」，然后重新打开此页面。", ""},
		{"Open the full page", "WeChat shows a snapshot of this page, in which nobody can log in. Tap 使用完整服务 (“use full service”) at the bottom right, then open the page again.", ""},
	},
	NotBegun: {
		{"登录已失效", "此次登录已超过 10 分钟、已被使用，或是在另一个浏览器中开始的。请重新登录。", loginAgain},
		{"This login is over", "It is older than 10 minutes, was used already, or began in another browser. Please log in again.", loginAgainEN},
	},
	NoCookies: {
		{"请允许使用 Cookie", "你的浏览器没有保存 Cookie，因此无法登录。请在浏览器设置中允许此网站使用 Cookie（并退出无痕模式），然后重新登录。", loginAgain},
		{"Please allow cookies", "Your browser keeps no cookies, so you cannot stay logged in. Allow cookies for this site in its settings (and leave private mode), then log in again.", loginAgainEN},
	},
	CodeRefused: {
		{"登录没有成功", "微信没有接受此次登录。请重新登录。", loginAgain},
		{"The login did not work", "WeChat did not accept this login. Please log in again.", loginAgainEN},
	},
	UserBlocked: {
		{"无法登录", "微信限制了此账号的登录。请在微信中查看账号状态，或联系微信客服。", ""},
		{"You cannot log in", "WeChat restricts logins of this account. See the state of your account in WeChat, or ask WeChat's support.", ""},
	},
	BadTicket: {
		{"链接已失效", "此链接只能使用一次，且在 1 分钟内有效。请返回小程序，重新打开此页面。", ""},
		{"This link is over", "It works once, for one minute. Go back to the mini program and open the page from there again.", ""},
	},
	SomebodyElse: {
		{"已登录其他账号", "此浏览器中已登录另一个微信账号。请先退出登录，再从小程序重新打开此页面。", ""},
		{"Another account is logged in", "Somebody else is logged in to this site in this browser. Log out first, then open the page from the mini program again.", ""},
	},
	BadRequest: {
		{"网址有误", "此网址不完整或不正确。请从网站首页重新进入。", ""},
		{"This address is not right", "It is incomplete or wrong. Please begin at the site's front page.", ""},
	},
	TooMany: {
		{"操作过于频繁", "登录次数过多。请稍等片刻后再试。", tryAgain},
		{"Too many logins", "There were too many logins. Please wait a little and try again.", tryAgainEN},
	},
	Unavailable: {
		{"暂时无法登录", "登录服务暂时不可用。请稍后再试。", tryAgain},
		{"Logins do not work right now", "The login service is not available. Please try again in a moment.", tryAgainEN},
	},
	Failed: {
		{"暂时无法登录", "网站与微信之间的连接出现问题。请稍后再试，或联系网站管理员。", tryAgain},
		{"Logins do not work right now", "Something is wrong between this site and WeChat. Please try again later, or tell the people who run the site.", tryAgainEN},
	},
	OtherRefusal: {
		{"无法打开此页面", "请求没有被接受。请返回后重试。", ""},
		{"This page cannot be opened", "The request was not accepted. Please go back and try again.", ""},
	},
}
