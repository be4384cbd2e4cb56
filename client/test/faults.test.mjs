// faults.test.mjs: lines that break at every byte, servers that are busy or slow, a storage that is gone.

import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { createGateway } from '../dist/index.mjs'
import { createWx } from './support/wx.mjs'
import { sleep, startLine, startWorld, until } from './support/world.mjs'

const ends = []
const t = { after: f => ends.push(f) }
after(async () => { for (const end of ends.reverse()) await end() })

let world, line
before(async () => {
  world = await startWorld(t)
  line = await startLine(t, world.port)
})

let phones = 0
function phone(options = {}) {
  const p = createWx({ simURL: world.simURL, openid: 'oFault' + String(++phones).padStart(22, '0') })
  p.gateway = createGateway({ baseURL: line.url, adapter: p.wx, ...options })
  return p
}
async function broken(cut, f) {
  line.cut = () => cut
  try {
    return await f()
  } finally {
    line.cut = () => undefined
  }
}
const network = { name: 'GatewayError', status: 0, error: 'network_error' }

test('a login whose answer breaks off, at each byte, fails for all who wait, and the next has a new code', async () => {
  const p = phone()
  let cut = 0
  for (;; cut++) {
    if (cut % 50 === 0) p.openid = 'oCut' + String(cut).padStart(24, '0') // WeChat counts 100 logins a minute
    const before = p.counts.login
    const results = await broken(cut, () => Promise.allSettled([p.gateway.request({ url: '/orders' }), p.gateway.request({ url: '/orders' })]))
    if (p.token()) break // the whole answer arrived
    for (const { reason } of results) assert.deepEqual([reason.name, reason.status, reason.error], Object.values(network), `cut at ${cut}: ${reason}`)
    assert.equal(p.counts.login - before, 1, `cut at ${cut}`)
  }
  assert.ok(cut > 400, `${cut} bytes are no login's answer`)
  const codes = p.calls.filter(call => call.url.endsWith('/login')).map(call => JSON.parse(call.body).code)
  assert.equal(new Set(codes).size, codes.length)
  await until('the rest of the answer', async () => (await p.gateway.request({ url: '/orders' })).data.openid === p.openid)
})

test('a request whose answer breaks off, at each byte, is not sent again', async () => {
  const p = phone()
  await p.gateway.login()
  for (const method of ['GET', 'POST']) {
    let cut = 0
    for (;; cut += 1) {
      const url = `/cut/${method}/${cut}`
      const result = await broken(cut, () => p.gateway.request({ url, method }).then(answer => answer, error => error))
      if (result.statusCode === 200) break
      assert.deepEqual([result.name, result.status, result.error], Object.values(network), `cut at ${cut}: ${result}`)
      assert.ok(world.backend.seen.filter(call => call.url === url).length <= 1, `cut at ${cut}: sent twice`)
    }
    assert.ok(cut > 150, `${cut} bytes are no answer`)
  }
  assert.equal(p.counts.login, 1)
})

test('a 401 that breaks off is not taken for one', async () => {
  const p = phone()
  await p.gateway.login()
  await world.endSessionsOf(p.openid)
  for (let cut = 0; cut < 300; cut += 7) {
    await assert.rejects(broken(cut, () => p.gateway.request({ url: '/orders' })), network)
  }
  assert.equal(p.counts.login, 1)
  assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
  assert.equal(p.counts.login, 2)
})

test('nobody there is a network error for all', async () => {
  const p = phone()
  const gateway = createGateway({ baseURL: 'http://127.0.0.1:9', adapter: p.wx })
  await assert.rejects(gateway.request({ url: '/orders' }), network)
  await assert.rejects(gateway.login(), network)
})

test('a page of somebody else where the gateway should be is invalid_answer', async () => {
  for (const body of ['<html>', '{}', '{"token":7}', '{"token":"a\\nb"}', 'null', '']) {
    const server = http.createServer((_, response) => response.end(body))
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
    const p = phone()
    const gateway = createGateway({ baseURL: `http://127.0.0.1:${server.address().port}`, adapter: p.wx })
    await assert.rejects(gateway.request({ url: '/orders' }), { name: 'GatewayError', status: 200, error: 'invalid_answer' }, body)
    assert.equal(p.storage.size, 0)
    server.close()
  }
})

test('503 with a Retry-After: a GET waits and comes again, twice at most; nothing else does', async () => {
  const p = phone()
  await p.gateway.login()
  const calls = url => world.backend.seen.filter(call => call.url === url).length
  const start = Date.now()
  const [, tired] = await Promise.all([
    p.gateway.request({ url: '/busy/1/get' }).then(answer => assert.equal(answer.data.openid, p.openid)),
    p.gateway.request({ url: '/busy/9/get' }).then(assert.fail, error => error),
    assert.rejects(p.gateway.request({ url: '/busy/9/post', method: 'POST' }), { status: 503, error: 'busy', retryAfter: 1 }),
    assert.rejects(p.gateway.request({ url: '/busy/9/put', method: 'PUT' }), { status: 503 }),
    assert.rejects(p.gateway.request({ url: '/status/503' }), { status: 503, retryAfter: 30 }),
    assert.rejects(p.gateway.request({ url: '/own503' }), { status: 503, error: 'not_now', retryAfter: undefined }),
  ])
  assert.deepEqual([tired.status, tired.retryAfter], [503, 1])
  assert.ok(Date.now() - start >= 1900, 'the seconds of Retry-After were not waited for')
  assert.deepEqual(['/busy/1/get', '/busy/9/get', '/busy/9/post', '/busy/9/put', '/status/503', '/own503'].map(calls), [2, 3, 1, 1, 1, 1])
})

test('503 of the login is not repeated behind the callers\' backs', async () => {
  const p = phone()
  await world.fault({ path: '/sns/jscode2session', errcode: -1, times: 1 })
  await assert.rejects(p.gateway.request({ url: '/orders' }), { status: 503, error: 'temporarily_unavailable' })
  assert.equal(p.counts.logins, 1)
  assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
})

test('a login that waits for a slow gateway ends after its timeout, and its late token is nobody\'s', async () => {
  const p = phone({ loginTimeout: 1000 })
  line.delay = 2500
  const start = Date.now()
  const results = await Promise.allSettled([p.gateway.request({ url: '/orders' }), p.gateway.login(), p.gateway.session()])
  line.delay = 0
  for (const { reason } of results) assert.deepEqual([reason.status, reason.error], [0, 'timeout'], String(reason))
  assert.ok(Date.now() - start < 2400)
  await sleep(2500)
  assert.equal(p.token(), '')
  assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
})

test('a wx.login that never answers ends after the timeout, and does not stop the next', async () => {
  const p = phone({ loginTimeout: 1000 })
  p.broken = 'hang'
  await assert.rejects(p.gateway.request({ url: '/orders' }), { status: 0, error: 'timeout' })
  p.broken = ''
  assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
})

test('a wx.login that answers after the timeout starts nothing', async () => {
  const p = phone({ loginTimeout: 1000 })
  p.loginDelay = 1800
  await assert.rejects(p.gateway.login(), { error: 'timeout' })
  p.loginDelay = 0
  await p.gateway.login()
  const token = p.token()
  await sleep(1500)
  assert.equal(p.token(), token)
  assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
})

test('what the platform calls a timeout is one, in its languages', async () => {
  const p = phone()
  await p.gateway.login()
  for (const [errMsg, error] of [['request:fail timeout', 'timeout'], ['request:fail 请求超时。', 'timeout'], ['request:fail errcode:-118 cronet_error_code:-118 error_msg:net::ERR_CONNECTION_TIMED_OUT', 'timeout'],
    ['request:fail The request timed out.', 'timeout'], ['request:fail interrupted', 'network_error'], ['request:fail url not in domain list', 'network_error']]) {
    const gateway = createGateway({ baseURL: line.url, adapter: { ...p.wx, request: o => setImmediate(o.fail, { errMsg }) } })
    await assert.rejects(gateway.request({ url: '/orders' }), { status: 0, error, description: errMsg })
  }
})

test('a code that is refused after the timeout starts no second attempt', async () => {
  const p = phone({ loginTimeout: 1000 })
  p.gateway = createGateway({
    baseURL: line.url, loginTimeout: 1000, code: () => { p.counts.login++; return '0aCodeThatWeChatNeverGave00000000' },
    adapter: { ...p.wx, request: o => p.wx.request({ ...o, timeout: 60000 }) }, // a platform that answers late all the same
  })
  line.delay = 1800
  await assert.rejects(p.gateway.login(), { error: 'timeout' })
  await sleep(1800)
  line.delay = 0
  assert.deepEqual([p.counts.login, p.counts.logins], [1, 1])
  await assert.rejects(p.gateway.login(), { status: 400, error: 'invalid_grant' })
  assert.deepEqual([p.counts.login, p.counts.logins], [3, 3])
})

test('a wx.login that fails is login_failed for all who wait', async () => {
  const p = phone()
  p.broken = 'login'
  const results = await Promise.allSettled([1, 2, 3].map(() => p.gateway.request({ url: '/orders' })))
  for (const { reason } of results) assert.deepEqual([reason.status, reason.error, reason.description], [0, 'login_failed', 'login:fail the permission value is offline verifying'])
  assert.equal(p.counts.login, 1)
})

test('a code function that throws, rejects or gives nothing is login_failed', async () => {
  for (const code of [() => { throw new Error('no SDK') }, () => Promise.reject(new Error('no SDK')), () => Promise.reject(), () => '', () => Promise.resolve(null)]) {
    await assert.rejects(phone({ code }).gateway.request({ url: '/orders' }), { name: 'GatewayError', status: 0, error: 'login_failed' })
  }
})

test('without a storage all works, at one login for each start', async () => {
  const p = phone()
  p.broken = 'storage'
  for (let start = 1; start <= 3; start++) {
    const gateway = createGateway({ baseURL: line.url, adapter: p.wx })
    await Promise.all([gateway.request({ url: '/orders' }), gateway.request({ url: '/orders' })])
    await gateway.request({ url: '/orders' })
    assert.equal(p.counts.login, start)
    if (start === 3) await gateway.logout()
  }
  const { getStorageSync, setStorageSync, removeStorageSync, ...none } = p.wx
  assert.equal((await createGateway({ baseURL: line.url, adapter: none }).request({ url: '/orders' })).data.openid, p.openid)
})

test('a storage that goes away keeps an old token, which is not asked again', async () => {
  const p = phone()
  await p.gateway.login()
  p.broken = 'storage' // it can be read again in a moment, and still holds the first token
  await world.endSessionsOf(p.openid)
  await p.gateway.request({ url: '/orders' })
  p.broken = ''
  await world.endSessionsOf(p.openid)
  assert.equal((await p.gateway.request({ url: '/orders' })).data.openid, p.openid)
  assert.equal(p.counts.login, 3)
})

test('waiting out a dead session and a busy backend at once ends well', async () => {
  const p = phone()
  await p.gateway.login()
  await world.endSessionsOf(p.openid)
  assert.equal((await p.gateway.request({ url: '/busy/1/dead' })).data.openid, p.openid)
  assert.equal(p.counts.login, 2)
})
