// words.ts: all that the page says, in English and Chinese.

const english = {
  title: 'A WeChat login gateway at work',
  intro: 'Press a button on the phone. Everything shown is real traffic of the program that “make run” has started; only WeChat is a simulator. Secrets are shortened.',
  language: '中文',
  phone: 'Phone', gateway: 'Gateway', backend: 'Backend', wechat: 'WeChat, asked by the gateway', operator: 'Operator', wire: 'On the wire',
  mini: 'Mini program', web: 'Pages in a browser', moods: 'Let it have a bad day, and log in:',
  begin: 'Begin with “Log in”, then “Get orders”.',
  nothingYet: 'Nothing has come by yet.', notAsked: 'WeChat was not asked.',
  wireHint: 'Each line is one exchange of the last step, in order. Open it for headers, bodies and the curl line that does the same; $code and $token are set by the lines of a login.',
  silence: 'The backend heard nothing.',
  nobody: 'Not logged in', loggedInAs: 'Logged in: ',
  came: 'The request as it came', legendGone: 'taken away', legendAdded: 'set by the gateway', answered: 'answered by the gateway itself: ',
  passedOn: 'passed on; the answer came back: ', token: 'The token, taken apart', received: 'The request as the backend received it', times: 'times; this is the last one',
  unchanged: 'headers passed on unchanged', more: 'other headers', byCaddy: 'headers set by Caddy for the backend', decoded: 'X-WeChat-UserInfo, decoded',
  copy: 'Copy', copied: 'Copied', noCurl: 'No curl line: this one is the gateway’s, or only the browser that began it can do it.', working: 'working …',
  user: 'Phone', Wechat: 'WeChat', Operator: 'Operator', Backend: 'Backend', Gateway: 'Gateway', answer: 'Answer', noAnswer: 'no answer',
  says: { opened: 'The socket is open. Echo: ', ended: 'The socket was closed from the other side: ' },
  steps: {
    bare: ['Ask without login', 'Without a session the gateway answers 401 itself. Nothing reaches the backend.'],
    login: ['Log in', 'wx.login gives a code, the gateway trades it at WeChat for the openid, and answers with a token. The session key stays with the gateway.'],
    ask: ['Get orders', 'The token is checked and taken away; the backend reads who is calling from headers.'],
    forge: ['Forge an identity', 'The phone sends X-WeChat-OpenID itself, and X_WeChat_OpenID, too. They vanish; the backend sees who it really is.'],
    tamper: ['Change the token', 'The last five characters of the token are others now. 401, and nothing reaches the backend.'],
    userinfo: ['Give nickname', 'What wx.getUserProfile gave is verified with the session key; from now on the backend gets it with each request.'],
    phone: ['Give phone number', 'The code of the phone-number button is redeemed at WeChat; from now on the backend gets the number.'],
    socket: ['Open a WebSocket', 'The handshake is checked like any request. Now let the operator end the session.'],
    ten: ['Session ends, ten ask', 'An operator ends the session, then ten requests start at once: ten times 401, one login for all of them, ten times 200.'],
    logout: ['Log out, ask again', 'The session is dead everywhere: the same token gets 401.'],
    h5: ['Log in inside WeChat', 'A page inside WeChat logs in by redirect: authorize, WeChat, callback, and a cookie that no script can read.'],
    qr: ['Log in by QR code', 'A website logs in by a QR code: authorize, WeChat, callback, and a cookie that no script can read.'],
    down: ['Busy (-1)', 'WeChat says “busy”: the phone is told 503 and when to try again.'],
    slow: ['Slow', 'WeChat takes longer than api_timeout, here 3 seconds: the phone is told 504.'],
    quota: ['Quota (45011)', 'Too many logins for WeChat: the phone is told 429 and when to try again.'],
    used: ['Code used (40163)', 'WeChat refuses the code: 400 invalid_grant. The client library gets a new code and tries once more.'],
    blocked: ['User blocked (40226)', 'WeChat blocks this user: the phone is told 403.'],
    newkey: ['Rotate the session key', 'A wx.login elsewhere has changed WeChat’s key: what the phone sends no longer verifies, 400 invalid_data. After a login it does.'],
    end: ['End the session', 'All sessions of this user end at the admin endpoint. An open socket is closed at once, and the token gets 401.'],
    rotate: ['New signing key', 'The gateway signs with a new key. The old token stays good; the next login’s token names the new key (kid).'],
  } as Record<string, [string, string]>,
}

const chinese: typeof english = {
  title: '微信登录网关，眼见为实',
  intro: '请点手机上的按钮。这里显示的都是 make run 启动的真实程序的真实流量，只有微信由模拟器扮演。密钥和凭证只显示一部分。',
  language: 'English',
  phone: '手机', gateway: '网关', backend: '后端', wechat: '微信（由网关调用）', operator: '运维', wire: '网络上的往来',
  mini: '小程序', web: '浏览器里的网页', moods: '让微信出点状况，再登录：',
  begin: '先点「登录」，再点「查订单」。',
  nothingYet: '还没有请求经过。', notAsked: '没有询问微信。',
  wireHint: '每行是上一步中的一次往来，按先后排列。展开可看请求头、内容，以及效果相同的 curl 命令；$code 和 $token 由登录的几行设置。',
  silence: '后端什么也没收到。',
  nobody: '未登录', loggedInAs: '已登录：',
  came: '收到的请求', legendGone: '被去掉', legendAdded: '由网关设置', answered: '由网关直接回答：',
  passedOn: '转给后端，回答是：', token: '拆开看令牌', received: '后端收到的请求', times: '次；这是最后一次',
  unchanged: '个请求头原样转发', more: '个其他请求头', byCaddy: '个请求头由 Caddy 为后端设置', decoded: '解码后的 X-WeChat-UserInfo',
  copy: '复制', copied: '已复制', noCurl: '没有 curl 命令：这是网关自己发出的，或者只有发起登录的浏览器才能完成。', working: '进行中……',
  user: '手机', Wechat: '微信', Operator: '运维', Backend: '后端', Gateway: '网关', answer: '回答', noAnswer: '没有回答',
  says: { opened: '连接已打开。回声：', ended: '连接被对方关闭：' },
  steps: {
    bare: ['不登录就请求', '没有会话，网关直接回答 401，后端什么也收不到。'],
    login: ['登录', 'wx.login 给出 code，网关用它向微信换取 openid，然后发放令牌。session_key 不离开网关。'],
    ask: ['查订单', '网关检查令牌并将其去掉，后端从请求头得知是谁。'],
    forge: ['伪造身份', '手机自己发送 X-WeChat-OpenID 和 X_WeChat_OpenID，都被去掉，后端看到的是真实身份。'],
    tamper: ['篡改令牌', '令牌最后五个字符被改掉：401，后端什么也收不到。'],
    userinfo: ['提供昵称', '用 session_key 验证 wx.getUserProfile 的数据，此后每个请求都带给后端。'],
    phone: ['提供手机号', '网关用手机号按钮的 code 向微信换取号码，此后每个请求都带给后端。'],
    socket: ['打开 WebSocket', '握手和其他请求一样要检查。接着请让运维结束会话。'],
    ten: ['会话失效，十个请求', '运维结束会话，随后同时发出十个请求：十次 401，只登录一次，十次 200。'],
    logout: ['退出，再请求', '会话在各处都已失效，同一个令牌得到 401。'],
    h5: ['微信内网页登录', '微信内的网页通过跳转登录：authorize、微信、callback，得到脚本读不到的 cookie。'],
    qr: ['扫码登录', '网站通过二维码登录：authorize、微信、callback，得到脚本读不到的 cookie。'],
    down: ['系统繁忙 (-1)', '微信说「系统繁忙」：手机得到 503，以及何时重试。'],
    slow: ['很慢', '微信的回答超过 api_timeout（这里是 3 秒）：手机得到 504。'],
    quota: ['频率限制 (45011)', '登录太频繁：手机得到 429，以及何时重试。'],
    used: ['code 已用 (40163)', '微信拒绝这个 code：400 invalid_grant。客户端库换新 code 再试一次。'],
    blocked: ['用户被封 (40226)', '微信封禁了这个用户：手机得到 403。'],
    newkey: ['更换 session_key', '别处的 wx.login 换掉了微信的密钥，手机发来的数据不再能验证：400 invalid_data。重新登录后恢复。'],
    end: ['结束会话', '在管理接口结束这个用户的所有会话。打开的连接立刻关闭，令牌得到 401。'],
    rotate: ['更换签名密钥', '网关改用新密钥签名。旧令牌仍然有效，下次登录的令牌写着新的 kid。'],
  },
}

const stored = () => {
  try { return localStorage.getItem('demo-language') } catch { return null }
}

let zh = stored() ? stored() === 'zh' : /^zh\b/i.test(navigator.language)

export const words = () => zh ? chinese : english
export const language = () => zh ? 'zh-CN' : 'en'

export function switchLanguage(): void {
  zh = !zh
  try { localStorage.setItem('demo-language', zh ? 'zh' : 'en') } catch { /* for this time, then */ }
}
