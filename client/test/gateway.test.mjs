// gateway.test.mjs: what the library promises, against the built gateway and the simulator.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { GatewayError, createGateway } from '../dist/index.mjs'
import { createWx } from './support/wx.mjs'
import { appA, appB, simulate, sleep, startWorld } from './support/world.mjs'

// node:test gives a suite no t.after: its hooks do the same.
const ends = []
const t = { after: f => ends.push(f) }
after(async () => { for (const end of ends.reverse()) await end() })

let world
before(async () => { world = await startWorld(t) })

let phones = 0
function phone(options = {}) {
  const p = createWx({ simURL: world.simURL, openid: 'oUser' + String(++phones).padStart(22, '0') })
  p.gateway = createGateway({ baseURL: world.url, adapter: p.wx, ...options })
  return p
}
const times = (n, f) => Promise.all(Array.from({ length: n }, (_, i) => f(i)))

describe('requests', () => {
  test('the first one logs in, and the backend sees who it is', async () => {
    const p = phone()
    const { data, statusCode, header } = await p.gateway.request({ url: '/orders', data: { page: 2 } })
    assert.equal(statusCode, 200)
    assert.equal(data.openid, p.openid)
    assert.equal(data.url, '/orders?page=2')
    assert.equal(data.authorization, '', 'the gateway keeps the token')
    assert.equal(header['X-Backend'], 'yes')
    assert.deepEqual([p.counts.login, p.counts.logins], [1, 1])
    await p.gateway.request({ url: '/orders' })
    assert.equal(p.counts.login, 1)
  })

  test('25 at once at a cold start are one login', async () => {
    const p = phone()
    const answers = await times(25, i => p.gateway.request({ url: '/orders/' + i, method: 'POST', data: { i } }))
    assert.deepEqual(answers.map(answer => JSON.parse(answer.data.body).i), Array.from({ length: 25 }, (_, i) => i))
    assert.deepEqual([p.counts.login, p.counts.logins], [1, 1])
    assert.equal(p.counts.mostAtOnce, 10)
    assert.equal((await world.sessionsOf(p.openid)).length, 1)
  })

  test('a token that is kept is used by the next start of the program', async () => {
    const p = phone()
    await p.gateway.login()
    const again = createGateway({ baseURL: world.url, adapter: p.wx })
    assert.equal((await again.request({ url: '/orders' })).data.openid, p.openid)
    assert.equal(p.counts.login, 1)
  })

  test('ten that meet a 401 at once are one login, and each is sent twice', async () => {
    const p = phone()
    await p.gateway.login()
    assert.equal(await world.endSessionsOf(p.openid), 1)
    const before = p.counts.request
    const answers = await times(10, i => p.gateway.request({ url: '/once/' + i, method: 'POST', data: { i } }))
    assert.ok(answers.every(answer => answer.data.openid === p.openid))
    assert.deepEqual([p.counts.login, p.counts.logins], [2, 2])
    assert.equal(p.counts.request - before, 10 + 1 + 10)
    for (let i = 0; i < 10; i++) assert.equal(world.backend.seen.filter(call => call.url === '/once/' + i).length, 1)
  })

  for (const broken of ['', 'storage']) {
    test(`a 401 of a token that another one has replaced is repeated without a login${broken && ', also without a storage'}`, async () => {
      const p = phone()
      p.broken = broken
      let slow // the first request's answer comes late: after the second login
      const wx = { ...p.wx, request: o => p.wx.request({ ...o, success: answer => o.url.endsWith('/slow') && answer.statusCode === 401 ? slow = () => o.success(answer) : o.success(answer) }) }
      const gateway = createGateway({ baseURL: world.url, adapter: wx })
      await gateway.login()
      await world.endSessionsOf(p.openid)
      const late = gateway.request({ url: '/slow' })
      while (!slow) await sleep(10)
      await gateway.login()
      assert.equal(p.counts.login, 2)
      slow()
      slow = undefined
      assert.equal((await late).data.openid, p.openid)
      assert.equal(p.counts.login, 2)
      await gateway.request({ url: '/orders' })
      assert.equal(p.counts.login, 2)
    })
  }

  test('another instance for the same gateway is believed before a login', async () => {
    const p = phone()
    const other = createGateway({ baseURL: world.url, adapter: p.wx })
    await p.gateway.login()
    await other.login() // ends the first session, whose token it carries
    assert.equal((await world.sessionsOf(p.openid)).length, 1)
    assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
    assert.equal(p.counts.login, 2)
  })

  test('a second 401 is the caller\'s', async () => {
    const p = phone()
    await p.gateway.login()
    const wx = { ...p.wx, request: o => p.wx.request(o.url.endsWith('/login') ? o : { ...o, header: { Authorization: 'Bearer nonsense' } }) }
    const gateway = createGateway({ baseURL: world.url, adapter: wx })
    await assert.rejects(gateway.request({ url: '/orders' }), error => {
      assert.ok(error instanceof GatewayError && error instanceof Error)
      assert.deepEqual([error.status, error.error, error.name], [401, 'invalid_token', 'GatewayError'])
      return true
    })
    assert.equal(p.counts.login, 2)
  })

  test('the 401 of a backend is not the gateway\'s: no login, no repeat', async () => {
    const p = phone()
    await p.gateway.login()
    world.backend.forget()
    await assert.rejects(p.gateway.request({ url: '/own401' }), { status: 401, error: 'not_yours' })
    assert.equal(world.backend.seen.length, 1)
    assert.equal(p.counts.login, 1)
  })

  test('what the backend refuses is an error with its body', async () => {
    const p = phone()
    await assert.rejects(p.gateway.request({ url: '/status/422', method: 'PUT' }), error => {
      assert.deepEqual([error.status, error.error, error.description, error.retryAfter], [422, 'of_the_backend', 'as asked', 30])
      assert.deepEqual(error.data.field, 'name')
      return true
    })
    assert.equal((await p.gateway.request({ url: '/text' })).data, 'not json')
  })

  test('bodies, types and headers go as they do with wx.request', async () => {
    const p = phone()
    const form = await p.gateway.request({ url: '/form', method: 'POST', data: { a: '1 2' }, header: { 'content-type': 'application/x-www-form-urlencoded', 'X-Mine': 'yes' } })
    assert.equal(form.data.body, 'a=1+2')
    const bytes = await p.gateway.request({ url: '/bytes', method: 'POST', data: new Uint8Array([0, 255]).buffer, responseType: 'arraybuffer' })
    assert.ok(bytes.data instanceof ArrayBuffer)
    const last = world.backend.seen.filter(call => call.url === '/form').pop()
    assert.equal(last.headers['x-mine'], 'yes')
    let task
    await p.gateway.request({ url: '/orders', onTask: value => { task = value } })
    assert.equal(typeof task.abort, 'function')
  })

  test('a request can be aborted', async () => {
    const p = phone()
    await p.gateway.login()
    await assert.rejects(p.gateway.request({ url: '/orders', onTask: task => task.abort() }), { status: 0, error: 'network_error', description: /abort/ })
  })

  test('success, fail and complete work as with wx.request, and nothing is left unhandled', async () => {
    const p = phone()
    const told = []
    const ok = { success: r => told.push('success ' + r.statusCode), fail: () => told.push('fail'), complete: r => told.push('complete ' + r.statusCode) }
    await p.gateway.request({ url: '/orders', ...ok })
    p.gateway.request({ url: '/status/404', success: () => told.push('success'), fail: e => told.push('fail ' + e.status), complete: e => told.push('complete ' + e.status) })
    p.gateway.request({ url: '/status/404', complete: e => told.push('alone ' + e.status) })
    p.gateway.request({ url: '/status/404', fail: e => told.push('alone fail ' + e.status) })
    p.gateway.request({ url: '/status/404', success: () => told.push('success') })
    await assert.rejects(p.gateway.request({ url: '/status/404' }), { status: 404 })
    await sleep(100)
    assert.deepEqual(told.sort(), ['alone 404', 'alone fail 404', 'complete 200', 'complete 404', 'fail 404', 'success 200'])
  })

  test('login: false never logs in', async () => {
    const p = phone()
    assert.equal((await p.gateway.request({ url: '/public/news', login: false })).data.openid, undefined)
    await assert.rejects(p.gateway.request({ url: '/orders', login: false }), { status: 401, error: 'invalid_token' })
    assert.equal(p.counts.login, 0)
    await p.gateway.login()
    assert.equal((await p.gateway.request({ url: '/public/news', login: false })).data.openid, p.openid)
  })
})

describe('uploads and downloads', () => {
  test('an upload on a dead session is sent again after a login', async () => {
    const p = phone()
    await p.gateway.login()
    await world.endSessionsOf(p.openid)
    p.storage.set('file wxfile://a', Buffer.from('the bytes'))
    world.backend.forget()
    const { data, statusCode } = await p.gateway.upload({ url: '/photos', filePath: 'wxfile://a', name: 'photo', formData: { kind: 'cat' } })
    assert.equal(statusCode, 200)
    assert.equal(typeof data, 'string')
    assert.match(JSON.parse(data).body, /name="kind"\r\n\r\ncat[^]*name="photo"[^]*the bytes/)
    assert.equal(JSON.parse(data).openid, p.openid)
    assert.equal(world.backend.seen.length, 1)
    assert.equal(p.counts.login, 2)
  })

  test('a download on a dead session, which shows neither body nor headers, too', async () => {
    const p = phone()
    await p.gateway.login()
    await world.endSessionsOf(p.openid)
    const { tempFilePath } = await p.gateway.download({ url: '/file' })
    assert.equal(JSON.parse(p.storage.get('file ' + tempFilePath)).openid, p.openid)
    assert.equal(p.counts.login, 2)
    world.backend.forget()
    await assert.rejects(p.gateway.download({ url: '/own401' }), { status: 401, error: 'http_401' })
    assert.equal(world.backend.seen.length, 1)
    assert.equal(p.counts.login, 2)
  })

  test('ten uploads on a dead session are one login', async () => {
    const p = phone()
    await p.gateway.login()
    await world.endSessionsOf(p.openid)
    p.storage.set('file wxfile://a', Buffer.from('x'))
    await times(10, () => p.gateway.upload({ url: '/photos', filePath: 'wxfile://a', name: 'photo' }))
    assert.deepEqual([p.counts.login, p.counts.logins], [2, 2])
  })
})

describe('logins and logouts', () => {
  test('login tells who it is, and not the token', async () => {
    const p = phone()
    const user = await p.gateway.login()
    assert.deepEqual([user.openid, user.appid, user.expires_in > 0], [p.openid, appA, true])
    assert.ok(!JSON.stringify(user).includes(p.token()))
    assert.ok(p.token().length > 20)
    const session = await p.gateway.session()
    assert.deepEqual([session.openid, session.appid, session.expires_at > session.issued_at], [p.openid, appA, true])
  })

  test('logins at once are one, later ones are new and end the one before', async () => {
    const p = phone()
    const [one, two] = await Promise.all([p.gateway.login(), p.gateway.login()])
    assert.equal(one.openid, two.openid)
    assert.equal(p.counts.login, 1)
    await p.gateway.login()
    assert.equal(p.counts.login, 2)
    assert.equal((await world.sessionsOf(p.openid)).length, 1)
  })

  test('logout ends the session at the gateway', async () => {
    const p = phone()
    await p.gateway.login()
    await p.gateway.logout()
    assert.equal(p.token(), '')
    assert.deepEqual(await world.sessionsOf(p.openid), [])
    assert.equal(p.counts.login, 1)
  })

  test('logout without a session sends nothing', async () => {
    const p = phone()
    await p.gateway.logout()
    assert.equal(p.counts.request, 0)
    assert.equal(p.counts.login, 0)
  })

  test('logout of a dead session succeeds and logs in nowhere', async () => {
    const p = phone()
    await p.gateway.login()
    await world.endSessionsOf(p.openid)
    await Promise.all([p.gateway.logout(), p.gateway.logout()])
    assert.equal(p.token(), '')
    assert.equal(p.counts.login, 1)
  })

  test('logout during a login waits for it, and ends what came of it', async () => {
    const p = phone()
    const login = p.gateway.login()
    await p.gateway.logout()
    await login
    assert.equal(p.token(), '')
    assert.deepEqual(await world.sessionsOf(p.openid), [])
  })

  test('what was sent before a logout does not log in after it', async () => {
    const p = phone()
    await p.gateway.login()
    let release
    const wx = { ...p.wx, request: o => o.url.endsWith('/slow') ? release = () => p.wx.request(o) : p.wx.request(o) }
    const gateway = createGateway({ baseURL: world.url, adapter: wx })
    const slow = gateway.request({ url: '/slow' })
    while (!release) await sleep(10)
    await gateway.logout()
    release()
    await assert.rejects(slow, { status: 401, error: 'invalid_token' })
    assert.equal(p.counts.login, 1)
  })

  test('a login during a logout outlives it', async () => {
    const p = phone()
    await p.gateway.login()
    let release
    const wx = { ...p.wx, request: o => o.url.endsWith('/logout') ? release = () => p.wx.request(o) : p.wx.request(o) }
    const gateway = createGateway({ baseURL: world.url, adapter: wx })
    const logout = gateway.logout()
    while (!release) await sleep(10)
    await gateway.login()
    release()
    await logout
    assert.equal((await gateway.request({ url: '/orders' })).data.openid, p.openid)
    assert.equal(p.counts.login, 2)
  })

  test('a logout that did not arrive can be repeated', async () => {
    const p = phone()
    await p.gateway.login()
    let broken = true
    const wx = { ...p.wx, request: o => broken && o.url.endsWith('/logout') ? o.fail({ errMsg: 'request:fail' }) : p.wx.request(o) }
    const gateway = createGateway({ baseURL: world.url, adapter: wx })
    await assert.rejects(gateway.logout(), { status: 0, error: 'network_error' })
    broken = false
    await gateway.logout()
    assert.deepEqual(await world.sessionsOf(p.openid), [])
  })

  test('each login has a code of its own, and a spent one costs one more', async () => {
    const p = phone()
    const spent = (await simulate(world.simURL, 'login', { openid: p.openid, appid: appA })).code
    const raw = await fetch(world.url + '/wechat/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code: spent }) })
    assert.equal(raw.status, 200)
    const codes = [spent]
    const wx = { ...p.wx, login: o => codes.length === 1 ? (codes.push(0), setImmediate(o.success, { code: spent })) : p.wx.login(o) }
    const gateway = createGateway({ baseURL: world.url, adapter: wx })
    assert.equal((await gateway.login()).openid, p.openid)
    const sent = p.calls.filter(call => call.url.endsWith('/login')).map(call => JSON.parse(call.body).code)
    assert.equal(sent.length, 2)
    assert.equal(new Set(sent).size, 2)
  })

  test('what WeChat refuses reaches everybody who waits', async () => {
    for (const [errcode, status, error] of [[40226, 403, 'access_denied'], [45011, 429, 'rate_limited'], [40125, 502, 'wechat_error'], [-1, 503, 'temporarily_unavailable']]) {
      const p = phone()
      await world.fault({ path: '/sns/jscode2session', errcode, times: 1 })
      const results = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => p.gateway.request({ url: '/orders/' + i })))
      assert.ok(results.every(result => result.status === 'rejected' && result.reason.status === status && result.reason.error === error), `${errcode}: ${results[0].reason}`)
      assert.equal(p.counts.login, 1)
      if (error === 'access_denied') assert.equal(results[0].reason.errcode, 40226)
      if (status === 503 || status === 429) assert.ok(results[0].reason.retryAfter > 0)
      if (error !== 'wechat_error') assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid, 'and the next one tries anew')
      await sleep(0)
    }
  })
})

describe('open data', () => {
  test('the phone number by code, and by encryptedData', async () => {
    const p = phone()
    await p.gateway.login()
    const { code, encryptedData, iv } = await simulate(world.simURL, 'phone', { openid: p.openid, appid: appA })
    const byCode = await p.gateway.phone({ errMsg: 'getPhoneNumber:ok', code, cloudID: 'x' })
    assert.match(byCode.purePhoneNumber, /^1\d{10}$/)
    const byData = await p.gateway.phone({ errMsg: 'getPhoneNumber:ok', encryptedData, iv })
    assert.equal(byData.purePhoneNumber, byCode.purePhoneNumber)
    assert.deepEqual((await p.gateway.session()).phone, byData)
    await assert.rejects(p.gateway.phone({ errMsg: 'getPhoneNumber:fail user deny' }), { status: 0, error: 'denied', description: 'getPhoneNumber:fail user deny' })
  })

  test('user info and other data', async () => {
    const p = phone()
    await p.gateway.login()
    const info = await simulate(world.simURL, 'userinfo', { openid: p.openid, appid: appA })
    const user = await p.gateway.userInfo({ ...info, errMsg: 'getUserProfile:ok', userInfo: { nickName: 'forged' } })
    assert.equal(user.nickName, JSON.parse(info.rawData).nickName)
    assert.deepEqual(Object.keys(JSON.parse(p.calls[p.calls.length - 1].body)).sort(), ['encryptedData', 'iv', 'rawData', 'signature'], 'what nobody verifies is not sent')
    const other = await simulate(world.simURL, 'userinfo', { openid: p.openid, appid: appA })
    assert.equal((await p.gateway.openData(other)).openId, p.openid)
  })

  test('invalid_data is never sent again', async () => {
    const p = phone()
    await p.gateway.login()
    const before = p.counts.request
    await assert.rejects(p.gateway.openData({ encryptedData: 'AAAAAAAAAAAAAAAAAAAAAA==', iv: 'AAAAAAAAAAAAAAAAAAAAAA==' }), { status: 400, error: 'invalid_data' })
    assert.equal(p.counts.request - before, 1)
    assert.equal(p.counts.login, 1)
  })
})

describe('where the token goes', () => {
  test('into the header and the storage, and nowhere else', async () => {
    const p = phone()
    await p.gateway.login()
    const tokens = [p.token()]
    await world.endSessionsOf(p.openid)
    await p.gateway.request({ url: '/orders', data: { a: 1 } })
    tokens.push(p.token())
    const errors = []
    for (const call of [{ url: '/status/404' }, { url: '/wechat/none' }]) await p.gateway.request(call).catch(error => errors.push(error))
    assert.equal(errors.length, 2)
    for (const token of tokens) {
      assert.ok(token)
      for (const call of p.calls) assert.ok(!call.url.includes(token) && !call.body.includes(token))
      for (const error of errors) assert.ok(![error.message, error.stack, JSON.stringify(error)].join().includes(token))
    }
  })

  test('to no address but the gateway\'s', async () => {
    const p = phone()
    await p.gateway.login()
    const before = p.counts.request
    for (const url of ['https://evil.example/', 'http:evil.example', 'HTTP://EVIL.example/x', world.url + '.evil.example/', world.url + '@evil.example/', world.url + '1/', 'javascript:alert(1)']) {
      await assert.rejects(p.gateway.request({ url }), { status: 0, error: 'invalid_request' }, url)
    }
    assert.equal(p.counts.request, before)
    for (const url of [world.url + '/orders', 'orders', '/orders', world.url + '?x']) assert.equal((await p.gateway.request({ url })).statusCode, 200)
    // a path that looks like a host is a path
    assert.equal((await p.gateway.request({ url: '//evil.example/x' })).data.openid, p.openid)
    assert.ok(p.calls.every(call => new URL(call.url).host === new URL(world.url).host))
  })

  test('a caller\'s own Authorization does not make a second credential', async () => {
    const p = phone()
    assert.equal((await p.gateway.request({ url: '/orders', header: { authorization: 'Bearer undefined', AUTHORIZATION: 'x', 'X-Mine': 'yes' } })).data.openid, p.openid)
    const { headers } = p.calls[p.calls.length - 1]
    assert.deepEqual(Object.keys(headers).filter(name => /^(authorization|x-mine)$/i.test(name)), ['X-Mine', 'Authorization'])
  })

  test('what stands in the storage goes into no header unless it is a token', async () => {
    for (const value of [{ token: 'x' }, 'a b', 'x\r\nX-WeChat-OpenID: me', 7, null, '']) {
      const p = phone()
      await p.gateway.login()
      const key = [...p.storage.keys()][0]
      p.storage.set(key, value)
      const again = createGateway({ baseURL: world.url, adapter: p.wx })
      assert.equal((await again.request({ url: '/orders' })).data.openid, p.openid)
      assert.equal(p.counts.login, 2)
    }
  })

  test('wrong options are told', () => {
    for (const baseURL of ['', 'api.example.com', 'ftp://x', 'https://', 'https://user:pw@x', 'https://x?y', 'https://x#y', 'https:\\\\x']) {
      assert.throws(() => createGateway({ baseURL, adapter: phone().wx }), { name: 'GatewayError', error: 'invalid_request' }, baseURL)
    }
  })
})

describe('several gateways', () => {
  let two
  before(async () => { two = await startWorld(t, { apps: [appA, appB], site: 'prefix /auth' }) })

  test('a login names the app; two apps, two gateways and two prefixes do not mix', async () => {
    const a = createWx({ simURL: two.simURL, openid: 'oBoth00000000000000000000001', appid: appA })
    const asB = createWx({ simURL: two.simURL, openid: a.openid, appid: appB })
    const mixed = { ...a.wx, login: asB.wx.login }
    const gatewayA = createGateway({ baseURL: two.url + '/', prefix: 'auth/', appid: appA, adapter: a.wx })
    const gatewayB = createGateway({ baseURL: two.url, prefix: '/auth', appid: appB, adapter: mixed }) // the same storage
    await Promise.all([gatewayA.login(), gatewayB.login()])
    assert.deepEqual([(await gatewayA.session()).appid, (await gatewayB.session()).appid], [appA, appB])
    const other = createGateway({ baseURL: world.url, adapter: { ...a.wx, login: createWx({ simURL: world.simURL, openid: a.openid }).wx.login } })
    assert.equal((await other.request({ url: '/orders' })).data.openid, a.openid)
    assert.equal([...a.storage.keys()].length, 3)
    await gatewayA.logout()
    assert.equal((await gatewayB.session()).appid, appB)
    assert.equal((await other.session()).appid, appA)
    await assert.rejects(createGateway({ baseURL: two.url, prefix: '/auth', adapter: a.wx }).login(), { status: 400, error: 'invalid_request' })
  })
})
