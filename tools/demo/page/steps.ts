// steps.ts: what each button does. All of it goes over the wire, by the client library wherever an app would use it.

import { createGateway, type Gateway, type GatewayError, type Socket } from '../../../client/src/index'
import { now, operate, seen, simulate, type Settings } from './demo'
import { words } from './words'

/** What the phone was told, and the call that an app's code makes for it. */
export interface Outcome {
  call: string
  status?: number
  text: string
}

export interface User { openid: string, appid: string }

const orders = '/orders'

export function makeSteps(at: Settings, changed: (user: User | null) => void, later: (outcome: Outcome) => void) {
  const who = { appid: at.mini, openid: at.user }
  const mini = createGateway({ baseURL: '', appid: at.mini, code: () => simulate('login', who).then(r => r.code) })
  const web = createGateway({ baseURL: '' }) // its session is a cookie
  let app: Gateway = mini
  let user: User | null = null
  let socket: Socket | undefined
  let socketGone: Promise<string> = Promise.resolve('')

  function become(next: User | null): void {
    user = next
    changed(next)
  }

  const told = (call: string, work: Promise<unknown>): Promise<Outcome> => work.then(result => {
    const { statusCode, data } = (result || {}) as any
    return { call, status: statusCode || 200, text: typeof data === 'string' ? data : JSON.stringify(data || result || {}, null, 1) }
  }, (error: GatewayError) => ({
    call,
    status: error.status,
    text: [error.error, error.description, error.retryAfter === undefined ? '' : 'Retry-After: ' + error.retryAfter].filter(Boolean).join('\n'),
  }))

  async function login(): Promise<User> {
    const { openid, appid } = await mini.login()
    app = mini
    become({ openid, appid })
    return { openid, appid }
  }

  /** For steps that are about somebody who is logged in. */
  const loggedIn = async (): Promise<User> => user || login()

  const ask = (options?: object) => app.request({ url: orders, ...options })
  /** Says what there is to say, and does not log in behind the back of who watches. */
  const askOnly = (options?: object) => ask({ login: false, ...options })

  /** As a client without this library sends a token, or none. */
  async function raw(token?: string): Promise<Outcome> {
    const response = await fetch(orders, { credentials: 'omit', headers: token ? { Authorization: 'Bearer ' + token } : {} })
    return { call: `fetch('${orders}'${token ? ', { headers: { Authorization } }' : ''})`, status: response.status, text: await response.text() }
  }

  function storedToken(): string {
    const key = Object.keys(localStorage).find(name => name.startsWith('caddy-wechat ') && name.endsWith(at.mini))
    return key ? localStorage.getItem(key) || '' : ''
  }

  async function fails(fault: object): Promise<Outcome> {
    await simulate('fault', { path: '/sns/jscode2session', ...fault })
    return told('gateway.login()', login())
  }

  /** To WeChat, through the gateway, and back to this page as a new one. */
  async function leave(appid: string, by: string): Promise<Outcome> {
    await mini.logout() // a token and another login's cookie are two users, and no session
    location.assign(`/wechat/authorize?return=${encodeURIComponent('/?by=' + by)}&appid=${appid}`)
    return new Promise(() => {}) // the page ends here
  }

  async function endAll({ appid, openid }: User): Promise<void> {
    await operate('GET', `sessions?appid=${appid}&openid=${openid}`)
    await operate('DELETE', `users/${appid}/${openid}`)
  }

  /** Until the backend, too, has seen the end of the socket that there was, or for 5 seconds. */
  async function closed(had: boolean, after: number): Promise<string> {
    if (!had) return ''
    const text = await Promise.race([socketGone, new Promise<string>(resolve => setTimeout(resolve, 5000, ''))])
    for (let i = 0; i < 20 && !(await seen(after)).seen.some(s => s.method === 'CLOSED'); i++) await new Promise(resolve => setTimeout(resolve, 50))
    return text
  }

  const also = (outcome: Outcome, text: string): Outcome => ({ ...outcome, text: [text, outcome.text].filter(Boolean).join('\n\n') })

  const giveUserInfo = async () => told('gateway.userInfo(detail)', mini.userInfo(await simulate('userinfo', who)))

  const steps: Record<string, () => Promise<Outcome>> = {
    bare: () => raw(),
    login: () => told('gateway.login()', login()),
    ask: async () => {
      await loggedIn()
      return told(`gateway.request({ url: '${orders}' })`, askOnly())
    },
    forge: async () => {
      await loggedIn()
      const header = { 'X-WeChat-OpenID': 'oSomebodyElse0000000000000000', X_WeChat_OpenID: 'oSomebodyElse0000000000000000' }
      return told(`gateway.request({ url: '${orders}', header: { 'X-WeChat-OpenID': 'oSomebodyElse…' } })`, askOnly({ header }))
    },
    tamper: async () => {
      if (!storedToken()) await login()
      return raw(storedToken().slice(0, -5) + 'AAAAA')
    },
    userinfo: async () => {
      await login()
      await giveUserInfo()
      return told(`gateway.userInfo(detail)\ngateway.request({ url: '${orders}' })`, askOnly())
    },
    phone: async () => {
      await login()
      const { code } = await simulate('phone', who)
      const first = await told('gateway.phone(detail)', mini.phone({ code }))
      return first.status === 200 ? told(`gateway.phone(detail)\ngateway.request({ url: '${orders}' })`, askOnly()) : first
    },
    socket: async () => {
      await loggedIn()
      if (socket) socket.close()
      const call = `gateway.connect({ url: '/live' })`
      const mine = socket = app.connect({ url: '/live' })
      return new Promise<Outcome>(resolve => {
        mine.onOpen(() => mine.send({ data: 'hello' }))
        mine.onMessage(({ data }) => resolve({ call, status: 101, text: words().says.opened + data }))
        socketGone = new Promise(gone => mine.onClose(({ code }) => {
          const outcome = { call, text: words().says.ended + code }
          resolve(outcome)
          if (socket === mine) {
            later(outcome)
            socket = undefined
          }
          gone(outcome.text)
        }))
      })
    },
    ten: async () => {
      app = mini
      await endAll(await login())
      const call = `for (let i = 0; i < 10; i++)\n  gateway.request({ url: '${orders}' })`
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask()))
      return { call, status: 200, text: answers.map(answer => answer.statusCode).join(' ') }
    },
    logout: async () => {
      const left = app
      await loggedIn()
      const [had, after] = [!!socket, await now()]
      await left.logout()
      become(null)
      const end = await closed(had, after)
      const outcome = await told(`gateway.logout()\ngateway.request({ url: '${orders}', login: false })`, left.request({ url: orders, login: false }))
      app = mini
      return also(outcome, end)
    },
    h5: () => leave(at.official, 'h5'),
    qr: () => leave(at.website, 'qr'),
    down: () => fails({ errcode: -1, times: 1 }),
    slow: () => fails({ delay: '4s' }),
    quota: () => fails({ errcode: 45011 }),
    used: () => fails({ errcode: 40163 }),
    blocked: () => fails({ errcode: 40226 }),
    newkey: async () => {
      await login()
      await simulate('login', who) // another device of the same user; nobody redeems this code
      const stale = await giveUserInfo()
      await login()
      const fresh = await giveUserInfo()
      return { ...fresh, call: 'gateway.userInfo(detail)\ngateway.login()\ngateway.userInfo(detail)', text: `${stale.status} ${stale.text}\n\n${fresh.status} ${fresh.text}` }
    },
    end: async () => {
      const who = await loggedIn()
      const [had, after] = [!!socket, await now()]
      await endAll(who)
      become(null)
      const end = await closed(had, after)
      return also(await told(`gateway.request({ url: '${orders}', login: false })`, askOnly()), end)
    },
    rotate: async () => {
      await loggedIn()
      await operate('POST', 'keys/rotate')
      const old = await told('', askOnly())
      await login()
      return { ...await told(`gateway.request({ url: '${orders}' })\ngateway.login()\ngateway.request({ url: '${orders}' })`, askOnly()), status: old.status }
    },
  }

  return {
    steps,
    /** Whose session there is already, of an earlier visit or a login that has just come back. */
    async arrive(by: string | null): Promise<Outcome | null> {
      for (const each of by ? [web] : [mini, web]) {
        if (each === mini && !storedToken()) continue
        const session = await each.request({ url: '/wechat/session', login: false }).then(answer => answer.data, () => null)
        if (!session) continue
        app = each
        become(session)
        break
      }
      if (!by) return null
      return told(`gateway.request({ url: '${orders}' })`, askOnly())
    },
  }
}
