// request.ts: sends a call with the token, and decides whether it is sent again.

import { misuse } from './error'
import { merge, nothing, promised, type Call } from './platform'
import type { TokenKeeper } from './token'
import type { Adapter } from './types'

declare function setTimeout(f: () => void, ms: number): any

/** What requests and sockets of one gateway share. */
export interface Core extends TokenKeeper {
  api: Adapter
  base: string
  /** Afterwards there is a token, unless somebody has dropped it already. */
  login(): Promise<unknown>
  /** Truthy if a login needs nobody to do anything. */
  silent: unknown
  /** Asks the gateway where the platform did not say whether a session is over. If so, there is a new token afterwards. */
  isDead(token: string): Promise<boolean>
  /** Tells, later, whether there was a logout meanwhile: what began before one must not log in after it. */
  watch(): () => boolean
}

/**
 * Resolves with the platform's own result for a status below 400, rejects with a GatewayError for all else.
 *
 * A call is sent again after
 *   - 401 invalid_token, once: with the token that has taken the old one's place, or else after a login;
 *   - 503 with a Retry-After of at most 10 s, twice, if it is a GET or HEAD.
 * Whatever else was answered, or not answered, is not sent again: it may have been done.
 */
export function send({ api, base, silent, get, drop, login, isDead, watch }: Core, name: Call, given: any): Promise<any> {
  const loggedOut = watch()
  const mayLogin = () => given.login !== false && silent && !loggedOut()
  let renewed: boolean | undefined
  let waits = 2

  const go = (token: string): Promise<any> => promised(api, name, merge(given, {
    url: address(base, given.url),
    header: withToken(given.header, token),
    complete: nothing, // promises tell it
  }), given.onTask).catch(error => {
    const { status, retryAfter } = error
    if (status === 503 && retryAfter <= 10 && name !== 'uploadFile' && /^(|GET|HEAD)$/i.test(given.method || '') && waits--) {
      return new Promise<void>(resolve => setTimeout(resolve, retryAfter * 1000)).then(start)
    }
    if (status !== 401 || renewed) throw error
    renewed = true
    if (error.error === 'invalid_token') {
      drop(token)
      if (get() || mayLogin()) return start()
      if (token && !silent) return go('') // a page: its cookie may be a session yet
    } else if (name === 'downloadFile') { // wx.downloadFile shows neither body nor headers
      return isDead(token).then(yes => yes ? go(get()) : Promise.reject(error))
    }
    throw error
  })

  const start = (): Promise<any> => (!get() && mayLogin() ? login() : Promise.resolve()).then(() => go(get()))

  return start()
}

/** Refuses to send a token anywhere but to the gateway. */
export function address(base: string, url: string): string {
  if (!/^\w[\w+.-]*:/.test(url)) return base + url.replace(/^\/?/, '/')
  if (!url.replace(/[?#]|$/, '/').startsWith(base + '/')) throw misuse('url not of ' + base)
  return url
}

/** Two Authorization fields would be two credentials, and no session. */
export function withToken(given: any, token: string): any {
  const header = merge(given)
  if (token) {
    Object.keys(header).forEach(name => /^authorization$/i.test(name) && delete header[name])
    header.Authorization = 'Bearer ' + token
  }
  return header
}
