// made by build.mjs from c4dba7748df03cee1c2fca410fea5539bb17a9e5c3d575cac6f7beabb22ecc25
"use strict";
(() => {
  // demo.ts
  async function json(response) {
    const text2 = await response.text();
    if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text2}`);
    return text2 ? JSON.parse(text2) : {};
  }
  var settings = () => fetch("/demo/settings").then(json);
  var seen = (after) => fetch("/demo/seen?after=" + after).then(json);
  var now = () => seen(2 ** 31).then((answer) => answer.last);
  var simulate = (call, data) => fetch("/demo/phone/sim/" + call, { method: "POST", body: JSON.stringify(data) }).then(json);
  var operate = (method, path) => fetch("/demo/operator/wechat/" + path, { method }).then(json);

  // curl.ts
  var quote = (text2) => `'${text2.replace(/'/g, `'\\''`)}'`;
  var json2 = `-H 'Content-Type: application/json'`;
  var bearer = '-H "Authorization: Bearer $token"';
  function curl(at, s, broken) {
    const [path = ""] = s.target.split("?");
    switch (s.place) {
      case "phone":
        return path === "/sim/login" ? `code=$(curl -s ${at.simulator}/sim/login -d ${quote(s.body)} | cut -d '"' -f 4)` : `curl -s ${at.simulator}${path} -d ${quote(s.body)}`;
      case "wechat": {
        const target = s.target.replace(/([?&]secret=)[^&]*/, "$1any-secret-will-do").replace(/([?&](?:js_code|code)=)[^&]*/, "$1$$code").replace(/([?&]access_token=)[^&]*/, "$1$$access_token");
        return `curl -s "${at.simulator}${target}"` + (s.body ? ` ${json2} -d ${quote(s.body)}` : "");
      }
      case "operator":
        return `curl -s ${s.method === "GET" ? "" : `-X ${s.method} `}${quote(at.admin + s.target)}`;
      case "gateway":
        return ofGateway(at, s, path, broken);
      default:
        return "";
    }
  }
  function ofGateway(at, s, path, broken) {
    const has = (name) => s.header.some((field) => field[0].toLowerCase() === name);
    const user = quote(JSON.stringify({ appid: at.mini, openid: at.user }));
    if (path === "/wechat/login") {
      const call = `${at.gateway}/wechat/login ${json2} -d "{\\"appid\\":\\"${at.mini}\\",\\"code\\":\\"$code\\"}"`;
      return s.status === 200 ? `token=$(curl -s ${call} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')` : `curl -si ${call}`;
    }
    if (path === "/wechat/callback") return "";
    if (path === "/wechat/userinfo") return `curl -s ${at.simulator}/sim/userinfo -d ${user} | curl -si ${at.gateway}${path} ${bearer} ${json2} -d @-`;
    if (path === "/wechat/phone") {
      return `phonecode=$(curl -s ${at.simulator}/sim/phone -d ${user} | cut -d '"' -f 4); curl -si ${at.gateway}${path} ${bearer} ${json2} -d "{\\"code\\":\\"$phonecode\\"}"`;
    }
    let line2 = "curl -si " + (s.method === "GET" ? "" : `-X ${s.method} `) + quote(at.gateway + s.target);
    if (broken && has("authorization")) line2 += ` -H "Authorization: Bearer \${token%?????}AAAAA"`;
    else if (has("authorization") || has("cookie")) line2 += " " + bearer;
    for (const [name, value] of s.header) if (/^x-/i.test(name)) line2 += ` -H ${quote(name + ": " + value)}`;
    if (has("upgrade")) {
      line2 += ` -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' --max-time 2`;
    }
    return line2;
  }

  // words.ts
  var english = {
    title: "A WeChat login gateway at work",
    intro: "Press a button on the phone. Everything shown is real traffic of the program that “make run” has started; only WeChat is a simulator. Secrets are shortened.",
    language: "中文",
    phone: "Phone",
    gateway: "Gateway",
    backend: "Backend",
    wechat: "WeChat, asked by the gateway",
    operator: "Operator",
    wire: "On the wire",
    mini: "Mini program",
    web: "Pages in a browser",
    moods: "Let it have a bad day, and log in:",
    begin: "Begin with “Log in”, then “Get orders”.",
    nothingYet: "Nothing has come by yet.",
    notAsked: "WeChat was not asked.",
    wireHint: "Each line is one exchange of the last step, in order. Open it for headers, bodies and the curl line that does the same; $code and $token are set by the lines of a login.",
    silence: "The backend heard nothing.",
    nobody: "Not logged in",
    loggedInAs: "Logged in: ",
    came: "The request as it came",
    legendGone: "taken away",
    legendAdded: "set by the gateway",
    answered: "answered by the gateway itself: ",
    passedOn: "passed on; the answer came back: ",
    token: "The token, taken apart",
    received: "The request as the backend received it",
    times: "times; this is the last one",
    unchanged: "headers passed on unchanged",
    more: "other headers",
    byCaddy: "headers set by Caddy for the backend",
    decoded: "X-WeChat-UserInfo, decoded",
    copy: "Copy",
    copied: "Copied",
    noCurl: "No curl line: this one is the gateway’s, or only the browser that began it can do it.",
    working: "working …",
    user: "Phone",
    Wechat: "WeChat",
    Operator: "Operator",
    Backend: "Backend",
    Gateway: "Gateway",
    answer: "Answer",
    noAnswer: "no answer",
    says: { opened: "The socket is open. Echo: ", ended: "The socket was closed from the other side: " },
    steps: {
      bare: ["Ask without login", "Without a session the gateway answers 401 itself. Nothing reaches the backend."],
      login: ["Log in", "wx.login gives a code, the gateway trades it at WeChat for the openid, and answers with a token. The session key stays with the gateway."],
      ask: ["Get orders", "The token is checked and taken away; the backend reads who is calling from headers."],
      forge: ["Forge an identity", "The phone sends X-WeChat-OpenID itself, and X_WeChat_OpenID, too. They vanish; the backend sees who it really is."],
      tamper: ["Change the token", "The last five characters of the token are others now. 401, and nothing reaches the backend."],
      userinfo: ["Give nickname", "What wx.getUserProfile gave is verified with the session key; from now on the backend gets it with each request."],
      phone: ["Give phone number", "The code of the phone-number button is redeemed at WeChat; from now on the backend gets the number."],
      socket: ["Open a WebSocket", "The handshake is checked like any request. Now let the operator end the session."],
      ten: ["Session ends, ten ask", "An operator ends the session, then ten requests start at once: ten times 401, one login for all of them, ten times 200."],
      logout: ["Log out, ask again", "The session is dead everywhere: the same token gets 401."],
      h5: ["Log in inside WeChat", "A page inside WeChat logs in by redirect: authorize, WeChat, callback, and a cookie that no script can read."],
      qr: ["Log in by QR code", "A website logs in by a QR code: authorize, WeChat, callback, and a cookie that no script can read."],
      down: ["Busy (-1)", "WeChat says “busy”: the phone is told 503 and when to try again."],
      slow: ["Slow", "WeChat takes longer than api_timeout, here 3 seconds: the phone is told 504."],
      quota: ["Quota (45011)", "Too many logins for WeChat: the phone is told 429 and when to try again."],
      used: ["Code used (40163)", "WeChat refuses the code: 400 invalid_grant. The client library gets a new code and tries once more."],
      blocked: ["User blocked (40226)", "WeChat blocks this user: the phone is told 403."],
      newkey: ["Rotate the session key", "A wx.login elsewhere has changed WeChat’s key: what the phone sends no longer verifies, 400 invalid_data. After a login it does."],
      end: ["End the session", "All sessions of this user end at the admin endpoint. An open socket is closed at once, and the token gets 401."],
      rotate: ["New signing key", "The gateway signs with a new key. The old token stays good; the next login’s token names the new key (kid)."]
    }
  };
  var chinese = {
    title: "微信登录网关，眼见为实",
    intro: "请点手机上的按钮。这里显示的都是 make run 启动的真实程序的真实流量，只有微信由模拟器扮演。密钥和凭证只显示一部分。",
    language: "English",
    phone: "手机",
    gateway: "网关",
    backend: "后端",
    wechat: "微信（由网关调用）",
    operator: "运维",
    wire: "网络上的往来",
    mini: "小程序",
    web: "浏览器里的网页",
    moods: "让微信出点状况，再登录：",
    begin: "先点「登录」，再点「查订单」。",
    nothingYet: "还没有请求经过。",
    notAsked: "没有询问微信。",
    wireHint: "每行是上一步中的一次往来，按先后排列。展开可看请求头、内容，以及效果相同的 curl 命令；$code 和 $token 由登录的几行设置。",
    silence: "后端什么也没收到。",
    nobody: "未登录",
    loggedInAs: "已登录：",
    came: "收到的请求",
    legendGone: "被去掉",
    legendAdded: "由网关设置",
    answered: "由网关直接回答：",
    passedOn: "转给后端，回答是：",
    token: "拆开看令牌",
    received: "后端收到的请求",
    times: "次；这是最后一次",
    unchanged: "个请求头原样转发",
    more: "个其他请求头",
    byCaddy: "个请求头由 Caddy 为后端设置",
    decoded: "解码后的 X-WeChat-UserInfo",
    copy: "复制",
    copied: "已复制",
    noCurl: "没有 curl 命令：这是网关自己发出的，或者只有发起登录的浏览器才能完成。",
    working: "进行中……",
    user: "手机",
    Wechat: "微信",
    Operator: "运维",
    Backend: "后端",
    Gateway: "网关",
    answer: "回答",
    noAnswer: "没有回答",
    says: { opened: "连接已打开。回声：", ended: "连接被对方关闭：" },
    steps: {
      bare: ["不登录就请求", "没有会话，网关直接回答 401，后端什么也收不到。"],
      login: ["登录", "wx.login 给出 code，网关用它向微信换取 openid，然后发放令牌。session_key 不离开网关。"],
      ask: ["查订单", "网关检查令牌并将其去掉，后端从请求头得知是谁。"],
      forge: ["伪造身份", "手机自己发送 X-WeChat-OpenID 和 X_WeChat_OpenID，都被去掉，后端看到的是真实身份。"],
      tamper: ["篡改令牌", "令牌最后五个字符被改掉：401，后端什么也收不到。"],
      userinfo: ["提供昵称", "用 session_key 验证 wx.getUserProfile 的数据，此后每个请求都带给后端。"],
      phone: ["提供手机号", "网关用手机号按钮的 code 向微信换取号码，此后每个请求都带给后端。"],
      socket: ["打开 WebSocket", "握手和其他请求一样要检查。接着请让运维结束会话。"],
      ten: ["会话失效，十个请求", "运维结束会话，随后同时发出十个请求：十次 401，只登录一次，十次 200。"],
      logout: ["退出，再请求", "会话在各处都已失效，同一个令牌得到 401。"],
      h5: ["微信内网页登录", "微信内的网页通过跳转登录：authorize、微信、callback，得到脚本读不到的 cookie。"],
      qr: ["扫码登录", "网站通过二维码登录：authorize、微信、callback，得到脚本读不到的 cookie。"],
      down: ["系统繁忙 (-1)", "微信说「系统繁忙」：手机得到 503，以及何时重试。"],
      slow: ["很慢", "微信的回答超过 api_timeout（这里是 3 秒）：手机得到 504。"],
      quota: ["频率限制 (45011)", "登录太频繁：手机得到 429，以及何时重试。"],
      used: ["code 已用 (40163)", "微信拒绝这个 code：400 invalid_grant。客户端库换新 code 再试一次。"],
      blocked: ["用户被封 (40226)", "微信封禁了这个用户：手机得到 403。"],
      newkey: ["更换 session_key", "别处的 wx.login 换掉了微信的密钥，手机发来的数据不再能验证：400 invalid_data。重新登录后恢复。"],
      end: ["结束会话", "在管理接口结束这个用户的所有会话。打开的连接立刻关闭，令牌得到 401。"],
      rotate: ["更换签名密钥", "网关改用新密钥签名。旧令牌仍然有效，下次登录的令牌写着新的 kid。"]
    }
  };
  var stored = () => {
    try {
      return localStorage.getItem("demo-language");
    } catch {
      return null;
    }
  };
  var zh = stored() ? stored() === "zh" : /^zh\b/i.test(navigator.language);
  var words = () => zh ? chinese : english;
  var language = () => zh ? "zh-CN" : "en";
  function switchLanguage() {
    zh = !zh;
    try {
      localStorage.setItem("demo-language", zh ? "zh" : "en");
    } catch {
    }
  }

  // show.ts
  var $ = (id) => document.getElementById(id);
  function el(tag, className = "", ...inside) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...inside);
    return element;
  }
  var line = (text2, className = "plain") => el("span", className, text2);
  var text = (value) => value ? value.split("\n").map((part) => line(part, "text")) : [];
  var http = (...lines) => el("pre", "http", ...lines);
  var badge = (status) => el("span", status && status < 400 ? "status" : "status bad", status ? String(status) : words().noAnswer);
  var cut = (text2, length = 260) => text2.length > length ? text2.slice(0, length) + "…" : text2;
  function showOutcome(outcome, step) {
    const [title = "", about = ""] = words().steps[step] || [];
    const parts = [el("p", "", el("strong", "", title), " ", ...outcome?.status === void 0 ? [] : [badge(outcome.status)]), el("p", "quiet", about)];
    if (outcome) parts.push(el("p", "call", outcome.call), http(...text(cut(outcome.text, 700))));
    else parts.push(el("p", "quiet", words().working));
    $("told").replaceChildren(...parts);
  }
  var addOutcome = (outcome) => {
    $("told").append(http(...text(outcome.text)));
  };
  function showSeen(at, seen2, step) {
    const asks = seen2.filter((s) => s.place === "gateway" && s.target !== "/wechat/session");
    const main = [...asks].reverse().find((s) => !/^\/wechat\/(login|logout)/.test(s.target)) || asks[asks.length - 1];
    const behind = main && seen2.find((s) => s.place === "backend" && s.id > main.id && s.target === main.target && s.method === main.method);
    if (main) {
      showPassing(main, behind, asks.filter((s) => s.target === main.target && s.status === main.status).length, seen2);
      showHeard(behind);
    }
    showAsked(seen2.filter((s) => s.place === "wechat"));
    $("exchanges").replaceChildren(...seen2.map((s, i) => exchange(at, s, i, step)));
  }
  var telling = ([name]) => /^(authorization|cookie|content-type|upgrade|x[-_]we?[-_]?chat.*|x-wx.*)$/i.test(name);
  var identity = ([name]) => /^x-we?chat-/i.test(name);
  function others(fields, text2, className = "plain") {
    if (!fields.length) return [];
    return [el("details", "others", el("summary", "", `${fields.length} ${text2}`), http(...fields.map((field) => line(field.join(": "), className))))];
  }
  function showPassing(main, behind, times, seen2) {
    const w = words();
    const within = (list, [name, value]) => list.some(([n, v]) => n.toLowerCase() === name.toLowerCase() && v === value);
    const lines = [line(`${main.method} ${main.target}`, "first")];
    let kept = main.header;
    let set = [];
    if (behind) {
      kept = main.header.filter((field) => within(behind.header, field));
      set = behind.header.filter((field) => !within(main.header, field));
      for (const field of main.header) if (!kept.includes(field) && field[0] !== "Connection") lines.push(line(field.join(": "), "gone"));
      for (const field of set.filter(telling)) lines.push(line(field.join(": "), "added"));
    }
    for (const field of kept.filter(telling)) lines.push(line(field.join(": ")));
    if (main.body) lines.push(...text("\n" + cut(main.body)));
    const claims = [...seen2].reverse().find((s) => s.claims)?.claims;
    $("passing").replaceChildren(
      el("h3", "", w.came + (times > 1 ? ` (${times} ${w.times})` : "")),
      http(...lines),
      ...others(kept.filter((field) => !telling(field)), behind ? w.unchanged : w.more),
      ...others(set.filter((field) => !telling(field)), w.byCaddy, "added"),
      ...behind ? [el("p", "legend", el("span", "gone", w.legendGone), " · ", el("span", "added", w.legendAdded))] : [],
      el("p", "", behind ? w.passedOn : w.answered, badge(main.status)),
      ...behind ? [] : [http(...text(cut(main.answerBody, 500)))],
      ...claims ? [el("h3", "", w.token), http(...claims.split("\n").flatMap((part, i) => i ? pretty(part) : part).map((part, i) => line(part, i ? "text" : "plain")))] : []
    );
  }
  function pretty(claims) {
    try {
      return Object.entries(JSON.parse(claims)).map(([name, value]) => `${name}: ${value}` + (typeof value === "number" ? `  (${new Date(value * 1e3).toLocaleString(language())})` : ""));
    } catch {
      return [claims];
    }
  }
  function showHeard(behind) {
    const w = words();
    if (!behind) return $("heard").replaceChildren(el("p", "silence", w.silence));
    const info = behind.header.find(([name]) => name === "X-WeChat-UserInfo");
    const headers = (of, className) => behind.header.filter(of).map((field) => line(field.join(": "), className));
    $("heard").replaceChildren(
      el("h3", "", w.received),
      http(line(`${behind.method} ${behind.target}`, "first"), ...headers(identity, "added"), ...headers((field) => !identity(field), "plain")),
      ...behind.body ? [http(line(behind.body))] : [],
      ...info ? [el("h3", "", w.decoded), http(...text(decode(info[1])))] : []
    );
  }
  function decode(value) {
    const bytes = Uint8Array.from(atob(value.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  }
  function showAsked(calls) {
    if (!calls.length) return $("asked").replaceChildren(el("p", "quiet", words().notAsked));
    $("asked").replaceChildren(...calls.slice(-3).map((s) => http(line(`${s.method} ${s.target}`, "first"), line(`${s.status || words().noAnswer} · ${s.took} ms`), ...text(cut(s.answerBody)))));
  }
  function carries(s) {
    const field = (text2, name) => text2.match(new RegExp(`"${name}"\\s*:\\s*"?([^",}]+)`))?.[1];
    const some = (text2, names) => names.map((name) => field(text2, name) && `${name} ${field(text2, name)}`).filter(Boolean).join(", ");
    const there = some(s.body, ["code", "openid", "errcode", "delay"]);
    const back = some(s.answerBody, ["code", "token", "session_key", "access_token", "openid", "error", "errcode", "ended", "phoneNumber"]);
    return (there && ` · ${there}`) + (back && ` ⇢ ${back}`);
  }
  function way(place) {
    const w = words();
    return {
      phone: `${w.user} → ${w.Wechat}`,
      gateway: `${w.user} → ${w.Gateway}`,
      wechat: `${w.Gateway} → ${w.Wechat}`,
      backend: `${w.Gateway} → ${w.Backend}`,
      operator: `${w.Operator} → ${w.Gateway}`
    }[place];
  }
  function exchange(at, s, index, step) {
    const w = words();
    const message = s.method === "MESSAGE" || s.method === "CLOSED";
    const list = (header) => (header || []).map(([name, value]) => line(`${name}: ${value}`));
    const command = curl(at, s, step === "tamper");
    const code = el("code", "", command);
    const copy = el("button", "", w.copy);
    copy.onclick = () => navigator.clipboard.writeText(command).then(() => {
      copy.textContent = w.copied;
    }, () => getSelection()?.selectAllChildren(code));
    const item = el("li", s.place, el(
      "details",
      "",
      el("summary", "", el("span", "way", way(s.place)), el("span", "what", `${s.method} ${s.target}${message ? " " + s.body : carries(s)}`), message ? el("span") : badge(s.status), el("span", "took", message ? "" : `${s.took} ms`)),
      el(
        "div",
        "both",
        http(line(`${s.method} ${s.target}`, "first"), ...list(s.header), ...text(s.body && "\n" + s.body)),
        http(line(message ? "" : `${w.answer} ${s.status || ""}`, "first"), ...list(s.answerHeader), ...text(s.answerBody && "\n" + s.answerBody))
      ),
      el("div", "curl", ...command ? [code, copy] : [el("span", "quiet", w.noCurl)])
    ));
    item.style.animationDelay = Math.min(index, 12) * 0.08 + "s";
    return item;
  }

  // ../../../client/src/fetch.ts
  function fetchAdapter(init) {
    function run(o, read, body, url = o.url, headers = o.header) {
      const timer = setTimeout(() => o.fail({ errMsg: "timeout" }), o.timeout || 6e4);
      fetch(url, Object.assign({ method: o.method, headers, body, redirect: o.redirect }, init)).then((response) => {
        const header = {};
        response.headers.forEach((value, name) => {
          header[name] = value;
        });
        return read(response).then((data) => o.success({ data, statusCode: response.status, header }));
      }).then(void 0, o.fail).then(() => clearTimeout(timer));
    }
    return {
      page: location.origin,
      // Leaves for WeChat, through the gateway, and comes back as a new page. Offline the login's timeout tells.
      login(o) {
        if (o.url.indexOf(location.origin + "/")) return o.fail("on another origin a login needs a code function");
        location.assign(o.url + "/authorize?" + (o.appid ? "appid=" + o.appid + "&" : "") + "return=" + encodeURIComponent(location.pathname + location.search));
      },
      request(o) {
        const headers = Object.assign({}, o.header);
        const type = Object.keys(headers).find((name) => /^content-type$/i.test(name));
        let { url, data } = o;
        if (/ (Object|Array)/.test(Object.prototype.toString.call(data))) {
          if (!/^(GET|HEAD)?$/i.test(o.method || "")) {
            data = type && /form/.test(headers[type]) ? form(data) : JSON.stringify(data);
          } else {
            url += (/\?/.test(url) ? "&" : "?") + form(data);
            data = void 0;
          }
        }
        if (data && !type) headers["content-type"] = "application/json";
        run(o, (response) => o.responseType === "arraybuffer" ? response.arrayBuffer() : response.text().then((text2) => {
          try {
            return /^(json)?$/.test(o.dataType || "") ? JSON.parse(text2) : text2;
          } catch (_) {
            return text2;
          }
        }), data, url, headers);
      },
      uploadFile(o) {
        const body = new FormData();
        const fields = o.formData || {};
        Object.keys(fields).forEach((name) => body.append(name, fields[name]));
        o.method = "POST";
        Promise.resolve(o.file || fetch(o.filePath).then((response) => response.blob())).then((file) => {
          body.append(o.name, file);
          run(o, (response) => response.text(), body);
        }).catch(o.fail);
      },
      downloadFile: (o) => run(o, (response) => response.ok ? response.blob() : response.text()),
      // A browser lets nobody set a header here: the session is the cookie's.
      connectSocket(o) {
        const socket = new WebSocket(o.url, o.protocols || []);
        const on = (name) => (f) => {
          socket[name] = f;
        };
        socket.binaryType = "arraybuffer";
        return {
          onOpen: on("onopen"),
          onMessage: on("onmessage"),
          onClose: on("onclose"),
          onError: on("onerror"),
          send: (o2) => socket.send(o2.data),
          close: (o2) => socket.close(o2.code, o2.reason)
        };
      },
      getStorageSync: (key) => localStorage.getItem(key),
      setStorageSync: (key, value) => localStorage.setItem(key, value),
      removeStorageSync: (key) => localStorage.removeItem(key)
    };
  }
  function form(data) {
    return Object.keys(data).map((name) => encodeURIComponent(name) + "=" + encodeURIComponent(data[name])).join("&");
  }

  // ../../../client/src/error.ts
  var GatewayError = class extends Error {
    constructor(status, error, description = "", more) {
      super(error + (description && ": " + description));
      Object.assign(this, { name: "GatewayError", status, error, description }, more);
    }
  };
  function failure(reason, code = "network_error") {
    if (reason instanceof GatewayError) return reason;
    const text2 = "" + (reason && (reason.errMsg || reason.message) || reason);
    return new GatewayError(0, /time.{0,2}out|超时/i.test(text2) ? "timeout" : code, text2);
  }
  function misuse(description) {
    return new GatewayError(0, "invalid_request", description);
  }
  function refusal({ data, statusCode, header = {} }) {
    let body;
    try {
      body = JSON.parse(data);
    } catch (_) {
      body = data;
    }
    body = body || {};
    const field = (name) => header[Object.keys(header).find((key) => key.toLowerCase() === name)];
    const seconds = +field("retry-after");
    return new GatewayError(
      statusCode,
      // A site with its own handle_errors has its own body; WWW-Authenticate stays.
      /"invalid_token"/.test(field("www-authenticate")) ? "invalid_token" : typeof body.error === "string" ? body.error : "http_" + statusCode,
      body.error_description || "",
      { errcode: body.errcode, retryAfter: seconds >= 0 ? seconds : void 0, data }
    );
  }

  // ../../../client/src/login.ts
  function singleFlight(exchange2, done, timeout) {
    let pending;
    const login = () => pending || (pending = new Promise((resolve, reject) => {
      let over;
      const settle = (grant, error) => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        pending = null;
        if (!grant) return reject(error);
        done(grant);
        resolve(grant);
      };
      const attempt = (last) => exchange2().then(settle, (error) => (
        // A network that silently sends a POST twice spends the code without an answer: a new code helps.
        last || over || error.error !== "invalid_grant" ? settle(null, error) : attempt(true)
      ));
      const timer = setTimeout(() => settle(null, failure("login timeout")), timeout);
      attempt();
    }));
    return [login, () => pending];
  }

  // ../../../client/src/platform.ts
  function pickAdapter() {
    const own = typeof wx !== "undefined" && wx.request && wx;
    return typeof uni !== "undefined" && uni.request && (own || typeof plus !== "undefined") ? uni : own;
  }
  function promised(api, name, options, onTask) {
    return new Promise((resolve, reject) => {
      const task = api[name](merge(options, { success: resolve, fail: reject }));
      quiet(task);
      if (onTask) onTask(task);
    }).then((answer) => {
      if (answer.statusCode >= 400) throw refusal(answer);
      return answer;
    }).catch((reason) => {
      throw failure(reason);
    });
  }
  function quiet(task) {
    if (task && task.then) task.then(nothing, nothing);
  }
  function nothing() {
  }
  function merge(...parts) {
    return Object.assign({}, ...parts);
  }

  // ../../../client/src/request.ts
  function send({ api, base, silent, get, drop, login, isDead, watch }, name, given) {
    const loggedOut = watch();
    const mayLogin = () => given.login !== false && silent && !loggedOut();
    let renewed;
    let waits = 2;
    const go = (token) => promised(api, name, merge(given, {
      url: address(base, given.url),
      header: withToken(given.header, token),
      complete: nothing
      // promises tell it
    }), given.onTask).catch((error) => {
      const { status, retryAfter } = error;
      if (status === 503 && retryAfter <= 10 && name !== "uploadFile" && /^(|GET|HEAD)$/i.test(given.method || "") && waits--) {
        return new Promise((resolve) => setTimeout(resolve, retryAfter * 1e3)).then(start);
      }
      if (status !== 401 || renewed) throw error;
      renewed = true;
      if (error.error === "invalid_token") {
        drop(token);
        if (get() || mayLogin()) return start();
        if (token && !silent) return go("");
      } else if (name === "downloadFile") {
        return isDead(token).then((yes) => yes ? go(get()) : Promise.reject(error));
      }
      throw error;
    });
    const start = () => (!get() && mayLogin() ? login() : Promise.resolve()).then(() => go(get()));
    return start();
  }
  function address(base, url) {
    if (!/^\w[\w+.-]*:/.test(url)) return base + url.replace(/^\/?/, "/");
    if (!url.replace(/[?#]|$/, "/").startsWith(base + "/")) throw misuse("url not of " + base);
    return url;
  }
  function withToken(given, token) {
    const header = merge(given);
    if (token) {
      Object.keys(header).forEach((name) => /^authorization$/i.test(name) && delete header[name]);
      header.Authorization = "Bearer " + token;
    }
    return header;
  }

  // ../../../client/src/socket.ts
  function connect({ api, base, silent, get, login, isDead, watch }, given) {
    const { reconnect } = given;
    const loggedOut = watch();
    const listeners = [];
    const on = (event) => (listener) => {
      listeners.push([event, listener]);
    };
    const emit = (event, value) => listeners.forEach(([name, listener]) => name === event && listener(value));
    let task;
    let isOpen;
    let done;
    let pause = 500;
    let asked;
    function finish(error, code = 1006, reason = "") {
      if (!done && error) emit("error", error);
      done = true;
      emit("close", { code, reason, again: false });
    }
    function open() {
      const token = get();
      let opened = 0;
      let ended;
      if (done) return;
      if (!token && silent) {
        if (loggedOut()) return finish();
        return void login().then(open, failed);
      }
      const end = (error, code = 1006, reason = "") => {
        if (ended) return;
        ended = true;
        task = isOpen = void 0;
        if (done || opened && (!reconnect || code === 1e3 || loggedOut())) return finish(error, code, reason);
        if (opened) {
          if (Date.now() - opened > 5e3) pause = 500;
          emit("close", { code, reason, again: true });
          return later();
        }
        error = error || failure("socket closed");
        if (asked) return failed(error);
        asked = true;
        isDead(token).then((yes) => yes ? open() : failed(error), failed);
      };
      const fail = (reason) => end(failure(reason));
      const attach = (socket) => {
        if (done || ended) return socket.close({});
        task = socket;
        socket.onOpen((result) => {
          opened = Date.now();
          isOpen = true;
          emit("open", result);
        });
        socket.onMessage((message) => emit("message", message));
        socket.onClose((e) => end(null, e.code, e.reason));
        socket.onError(fail);
      };
      try {
        const made = api.connectSocket(merge(given, {
          url: "ws" + address(base, given.url.replace(/^ws(?=s?:)/, "http")).slice(4),
          header: withToken(given.header, token),
          success: nothing,
          // without a callback uni gives no task
          fail
        }));
        if (made) made.then ? made.then(attach, fail) : attach(made);
      } catch (e) {
        ended = true;
        finish(failure(e));
      }
    }
    function failed(error) {
      if (done) return;
      if (reconnect && !loggedOut() && /^(0|429|5..)$/.test(error.status)) later(error.retryAfter);
      else finish(error);
    }
    function later(seconds = 0) {
      asked = false;
      pause = Math.min(3e4, pause * 2);
      setTimeout(open, Math.max(seconds * 1e3, pause * (1 - Math.random() / 2)));
    }
    setTimeout(open, 0);
    return {
      onOpen: on("open"),
      onMessage: on("message"),
      onClose: on("close"),
      onError: on("error"),
      send(message) {
        if (isOpen) return quiet(task.send(message));
        if (message.fail) message.fail({ errMsg: "not open" });
      },
      close(how) {
        if (done) return;
        if (!task) return finish(null, 1e3);
        done = true;
        quiet(task.close(how || {}));
      }
    };
  }

  // ../../../client/src/token.ts
  function keepToken(api, key) {
    let broken = false;
    let token;
    function read() {
      let value;
      try {
        value = broken || api.getStorageSync(key);
      } catch (_) {
      }
      return isToken(value) ? value : "";
    }
    function get() {
      return token === void 0 ? token = read() : token;
    }
    function set(next) {
      token = next;
      broken = true;
      try {
        next ? api.setStorageSync(key, next) : api.removeStorageSync(key);
        broken = false;
      } catch (_) {
      }
    }
    return {
      get,
      set,
      drop(refused) {
        if (get() === refused && (token = read()) === refused) set("");
      }
    };
  }
  function isToken(value) {
    return typeof value === "string" && /^[\w.~+/-]+=*$/.test(value);
  }

  // ../../../client/src/gateway.ts
  function makeGateway(options, api) {
    const { appid, code } = options;
    const base = (options.baseURL || api.page || "").replace(/\/+$/, "");
    if (!/^https?:\/\/[^/?#@\\]+(\/[^?#]*)?$/.test(base)) throw misuse("bad baseURL");
    const prefix = "/" + (options.prefix || "wechat").replace(/^\/+|\/+$/g, "");
    const url = base + prefix;
    const silent = code || !api.page;
    const timeout = options.loginTimeout || 1e4;
    const tokens = keepToken(api, "caddy-wechat " + [url, appid]);
    const { get, set } = tokens;
    let logouts = 0;
    const getCode = () => new Promise((resolve, reject) => code ? resolve(code()) : quiet(api.login({
      timeout,
      provider: "weixin",
      // this and the next for uni-app's App
      onlyAuthorize: true,
      url,
      // this and the next for pages; wx.login knows none of the four
      appid,
      success: (result) => resolve(result.code),
      fail: reject
    }))).then((value) => value || Promise.reject("no code")).catch((reason) => {
      throw failure(reason, "login_failed");
    });
    const post = (path, data) => promised(api, "request", {
      url: url + path,
      method: "POST",
      timeout,
      header: withToken(null, get()),
      // with a login too, so that the earlier session ends
      data
    });
    const [login, pending] = singleFlight(() => getCode().then((code2) => post("/login", { code: code2, appid })).then(({ data, statusCode }) => {
      if (data && isToken(data.token)) return data;
      throw new GatewayError(statusCode, "invalid_answer", "no gateway at " + url);
    }), (grant) => {
      set(grant.token);
      delete grant.token;
    }, timeout);
    const core = merge(tokens, {
      api,
      base,
      silent,
      login,
      isDead: (token) => call("/session").then(() => get() !== token),
      watch() {
        const began = logouts;
        return () => began !== logouts;
      }
    });
    const call = (path, given) => {
      const data = {};
      if (given) ["code", "rawData", "signature", "encryptedData", "iv"].forEach((name) => given[name] && (data[name] = given[name]));
      return send(core, "request", { url: prefix + path, method: given && "POST", data }).then((answer) => answer.data);
    };
    const ticket = () => call("/ticket", {});
    const sender = (name) => (given) => {
      const { success, fail, complete } = given;
      const result = send(core, name, given);
      if (success || fail || complete) {
        result.then(success, fail || nothing);
        result.then(complete, complete || nothing);
      }
      return result;
    };
    return {
      request: sender("request"),
      upload: sender("uploadFile"),
      download: sender("downloadFile"),
      connect: (given) => connect(core, given),
      login,
      logout() {
        logouts++;
        return Promise.resolve(pending()).catch(nothing).then(() => {
          const token = get();
          return token || !silent ? post("/logout").catch((error) => {
            if (error.status !== 401) throw error;
          }).then(() => {
            if (get() === token) set("");
          }) : void 0;
        });
      },
      session: () => call("/session"),
      phone: (detail) => detail.code || detail.encryptedData ? call("/phone", detail) : Promise.reject(failure(detail, "denied")),
      userInfo: (data) => call("/userinfo", data),
      openData: (data) => call("/opendata", data),
      ticket,
      webViewURL: (path) => ticket().then(({ ticket: ticket2 }) => path.replace(/^(https?:\/\/[^/?#]+)?\/*([^]*)/, (_, site = base, rest) => site + prefix + "/enter?ticket=" + encodeURIComponent(ticket2) + "&return=" + encodeURIComponent("/" + rest)))
    };
  }

  // ../../../client/src/index.ts
  function createGateway(options) {
    return makeGateway(options, options.adapter || pickAdapter() || fetchAdapter());
  }

  // steps.ts
  var orders = "/orders";
  function makeSteps(at, changed, later) {
    const who = { appid: at.mini, openid: at.user };
    const mini = createGateway({ baseURL: "", appid: at.mini, code: () => simulate("login", who).then((r) => r.code) });
    const web = createGateway({ baseURL: "" });
    let app = mini;
    let user = null;
    let socket;
    let socketGone = Promise.resolve("");
    function become(next) {
      user = next;
      changed(next);
    }
    const told = (call, work) => work.then((result) => {
      const { statusCode, data } = result || {};
      return { call, status: statusCode || 200, text: typeof data === "string" ? data : JSON.stringify(data || result || {}, null, 1) };
    }, (error) => ({
      call,
      status: error.status,
      text: [error.error, error.description, error.retryAfter === void 0 ? "" : "Retry-After: " + error.retryAfter].filter(Boolean).join("\n")
    }));
    async function login() {
      const { openid, appid } = await mini.login();
      app = mini;
      become({ openid, appid });
      return { openid, appid };
    }
    const loggedIn = async () => user || login();
    const ask = (options) => app.request({ url: orders, ...options });
    const askOnly = (options) => ask({ login: false, ...options });
    async function raw(token) {
      const response = await fetch(orders, { credentials: "omit", headers: token ? { Authorization: "Bearer " + token } : {} });
      return { call: `fetch('${orders}'${token ? ", { headers: { Authorization } }" : ""})`, status: response.status, text: await response.text() };
    }
    function storedToken() {
      const key = Object.keys(localStorage).find((name) => name.startsWith("caddy-wechat ") && name.endsWith(at.mini));
      return key ? localStorage.getItem(key) || "" : "";
    }
    async function fails(fault) {
      await simulate("fault", { path: "/sns/jscode2session", ...fault });
      return told("gateway.login()", login());
    }
    async function leave(appid, by) {
      await mini.logout();
      location.assign(`/wechat/authorize?return=${encodeURIComponent("/?by=" + by)}&appid=${appid}`);
      return new Promise(() => {
      });
    }
    async function endAll({ appid, openid }) {
      await operate("GET", `sessions?appid=${appid}&openid=${openid}`);
      await operate("DELETE", `users/${appid}/${openid}`);
    }
    async function closed(had, after) {
      if (!had) return "";
      const text2 = await Promise.race([socketGone, new Promise((resolve) => setTimeout(resolve, 5e3, ""))]);
      for (let i = 0; i < 20 && !(await seen(after)).seen.some((s) => s.method === "CLOSED"); i++) await new Promise((resolve) => setTimeout(resolve, 50));
      return text2;
    }
    const also = (outcome, text2) => ({ ...outcome, text: [text2, outcome.text].filter(Boolean).join("\n\n") });
    const giveUserInfo = async () => told("gateway.userInfo(detail)", mini.userInfo(await simulate("userinfo", who)));
    const steps = {
      bare: () => raw(),
      login: () => told("gateway.login()", login()),
      ask: async () => {
        await loggedIn();
        return told(`gateway.request({ url: '${orders}' })`, askOnly());
      },
      forge: async () => {
        await loggedIn();
        const header = { "X-WeChat-OpenID": "oSomebodyElse0000000000000000", X_WeChat_OpenID: "oSomebodyElse0000000000000000" };
        return told(`gateway.request({ url: '${orders}', header: { 'X-WeChat-OpenID': 'oSomebodyElse…' } })`, askOnly({ header }));
      },
      tamper: async () => {
        if (!storedToken()) await login();
        return raw(storedToken().slice(0, -5) + "AAAAA");
      },
      userinfo: async () => {
        await login();
        await giveUserInfo();
        return told(`gateway.userInfo(detail)
gateway.request({ url: '${orders}' })`, askOnly());
      },
      phone: async () => {
        await login();
        const { code } = await simulate("phone", who);
        const first = await told("gateway.phone(detail)", mini.phone({ code }));
        return first.status === 200 ? told(`gateway.phone(detail)
gateway.request({ url: '${orders}' })`, askOnly()) : first;
      },
      socket: async () => {
        await loggedIn();
        if (socket) socket.close();
        const call = `gateway.connect({ url: '/live' })`;
        const mine = socket = app.connect({ url: "/live" });
        return new Promise((resolve) => {
          mine.onOpen(() => mine.send({ data: "hello" }));
          mine.onMessage(({ data }) => resolve({ call, status: 101, text: words().says.opened + data }));
          socketGone = new Promise((gone) => mine.onClose(({ code }) => {
            const outcome = { call, text: words().says.ended + code };
            resolve(outcome);
            if (socket === mine) {
              later(outcome);
              socket = void 0;
            }
            gone(outcome.text);
          }));
        });
      },
      ten: async () => {
        app = mini;
        await endAll(await login());
        const call = `for (let i = 0; i < 10; i++)
  gateway.request({ url: '${orders}' })`;
        const answers = await Promise.all(Array.from({ length: 10 }, () => ask()));
        return { call, status: 200, text: answers.map((answer) => answer.statusCode).join(" ") };
      },
      logout: async () => {
        const left = app;
        await loggedIn();
        const [had, after] = [!!socket, await now()];
        await left.logout();
        become(null);
        const end = await closed(had, after);
        const outcome = await told(`gateway.logout()
gateway.request({ url: '${orders}', login: false })`, left.request({ url: orders, login: false }));
        app = mini;
        return also(outcome, end);
      },
      h5: () => leave(at.official, "h5"),
      qr: () => leave(at.website, "qr"),
      down: () => fails({ errcode: -1, times: 1 }),
      slow: () => fails({ delay: "4s" }),
      quota: () => fails({ errcode: 45011 }),
      used: () => fails({ errcode: 40163 }),
      blocked: () => fails({ errcode: 40226 }),
      newkey: async () => {
        await login();
        await simulate("login", who);
        const stale = await giveUserInfo();
        await login();
        const fresh = await giveUserInfo();
        return { ...fresh, call: "gateway.userInfo(detail)\ngateway.login()\ngateway.userInfo(detail)", text: `${stale.status} ${stale.text}

${fresh.status} ${fresh.text}` };
      },
      end: async () => {
        const who2 = await loggedIn();
        const [had, after] = [!!socket, await now()];
        await endAll(who2);
        become(null);
        const end = await closed(had, after);
        return also(await told(`gateway.request({ url: '${orders}', login: false })`, askOnly()), end);
      },
      rotate: async () => {
        await loggedIn();
        await operate("POST", "keys/rotate");
        const old = await told("", askOnly());
        await login();
        return { ...await told(`gateway.request({ url: '${orders}' })
gateway.login()
gateway.request({ url: '${orders}' })`, askOnly()), status: old.status };
      }
    };
    return {
      steps,
      /** Whose session there is already, of an earlier visit or a login that has just come back. */
      async arrive(by) {
        for (const each of by ? [web] : [mini, web]) {
          if (each === mini && !storedToken()) continue;
          const session = await each.request({ url: "/wechat/session", login: false }).then((answer) => answer.data, () => null);
          if (!session) continue;
          app = each;
          become(session);
          break;
        }
        if (!by) return null;
        return told(`gateway.request({ url: '${orders}' })`, askOnly());
      }
    };
  }

  // page.ts
  async function begin() {
    const at = await settings();
    const buttons = Array.from(document.querySelectorAll("[data-step]"));
    let user = null;
    let busy = false;
    let last;
    const { steps, arrive } = makeSteps(at, (next) => {
      user = next;
      speak();
    }, addOutcome);
    function speak() {
      const w = words();
      document.documentElement.lang = language();
      document.title = w.title;
      document.querySelectorAll("[data-t]").forEach((each) => {
        each.textContent = w[each.dataset.t];
      });
      for (const button of buttons) [button.textContent, button.title] = w.steps[button.dataset.step];
      $("language").textContent = w.language;
      $("who").replaceChildren(...user ? [w.loggedInAs, el("code", "", user.openid)] : [w.nobody]);
    }
    async function finish(step, outcome2, after) {
      last = { step, outcome: outcome2, seen: (await seen(after)).seen };
      showOutcome(outcome2, step);
      showSeen(at, last.seen, step);
    }
    async function run(step) {
      if (busy) return;
      working(true);
      buttons.forEach((each) => each.dataset.step === step ? each.setAttribute("aria-current", "step") : each.removeAttribute("aria-current"));
      showOutcome(null, step);
      const after = await now();
      sessionStorage.setItem("demo-after", String(after));
      const outcome2 = await steps[step]().catch((error) => ({ call: "", status: 0, text: String(error) }));
      await finish(step, outcome2, after);
      $("main").dataset.done = step;
      working(false);
    }
    function working(now2) {
      busy = now2;
      $("main").dataset.state = now2 ? "busy" : "idle";
      buttons.forEach((each) => each.setAttribute("aria-disabled", String(now2)));
    }
    buttons.forEach((each) => {
      each.onclick = () => run(each.dataset.step);
    });
    $("language").onclick = () => {
      switchLanguage();
      speak();
      if (!last) return;
      showOutcome(last.outcome, last.step);
      showSeen(at, last.seen, last.step);
    };
    addEventListener("pageshow", (event) => {
      if (event.persisted) location.reload();
    });
    speak();
    working(true);
    const by = new URLSearchParams(location.search).get("by");
    const outcome = await arrive(by);
    if (by && outcome && words().steps[by]) {
      history.replaceState(null, "", "/");
      await finish(by, outcome, Number(sessionStorage.getItem("demo-after")));
      $("main").dataset.done = by;
    }
    working(false);
  }
  begin().catch((error) => {
    $("told").textContent = String(error);
  });
})();
