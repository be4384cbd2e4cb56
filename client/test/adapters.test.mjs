// adapters.test.mjs: wx, uni, Taro and fetch; which one is chosen, and that each does the same.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { createGateway, fetchAdapter } from '../dist/index.mjs'
import { loadOnPhone } from './support/phone.mjs'
import { createWx, uniOf } from './support/wx.mjs'
import { appA, simulate, sleep, startWorld, until } from './support/world.mjs'

const ends = []
const t = { after: f => ends.push(f) }
after(async () => { for (const end of ends.reverse()) await end() })

let world
before(async () => { world = await startWorld(t) })

/** Taro's own way of making its API out of wx. */
function taroOf(wx) {
  const { processApis } = createRequire(import.meta.url)('@tarojs/shared')
  class Link { // interceptors, of which there are none here, live in another package
    constructor(end) { this.request = requestParams => end({ requestParams }) }
    addInterceptor() {}
    cleanInterceptors() {}
  }
  const taro = { Link, options: {}, config: {} }
  globalThis.getCurrentPages = globalThis.getApp = () => {} // what it looks for when it is made
  processApis(taro, wx, {})
  return taro
}

let phones = 0
const newPhone = () => createWx({ simURL: world.simURL, openid: 'oAdapter' + String(++phones).padStart(20, '0') })

for (const [name, of] of [['wx', wx => wx], ['uni', uniOf], ['Taro', taroOf]]) {
  test(`${name}: requests, uploads, downloads, sockets, and nothing unhandled`, async test => {
    const unhandled = []
    const note = reason => unhandled.push(reason)
    process.on('unhandledRejection', note)
    test.after(() => process.off('unhandledRejection', note))
    const p = newPhone()
    const gateway = createGateway({ baseURL: world.url, adapter: of(p.wx) })
    assert.equal((await gateway.request({ url: '/orders' })).data.openid, p.openid)
    await world.endSessionsOf(p.openid)
    p.storage.set('file wxfile://a', Buffer.from('x'))
    let task
    const [one, two, three] = await Promise.all([
      gateway.request({ url: '/orders', method: 'POST', data: { a: 1 }, onTask: value => { task = value } }),
      gateway.upload({ url: '/photos', filePath: 'wxfile://a', name: 'a' }),
      gateway.download({ url: '/file' }),
    ])
    assert.deepEqual([one.data.openid, JSON.parse(two.data).openid, three.statusCode], [p.openid, p.openid, 200])
    assert.equal(typeof task.abort, 'function')
    assert.deepEqual([p.counts.login, p.counts.logins], [2, 2])
    await world.endSessionsOf(p.openid)
    const socket = gateway.connect({ url: '/live' })
    test.after(() => socket.close())
    const echo = new Promise((resolve, reject) => {
      socket.onOpen(() => socket.send({ data: 'hello' }))
      socket.onMessage(message => resolve(message.data))
      socket.onError(reject)
    })
    assert.equal(await echo, p.openid + ': hello')
    await assert.rejects(createGateway({ baseURL: 'http://127.0.0.1:9', adapter: of(p.wx) }).request({ url: '/', login: false }), { error: 'network_error' })
    p.broken = 'login'
    await gateway.logout()
    await assert.rejects(gateway.request({ url: '/orders' }), { error: 'login_failed' })
    await sleep(50)
    assert.deepEqual(unhandled, [])
  })
}

describe('the choice', () => {
  const file = fileURLToPath(new URL('../dist/index.js', import.meta.url))
  function chosen(more) {
    const asked = []
    const platform = name => ({ request: () => asked.push(name), login: o => { asked.push(name); o.success({ code: 'c' }) } })
    const globals = {}
    for (const [key, value] of Object.entries(more)) globals[key] = value === 'all' ? platform(key) : value
    if (more.fetch) globals.fetch = () => { asked.push('fetch'); return Promise.reject(new Error('offline')) }
    const { createGateway } = loadOnPhone(file, { more: globals }).exports
    createGateway({ baseURL: 'https://api.example.com' }).request({ url: '/', login: false }).catch(() => {})
    return new Promise(resolve => setTimeout(resolve, 5)).then(() => asked.join())
  }
  const location = { origin: 'https://www.example.com', pathname: '/', search: '' }

  test('uni, else wx, else fetch', async () => {
    assert.equal(await chosen({ uni: 'all', wx: 'all' }), 'uni')
    assert.equal(await chosen({ uni: 'all', plus: {} }), 'uni')
    assert.equal(await chosen({ wx: 'all' }), 'wx')
    assert.equal(await chosen({ fetch: 1, location }), 'fetch')
  })

  test('a page of uni-app, whose uni cannot log in, is a page', async () => {
    assert.equal(await chosen({ uni: 'all', fetch: 1, location }), 'fetch')
    assert.equal(await chosen({ uni: 'all', wx: { config() {}, miniProgram: {} }, fetch: 1, location }), 'fetch')
  })

  test('a page inside WeChat has a wx without request, and is a page', async () => {
    assert.equal(await chosen({ wx: { config() {}, miniProgram: {} }, fetch: 1, location }), 'fetch')
  })
})

describe('a page', () => {
  /** The globals of a page at the gateway's own address, or another; fetch keeps a jar, as browsers do. */
  function page({ origin = world.url, path = '/app', search = '?tab=1' } = {}) {
    const store = new Map()
    const visits = []
    const calls = []
    const globals = {
      setTimeout, clearTimeout, FormData, WebSocket,
      localStorage: {
        getItem: key => store.has(key) ? store.get(key) : null,
        setItem: (key, value) => store.set(key, String(value)),
        removeItem: key => store.delete(key),
      },
      location: { origin, pathname: path, search, assign: url => visits.push(url) },
      fetch: (url, init = {}) => {
        calls.push({ url, ...init })
        return fetch(url, { ...init, headers: { ...init.headers, Origin: origin } })
      },
    }
    const { exports } = loadOnPhone(fileURLToPath(new URL('../dist/index.js', import.meta.url)), { more: globals })
    return { ...exports, store, visits, calls, globals }
  }
  const codeOf = openid => () => simulate(world.simURL, 'login', { openid, appid: appA }).then(({ code }) => code)

  test('with a code function logs in once for all, asks, uploads and downloads', async () => {
    const openid = 'oPage00000000000000000000001'
    const p = page()
    let codes = 0
    const gateway = p.createGateway({ baseURL: '', code: () => (codes++, codeOf(openid)()) })
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => gateway.request({ url: '/orders?a=1', data: { i, name: '名 &' } })))
    assert.deepEqual(answers.map(answer => answer.data.url), Array.from({ length: 10 }, (_, i) => `/orders?a=1&i=${i}&name=%E5%90%8D%20%26`))
    assert.ok(answers.every(answer => answer.data.openid === openid))
    assert.equal(codes, 1)
    await world.endSessionsOf(openid)
    const [json, form, text, bytes, upload, blob, download] = await Promise.all([
      gateway.request({ url: '/orders', method: 'POST', data: { a: '1' } }),
      gateway.request({ url: '/orders', method: 'POST', data: { a: '1 &' }, header: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
      gateway.request({ url: '/orders', dataType: 'text' }),
      gateway.request({ url: '/orders', method: 'PUT', data: '{"b":2}', responseType: 'arraybuffer' }),
      gateway.upload({ url: '/photos', name: 'photo', formData: { kind: 'cat' }, file: new Blob(['the bytes']) }),
      gateway.upload({ url: '/photos', name: 'photo', filePath: 'data:text/plain,the%20bytes' }),
      gateway.download({ url: '/file' }),
    ])
    assert.equal(codes, 2)
    assert.equal(json.data.body, '{"a":"1"}')
    assert.equal(form.data.body, 'a=1%20%26')
    assert.equal(typeof text.data, 'string')
    assert.equal(JSON.parse(Buffer.from(bytes.data).toString()).body, '{"b":2}')
    assert.match(JSON.parse(upload.data).body, /name="kind"\r\n\r\ncat[^]*name="photo"[^]*the bytes/)
    assert.match(JSON.parse(blob.data).body, /name="photo"[^]*the bytes/)
    assert.equal(JSON.parse(await download.data.text()).openid, openid)
    assert.ok(p.calls.every(call => call.url.startsWith(world.url + '/') || call.url.startsWith('data:')))
    await assert.rejects(gateway.request({ url: '/status/404' }), { status: 404, error: 'of_the_backend' })
    await gateway.logout()
    assert.equal(p.store.size, 0)
    assert.deepEqual(await world.sessionsOf(openid), [])
  })

  test('a 401 tells the page, and only login leaves it', async () => {
    const p = page()
    const gateway = p.createGateway({ baseURL: '', loginTimeout: 100 })
    await assert.rejects(gateway.request({ url: '/orders' }), { status: 401, error: 'invalid_token' })
    assert.deepEqual(p.visits, [])
    await assert.rejects(gateway.login(), { error: 'timeout' }) // nobody took the page away
    assert.deepEqual(p.visits, [world.url + '/wechat/authorize?return=%2Fapp%3Ftab%3D1'])
    const named = page()
    named.createGateway({ baseURL: world.url, appid: appA, prefix: 'auth', loginTimeout: 50 }).login().catch(() => {})
    await until('the visit', () => named.visits.length)
    assert.deepEqual(named.visits, [world.url + `/auth/authorize?appid=${appA}&return=%2Fapp%3Ftab%3D1`])
  })

  test('on another origin a login needs a code function', async () => {
    const p = page({ origin: 'https://www.example.com' })
    await assert.rejects(p.createGateway({ baseURL: world.url }).login(), { error: 'login_failed', description: /code function/ })
    assert.deepEqual(p.visits, [])
  })

  test('a token that is dead gives way to the cookie', async () => {
    const p = page()
    const openid = 'oPage00000000000000000000002'
    const gateway = p.createGateway({ baseURL: '', code: codeOf(openid) })
    await gateway.login()
    await world.endSessionsOf(openid)
    const later = p.createGateway({ baseURL: '' }) // a start of the page that can only log in by leaving
    const before = p.calls.length
    await assert.rejects(later.request({ url: '/orders' }), { status: 401 })
    assert.deepEqual(p.calls.slice(before).map(call => 'Authorization' in call.headers), [true, false])
    assert.equal(p.store.size, 0)
  })

  test('cookies go to its own origin, or where it was said', async () => {
    const p = page()
    await p.createGateway({ baseURL: '' }).request({ url: '/public/x' })
    await p.createGateway({ baseURL: '', adapter: p.fetchAdapter({ credentials: 'include' }) }).request({ url: '/public/x' })
    assert.deepEqual(p.calls.map(call => call.credentials), [undefined, 'include'])
  })

  test('a fetch that never answers ends after its timeout', async () => {
    const p = page()
    p.globals.fetch = () => new Promise(() => {})
    const { createGateway } = loadOnPhone(fileURLToPath(new URL('../dist/index.js', import.meta.url)), { more: p.globals }).exports
    await assert.rejects(createGateway({ baseURL: '' }).request({ url: '/public/x', timeout: 50 }), { status: 0, error: 'timeout' })
  })

  test('a storage that may not be touched is survived', async () => {
    const p = page()
    const { context, exports: { createGateway } } = loadOnPhone(fileURLToPath(new URL('../dist/index.js', import.meta.url)), { more: p.globals })
    Object.defineProperty(context, 'localStorage', { get() { throw new Error('SecurityError') } })
    const openid = 'oPage00000000000000000000003'
    assert.equal((await createGateway({ baseURL: '', code: codeOf(openid) }).request({ url: '/orders' })).data.openid, openid)
  })

  test('its sockets talk', async test => {
    const p = page()
    const gateway = p.createGateway({ baseURL: '', code: codeOf('oPage00000000000000000000004') })
    await gateway.login()
    // no header: what a browser would send by itself, the cookie, is not there, and the gateway says no
    const refused = gateway.connect({ url: '/live' })
    const error = await new Promise(resolve => refused.onError(resolve))
    assert.equal(error.name, 'GatewayError')
    const open = gateway.connect({ url: '/public/live' })
    test.after(() => open.close())
    const echo = new Promise(resolve => {
      open.onOpen(() => open.send({ data: 'hello' }))
      open.onMessage(message => resolve(message.data))
    })
    assert.match(await echo, /: hello$/)
    const end = new Promise(resolve => open.onClose(resolve))
    open.close({ code: 3000, reason: 'enough' })
    assert.deepEqual(JSON.parse(JSON.stringify(await end)), { code: 3000, reason: 'enough', again: false })
  })
})
