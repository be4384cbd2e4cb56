// gateway.ts: puts the parts together, and calls the login endpoints.

import { GatewayError, failure, misuse } from './error'
import { singleFlight } from './login'
import { merge, nothing, promised } from './platform'
import { send, withToken, type Core } from './request'
import { connect } from './socket'
import { isToken, keepToken } from './token'
import type { Adapter, Gateway, GatewayOptions } from './types'

/** Makes the client of one gateway. Two for different gateways, prefixes or apps know nothing of each other. */
export function makeGateway(options: GatewayOptions, api: Adapter, loginOptions?: (url: string) => object): Gateway {
  const { appid, code } = options
  const base = (options.baseURL || api.page || '').replace(/\/+$/, '')
  if (!/^https?:\/\/[^/?#@\\]+(\/[^?#]*)?$/.test(base)) throw misuse('baseURL is no address')
  const prefix = '/' + (options.prefix || 'wechat').replace(/^\/+|\/+$/g, '')
  const url = base + prefix
  const silent = !!code || !api.page
  const timeout = options.loginTimeout || 10000
  const tokens = keepToken(api, 'caddy-wechat ' + [url, appid])
  const { get, set } = tokens
  let logouts = 0

  const getCode = () => new Promise<any>(resolve => resolve(code ? code() : promised(api, 'login', merge({ timeout }, loginOptions && loginOptions(url))).then(result => result.code))).then(value => value || Promise.reject('no code')).catch(reason => {
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

  const [login, pending] = singleFlight(() => getCode().then(code => post('/login', appid ? { code, appid } : { code })).then(({ data, statusCode }) => {
    if (data && isToken(data.token)) return data
    throw new GatewayError(statusCode, 'invalid_answer', 'no gateway at ' + url)
  }), grant => set(grant.token), timeout)

  const core: Core = merge(tokens, {
    api, base, prefix, silent, login,
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
    login: () => login().then(grant => merge(grant, { token: undefined })),
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
    phone: detail => detail.code || detail.encryptedData ? call('/phone', detail) : Promise.reject(new GatewayError(0, 'denied', detail.errMsg)),
    userInfo: data => call('/userinfo', data),
    openData: data => call('/opendata', data),
    ticket: () => call('/ticket', {}),
    webViewURL: path => call('/ticket', {}).then(({ ticket }) => path.replace(/^(https?:\/\/[^/?#]+)?\/*([^]*)/, (_, site = base, rest) =>
      site + prefix + '/enter?ticket=' + encodeURIComponent(ticket) + '&return=' + encodeURIComponent('/' + rest))),
  }
}
