// suite.mjs: what SDKs from npm do through the relay. They are as published, and differ
// from everyday use in their base URL alone.
//
//   node suite.mjs RELAY SIMULATOR APPID KEY PICTURE
//
// It prints {"<sdk>": {"<what>": "ok" or what went wrong}} for sdk_test.go to judge.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [relay, simulator, appid, key, picture] = process.argv.slice(2);
const { createReadStream } = await import("node:fs");

const check = { content: "hello", openid: "oSimXiaoming0000000000000000", scene: 1, version: 2 };
const send = { touser: check.openid, msgtype: "text", text: { content: "hello" } };

// dies makes WeChat say, once, that the access_token of the next call is dead.
const dies = async (path) => {
  const answer = await fetch(simulator + "/sim/fault", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ path, errcode: 40001 }),
  });
  if (answer.status !== 204) throw new Error("the simulator: " + answer.status);
};
const isPicture = (b) => Buffer.isBuffer(b) && (b.subarray(1, 4).toString() === "PNG" || b[0] === 0xff && b[1] === 0xd8) || `no picture: ${String(b).slice(0, 60)}`;
const isOK = (data) => data?.errcode === 0 || `answered ${JSON.stringify(data).slice(0, 100)}`;
const hasMedia = (data) => Boolean(data?.media_id) || `answered ${JSON.stringify(data).slice(0, 100)}`;

// promised turns a method with a callback into one with a promise.
const promised = (api, name) => (...args) => new Promise((resolve, reject) =>
  api[name](...args, (error, data) => (error ? reject(error) : resolve(data))));

const easywechat = () => {
  const { MiniApp } = require("node-easywechat");
  const app = new MiniApp({ app_id: appid, secret: key, http: { baseURL: relay + "/" } });
  const kept = new Map();
  app.setCache({ get: async (k, d = null) => kept.get(k) ?? d, set: async (k, v) => (kept.set(k, v), true), has: async (k) => kept.has(k), delete: async (k) => kept.delete(k), clear: async () => kept.clear() });
  const client = app.getClient();
  return {
    token: async () => Boolean(await app.getAccessToken().getToken()),
    call: async () => isOK((await client.postJson("wxa/msg_sec_check", check)).toObject()),
    picture: async () => isPicture(Buffer.from((await client.request("post", "wxa/getwxacodeunlimit", { json: { scene: "a=1" }, responseType: "arraybuffer" })).getContent())),
    upload: async () => hasMedia((await client.post("cgi-bin/media/upload", { params: { type: "image" }, formData: { media: createReadStream(picture) } })).toObject()),
    dead: async () => (await dies("/wxa/msg_sec_check"), isOK((await client.postJson("wxa/msg_sec_check", check)).toObject())),
    ended: async () => {
      for (const k of kept.keys()) kept.set(k, "no-token-of-this-relay");
      return isOK((await client.postJson("wxa/msg_sec_check", check)).toObject());
    },
  };
};

const coWechatAPI = () => {
  const API = require("co-wechat-api");
  const api = new API(appid, key);
  api.prefix = relay + "/cgi-bin/";
  api.wxaPrefix = relay + "/wxa/";
  const json = { method: "POST", headers: { "Content-Type": "application/json" } };
  return {
    token: async () => Boolean((await api.getAccessToken()).accessToken),
    call: async () => isOK(await api.sendText(send.touser, "hello")),
    picture: async () => {
      const { accessToken } = await api.ensureAccessToken();
      return isPicture(await api.request(api.wxaPrefix + "getwxacodeunlimit?access_token=" + accessToken, { ...json, data: JSON.stringify({ scene: "a=1" }) }));
    },
    upload: async () => hasMedia(await api.uploadMedia(picture, "image")),
    dead: async () => (await dies("/cgi-bin/message/custom/send"), isOK(await api.sendText(send.touser, "again"))),
    ended: async () => {
      await api.saveToken({ accessToken: "no-token-of-this-relay", expireTime: Date.now() + 3600e3 });
      return isOK(await api.sendText(send.touser, "once more"));
    },
  };
};

const wechatAPI = () => {
  const API = require("wechat-api");
  const api = new API(appid, key);
  api.endpoint = relay; // setEndpoint sets a name alone, and https
  return {
    token: async () => Boolean((await promised(api, "getAccessToken")()).accessToken),
    call: async () => isOK(await promised(api, "sendText")(send.touser, "hello")),
    upload: async () => hasMedia(await promised(api, "uploadMedia")(picture, "image")),
    dead: async () => (await dies("/cgi-bin/message/custom/send"), isOK(await promised(api, "sendText")(send.touser, "again"))),
    ended: async () => {
      api.store = { accessToken: "no-token-of-this-relay", expireTime: Date.now() + 3600e3 };
      return isOK(await promised(api, "sendText")(send.touser, "once more"));
    },
  };
};

const results = {};
for (const [name, make] of Object.entries({ "node-easywechat": easywechat, "co-wechat-api": coWechatAPI, "wechat-api": wechatAPI })) {
  const sdk = make();
  results[name] = {};
  for (const [what, play] of Object.entries(sdk)) {
    try {
      const result = await play();
      results[name][what] = result === true ? "ok" : String(result);
    } catch (error) {
      // an error of an SDK can hold its URL, with the key in it
      results[name][what] = String(error?.message ?? error).replaceAll(key, "[key]").slice(0, 200);
    }
  }
}
console.log(JSON.stringify(results));
process.exit(0);
