// gateway.ts: puts the parts together, and calls the login endpoints.

import { GatewayError, failure, misuse } from './error'
import { singleFlight } from './login'
import { merge, nothing, promised, quiet } from './platform'
import { send, withToken, type Core } from './request'
import { connect } from './socket'
import { isToken, keepToken } from './token'
import type { Adapter, Gateway, GatewayOptions } from './types'

/** Makes the client of one gateway. Two for different gateways, prefixes or apps know nothing of each other. */
export function makeGateway(options: GatewayOptions, api: Adapter): Gateway {
  const { appid, code } = options
  const base = (options.baseURL || api.page || '').replace(/\/+$/, '')
  if (!/^https?:\/\/[^/?#@\\]+(\/[^?#]*)?$/.test(base)) throw misuse('bad baseURL')
  const prefix = '/' + (options.prefix || 'wechat').replace(/^\/+|\/+$/g, '')
  const url = base + prefix
  const silent = code || !api.page
  const timeout = options.loginTimeout || 10000
  const tokens = keepToken(api, 'caddy-wechat ' + [url, appid])
  const { get, set } = tokens
  let logouts = 0

  const getCode = () => new Promise<any>((resolve, reject) => code ? resolve(code()) : quiet(api.login!({
    timeout,
    provider: 'weixin', // this and the next for uni-app's App
    onlyAuthorize: true,
    url, // this and the next for pages; wx.login knows none of the four
    appid,
    success: (result: any) => resolve(result.code),
    fail: reject,
  }))).then(value => value || Promise.reject('no code')).catch(reason => {
    throw failure(reason, 'login_failed')
  })

  // Apart from the rest, as these two must not log in.
  const post = (path: string, data?: object) => promised(api, 'request', {
    url: url + path,
    method: 'POST',
    timeout,
    header: withToken(null, get()), // with a login too, so that the earlier session ends
    data,
  })

  const [login, pending] = singleFlight(() => getCode().then(code => post('/login', { code, appid })).then(({ data, statusCode }) => {
    if (data && isToken(data.token)) return data
    throw new GatewayError(statusCode, 'invalid_answer', 'no gateway at ' + url)
  }), grant => {
    set(grant.token)
    delete grant.token // it goes nowhere else
  }, timeout)

  const core: Core = merge(tokens, {
    api, base, silent, login,
    isDead: (token: string) => call('/session').then(() => get() !== token),
    watch() {
      const began = logouts
      return () => began !== logouts
    },
  })

  const call = (path: string, given?: any): Promise<any> => {
    const data: any = {}
    if (given) ['code', 'rawData', 'signature', 'encryptedData', 'iv'].forEach(name => given[name] && (data[name] = given[name]))
    return send(core, 'request', { url: prefix + path, method: given && 'POST', data }).then(answer => answer.data)
  }

  const ticket = () => call('/ticket', {})

  // For callers who write success and fail, as with wx.request, nothing is left unhandled.
  const sender = (name: 'request' | 'uploadFile' | 'downloadFile') => (given: any) => {
    const { success, fail, complete } = given
    const result = send(core, name, given)
    if (success || fail || complete) {
      result.then(success, fail || nothing)
      result.then(complete, complete || nothing)
    }
    return result
  }

  return {
    request: sender('request'),
    upload: sender('uploadFile'),
    download: sender('downloadFile'),
    connect: given => connect(core, given),
    login,
    logout() {
      logouts++
      return Promise.resolve(pending()).catch(nothing).then(() => {
        const token = get()
        return token || !silent ? post('/logout').catch(error => {
          if (error.status !== 401) throw error // 401: it had ended already, which is what was wanted
        }).then(() => {
          if (get() === token) set('')
        }) : undefined
      })
    },
    session: () => call('/session'),
    phone: detail => detail.code || detail.encryptedData ? call('/phone', detail) : Promise.reject(failure(detail, 'denied')),
    userInfo: data => call('/userinfo', data),
    openData: data => call('/opendata', data),
    ticket,
    webViewURL: path => ticket().then(({ ticket }) => path.replace(/^(https?:\/\/[^/?#]+)?\/*([^]*)/, (_, site = base, rest) =>
      site + prefix + '/enter?ticket=' + encodeURIComponent(ticket) + '&return=' + encodeURIComponent('/' + rest))),
  }
}
