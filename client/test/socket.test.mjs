// socket.test.mjs: sockets that find out why they were refused, and connect again when asked to.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createGateway } from '../dist/index.mjs'
import { createWx } from './support/wx.mjs'
import { sleep, startLine, startWorld, until } from './support/world.mjs'

const ends = []
const t = { after: f => ends.push(f) }
after(async () => { for (const end of ends.reverse()) await end() })

let world
before(async () => { world = await startWorld(t) })

let phones = 0
function phone(options = {}) {
  const p = createWx({ simURL: world.simURL, openid: 'oSocket' + String(++phones).padStart(21, '0') })
  p.gateway = createGateway({ baseURL: world.url, adapter: p.wx, ...options })
  return p
}
/** A socket that writes down what happens to it, and is closed after the test. */
function listen(test, socket) {
  const s = { socket, opened: 0, messages: [], closed: [], errors: [] }
  socket.onOpen(() => { s.opened++ })
  socket.onMessage(message => s.messages.push(message.data))
  socket.onClose(end => s.closed.push(end))
  socket.onError(error => s.errors.push(error))
  test.after(() => socket.close())
  s.open = (n = 1) => until(`connection ${n}`, () => s.opened >= n)
  s.over = () => until('the end', () => s.closed.some(end => !end.again))
  s.says = async text => {
    const before = s.messages.length
    socket.send({ data: text })
    await until('an echo', () => s.messages.length > before)
    return s.messages[s.messages.length - 1]
  }
  return s
}
const sessionCalls = p => p.calls.filter(call => call.url.endsWith('/wechat/session')).length

test('a socket logs in, carries the token in its handshake and talks', async test => {
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: '/live?room=1', header: { 'X-Mine': 'yes', authorization: 'x' } }))
  await s.open()
  assert.equal(await s.says('hello'), p.openid + ': hello')
  const call = world.backend.seen.filter(seen => seen.method === 'UPGRADE').pop()
  assert.deepEqual([call.url, call.headers['x-mine'], call.openid], ['/live?room=1', 'yes', p.openid])
  s.socket.send({ data: new Uint8Array([1, 2, 255]).buffer })
  await until('the bytes', () => s.messages.length === 2)
  assert.deepEqual([...new Uint8Array(s.messages[1])], [1, 2, 255])
  assert.equal(p.counts.login, 1)
  assert.ok(p.calls.every(made => !made.url.includes(p.token())))
  s.socket.close({ code: 1000, reason: 'enough' })
  await s.over()
  assert.deepEqual(s.closed.map(end => [end.code, end.again]), [[1000, false]])
  assert.deepEqual(s.errors, [])
})

test('a handshake with a dead token logs in and is made again, asked or not', async test => {
  const p = phone()
  await p.gateway.login()
  await world.endSessionsOf(p.openid)
  const s = listen(test, p.gateway.connect({ url: '/live' }))
  await s.open()
  assert.equal(await s.says('hello'), p.openid + ': hello')
  assert.deepEqual([p.counts.login, s.opened, s.closed.length, s.errors.length], [2, 1, 0, 0])
})

test('four sockets and four requests on a dead session are one login', async test => {
  const p = phone()
  await p.gateway.login()
  await world.endSessionsOf(p.openid)
  const sockets = [1, 2, 3, 4].map(() => listen(test, p.gateway.connect({ url: '/live' })))
  await Promise.all([...sockets.map(s => s.open()), ...[1, 2, 3, 4].map(() => p.gateway.request({ url: '/orders' }))])
  assert.deepEqual([p.counts.login, p.counts.logins], [2, 2])
})

test('a socket whose session ends logs in and connects again when asked to', async test => {
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await s.open()
  await world.endSessionsOf(p.openid)
  await s.open(2)
  assert.equal(await s.says('again'), p.openid + ': again')
  assert.deepEqual(s.closed.map(end => end.again), [true])
  assert.deepEqual([p.counts.login, s.errors.length], [2, 0])
})

test('and only ends where nobody asked', async test => {
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: '/live' }))
  await s.open()
  await world.endSessionsOf(p.openid)
  await s.over()
  await sleep(1500)
  assert.deepEqual([p.counts.login, s.opened, s.closed.length], [1, 1, 1])
})

test('a logout ends sockets, and none of them logs in again', async test => {
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await s.open()
  await p.gateway.logout()
  await s.over()
  await sleep(1500)
  assert.deepEqual([p.counts.login, s.opened, s.closed.map(end => end.again)], [1, 1, [false]])
})

test('a server that is done (1000) is not called again, one that breaks off is, without a login', async test => {
  const p = phone()
  const one = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await one.open()
  one.socket.send({ data: 'close 1000' })
  await one.over()
  assert.deepEqual(one.closed, [{ code: 1000, reason: 'as asked', again: false }])

  const two = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await two.open()
  two.socket.send({ data: 'close 4001' })
  await two.open(2)
  two.socket.send({ data: 'drop' })
  await two.open(3)
  assert.deepEqual(two.closed.map(end => [end.code, end.again]), [[4001, true], [1006, true]])
  assert.equal(p.counts.login, 1)
})

test('a handshake that the backend refuses is an error, after one question and no login', async test => {
  const p = phone()
  await p.gateway.login()
  const s = listen(test, p.gateway.connect({ url: '/refuse' }))
  await s.over()
  assert.deepEqual([p.counts.login, p.counts.sockets, sessionCalls(p)], [1, 1, 1])
  assert.deepEqual(s.errors.map(error => [error.name, error.status, error.error]), [['GatewayError', 0, 'network_error']])
  assert.deepEqual(s.closed.map(end => end.again), [false])
})

test('and on a dead session after one question, one login and one more handshake', async test => {
  const p = phone()
  await p.gateway.login()
  await world.endSessionsOf(p.openid)
  const s = listen(test, p.gateway.connect({ url: '/refuse' }))
  await s.over()
  await sleep(100)
  assert.deepEqual([p.counts.login, p.counts.sockets, sessionCalls(p), s.closed.length], [2, 2, 2, 1]) // the question is repeated after its 401
})

test('a logout between two connections is the end, without a login', async test => {
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await s.open()
  s.socket.send({ data: 'drop' })
  await until('its end', () => s.closed.length)
  await p.gateway.logout()
  await s.over()
  await sleep(300)
  assert.deepEqual([p.counts.login, s.opened, s.closed.map(end => end.again)], [1, 1, [true, false]])
})

test('a network that is away for a while is waited for', async test => {
  const line = await startLine(t, world.port)
  const p = phone({ baseURL: line.url })
  const s = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await s.open()
  line.cut = () => 0
  line.hangUp()
  await until('some attempts', () => p.counts.sockets >= 3)
  assert.equal(s.closed.length, 1)
  line.cut = () => undefined
  await s.open(2)
  assert.equal(await s.says('back'), p.openid + ': back')
  assert.deepEqual([p.counts.login, s.errors.length], [1, 0])
})

test('a login that is refused ends the socket with that error; one that cannot be answered is tried again', async test => {
  const p = phone()
  await world.fault({ path: '/sns/jscode2session', errcode: 40226, times: 1 })
  const s = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await s.over()
  assert.deepEqual(s.errors.map(error => [error.status, error.error]), [[403, 'access_denied']])

  await world.fault({ path: '/sns/jscode2session', errcode: -1, times: 1 })
  const again = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await again.open()
  assert.deepEqual([again.errors.length, p.counts.login], [0, 3])

  await world.endSessionsOf(p.openid)
  await until('its end', () => again.closed.length)
  again.socket.close()
  const asked = phone()
  await world.fault({ path: '/sns/jscode2session', errcode: -1, times: 1 })
  const once = listen(test, asked.gateway.connect({ url: '/live' }))
  await once.over()
  assert.deepEqual(once.errors.map(error => [error.status, error.error]), [[503, 'temporarily_unavailable']])
})

test('a login that is told when to come again is not made before', async test => {
  const p = phone()
  const began = []
  const gateway = createGateway({ baseURL: world.url, adapter: { ...p.wx,
    login(o) {
      began.push(Date.now())
      p.wx.login(o)
    },
    request(o) {
      if (began.length > 1) return p.wx.request(o)
      setImmediate(o.success, { statusCode: 503, header: { 'retry-after': '3' }, data: { error: 'temporarily_unavailable' } })
    },
  } })
  const s = listen(test, gateway.connect({ url: '/live', reconnect: true }))
  await s.open()
  assert.ok(began[1] - began[0] >= 2990, `${began[1] - began[0]} ms`)
})

test('pauses grow while connections fail, and are short again after one that lasted', async test => {
  const { now } = Date
  test.after(() => { Date.now = now })
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  const pauses = []
  for (let n = 1; n <= 4; n++) {
    await s.open(n)
    if (n === 4) Date.now = () => now() + 6000 // this one has lasted
    s.socket.send({ data: 'drop' })
    await until('its end', () => s.closed.length === n)
    const ended = now()
    await s.open(n + 1)
    pauses.push(now() - ended)
  }
  assert.ok(pauses[1] > 990 && pauses[2] > 1990 && pauses[3] < 1990, `pauses of ${pauses} ms`)
})

test('close ends it at any time', async test => {
  const p = phone()
  const early = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  early.socket.close()
  await sleep(300)
  assert.deepEqual([early.opened, early.closed.length, p.counts.sockets], [0, 1, 0])

  const fresh = phone()
  fresh.loginDelay = 200
  const unborn = listen(test, fresh.gateway.connect({ url: '/live', reconnect: true }))
  await until('the login', () => fresh.counts.login === 1)
  unborn.socket.close()
  await until('the end of the login', () => fresh.token())
  await sleep(100)
  assert.deepEqual([unborn.opened, unborn.closed.length, fresh.counts.sockets], [0, 1, 0])

  const gateway = createGateway({ baseURL: world.url, adapter: { ...p.wx, connectSocket(o) {
    queueMicrotask(() => during.socket.close())
    return p.wx.connectSocket(o)
  } } })
  const during = listen(test, gateway.connect({ url: '/live', reconnect: true }))
  await during.over()
  await sleep(300)
  assert.deepEqual([during.opened, p.counts.sockets], [0, 1])

  const waiting = listen(test, p.gateway.connect({ url: '/live', reconnect: true }))
  await waiting.open()
  waiting.socket.send({ data: 'drop' })
  await until('its end', () => waiting.closed.length)
  waiting.socket.close()
  await sleep(1500)
  assert.deepEqual([waiting.opened, waiting.closed.map(end => end.again)], [1, [true, false]])
})

test('what fails after close is not told: one end is enough', async test => {
  const hanging = phone({ loginTimeout: 300 }) // the login ends after the socket was closed
  hanging.broken = 'hang'
  const unborn = listen(test, hanging.gateway.connect({ url: '/live' }))
  await until('the login', () => hanging.counts.login === 1)
  unborn.socket.close()
  await sleep(600)
  assert.deepEqual([unborn.closed, unborn.errors], [[{ code: 1000, reason: '', again: false }], []])

  const p = phone() // and so does the question whether the session lives
  await p.gateway.login()
  const gateway = createGateway({ baseURL: world.url, adapter: { ...p.wx, request(o) {
    asked.socket.close()
    setImmediate(o.fail, { errMsg: 'request:fail' })
  } } })
  const asked = listen(test, gateway.connect({ url: '/refuse' }))
  await asked.over()
  await sleep(100)
  assert.deepEqual([asked.closed.length, asked.errors], [1, []])
})

test('send before the opening fails as with wx, and a foreign address is refused', async test => {
  const p = phone()
  const s = listen(test, p.gateway.connect({ url: 'ws' + world.url.slice(4) + '/live' }))
  const failed = await new Promise(fail => s.socket.send({ data: 'early', fail }))
  assert.match(failed.errMsg, /not open/)
  await s.open()
  const foreign = listen(test, p.gateway.connect({ url: 'wss://evil.example/live', reconnect: true }))
  await foreign.over()
  assert.deepEqual(foreign.errors.map(error => error.error), ['invalid_request'])
  assert.equal(foreign.closed.length, 1)
  assert.equal(p.counts.sockets, 1)
})

test('more sockets than the platform takes are an error', async test => {
  const p = phone()
  const sockets = Array.from({ length: 5 }, () => listen(test, p.gateway.connect({ url: '/live' })))
  await Promise.all(sockets.map(s => s.open()))
  const sixth = listen(test, p.gateway.connect({ url: '/live' }))
  await sixth.over()
  assert.deepEqual([sixth.errors.length, sixth.closed.length], [1, 1])
  assert.equal(sixth.errors[0].name, 'GatewayError')
})
