// flight.test.mjs: properties of the single flight, under schedules that nobody would think of.
//
// The platform is a model here: its answers wait in a bag, and a seeded generator says which comes next. The same runs
// are made with the engine's promises and with those of old phones, whose continuations are tasks.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as native from '../dist/index.mjs'
import { loadOnPhone } from './support/phone.mjs'

const runs = +(process.env.RUNS || 60)
const built = fileURLToPath(new URL('../miniprogram_dist/index.js', import.meta.url))

// mulberry32
function generator(seed) {
  return n => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % n
  }
}

/** WeChat, a gateway with its sessions, and the network between, as far as a login can tell. */
function model(random) {
  const bag = [] // what may happen next
  const live = new Set()
  const codes = new Set()
  const m = {
    bag, live, under: 0, most: 0, logins: 0, refusals: 0, sent: new Map(), storage: new Map(), storageBroken: false, failing: 0,
    problems: [],
  }
  let serial = 0
  const claim = (ok, text) => { if (!ok) m.problems.push(text) }
  const bearer = o => (/^Bearer (.+)$/.exec((o.header || {}).Authorization || '') || [])[1]
  const store = f => (...args) => {
    if (m.storageBroken && random(2)) throw new Error('storage')
    return f(...args)
  }
  m.wx = {
    login(o) {
      m.under++
      m.most = Math.max(m.most, m.under)
      m.logins++
      bag.push(() => {
        if (m.failing && random(4) === 0) {
          m.under--
          return o.fail({ errMsg: 'login:fail' })
        }
        const code = 'code' + ++serial
        codes.add(code)
        o.success({ code })
      })
    },
    request(o) {
      const path = o.url.replace('https://gateway.test', '')
      const token = bearer(o)
      // arrives, and later is answered
      bag.push(() => {
        let answer = { statusCode: 200, data: { ok: true } }
        if (path === '/wechat/login') {
          claim(codes.delete(o.data.code), 'a code was sent twice')
          if (m.failing && random(4) === 0) answer = random(2) ? null : { statusCode: 503, data: { error: 'temporarily_unavailable' } }
          else {
            if (token) live.delete(token)
            const fresh = 'token' + ++serial
            live.add(fresh)
            answer = { statusCode: 200, data: { token: fresh, openid: 'o' } }
          }
        } else if (path === '/wechat/logout') {
          answer = live.delete(token) ? { statusCode: 204, data: '' } : { statusCode: 401, data: { error: 'invalid_token' } }
        } else {
          m.sent.set(path, (m.sent.get(path) || 0) + 1)
          if (!live.has(token)) answer = { statusCode: 401, data: { error: 'invalid_token' } }
          if (answer.statusCode === 401) m.refusals++
        }
        bag.push(() => {
          if (path === '/wechat/login') m.under--
          answer ? o.success(answer) : o.fail({ errMsg: 'request:fail' })
        })
      })
    },
    getStorageSync: store(key => m.storage.get(key) || ''),
    setStorageSync: store((key, value) => m.storage.set(key, value)),
    removeStorageSync: store(key => m.storage.delete(key)),
  }
  return m
}

// Until no promise has anything left to do: some rounds of tasks, each with its microtasks.
async function settle() {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

async function run(library, seed, { hostile }) {
  const random = generator(seed)
  const m = model(random)
  const gateway = library.createGateway({ baseURL: 'https://gateway.test', adapter: m.wx })
  const outcomes = []
  let asked = 0
  let kills = 0
  let logins = 0 // asked for by name
  let logouts = 0
  const ask = () => {
    const path = '/r' + ++asked
    const outcome = { path, asked, state: 'waiting' }
    outcomes.push(outcome)
    gateway.request({ url: path }).then(() => { outcome.state = 'done' }, error => {
      outcome.state = 'failed'
      outcome.error = error
    })
  }
  for (let step = 0; step < 60; step++) {
    const what = random(12)
    if (what < 4) ask()
    else if (what === 4) {
      kills++
      m.live.clear()
    } else if (what === 5 && hostile) {
      logins++
      gateway.login().then(() => {}, () => {})
    } else if (what === 6 && hostile && random(3) === 0) {
      logouts++
      gateway.logout().then(() => {}, () => {})
    } else if (what === 7 && hostile) m.failing = random(2)
    else if (what === 8 && hostile) m.storageBroken = random(3) === 0
    else if (m.bag.length) m.bag.splice(random(m.bag.length), 1)[0]()
    if (random(3)) await settle()
    else await null
  }
  m.failing = 0
  m.storageBroken = false
  for (let i = 0, quiet = 0; quiet < 3; i++) {
    await settle()
    quiet = m.bag.length ? 0 : quiet + 1
    if (m.bag.length) m.bag.splice(random(m.bag.length), 1)[0]()
    assert.ok(i < 5000, 'it never ends')
  }

  assert.deepEqual(m.problems, [])
  assert.ok(m.most <= 1, `${m.most} logins at once`)
  for (const { path, state, error } of outcomes) {
    assert.notEqual(state, 'waiting', path + ' was forgotten')
    assert.ok((m.sent.get(path) || 0) <= 2, `${path} was sent ${m.sent.get(path)} times`)
    if (state === 'failed') {
      assert.equal(error.name, 'GatewayError')
      // twice refused: killed between the login and the repeat, or ended by a logout
      if (!hostile) assert.deepEqual([error.status, m.sent.get(path)], [401, 2], `${path}: ${error}`)
    } else assert.ok(m.sent.get(path) >= 1)
  }
  if (!hostile) assert.ok(m.logins <= kills + 1, `${m.logins} logins for ${kills} ended sessions`)
  else assert.ok(m.logins <= 1 + kills + logins + logouts + m.refusals + outcomes.filter(o => o.state === 'failed').length)

  // and afterwards all is well
  const last = gateway.request({ url: '/last' })
  for (let i = 0; i < 12; i++) {
    await settle()
    if (m.bag.length) m.bag.shift()()
  }
  assert.equal((await last).statusCode, 200)
  assert.ok(m.live.size <= 1 + kills + logouts + logins, 'sessions leak')
}

for (const [name, library] of [
  ['promises of the engine', () => native],
  ['promises made of tasks, ES2015', () => loadOnPhone(built, { task: true }).exports],
]) {
  describe(name, () => {
    for (const hostile of [false, true]) {
      test(`${runs} schedules${hostile ? ' with logouts, failing logins and a failing storage' : ''}`, async () => {
        for (let seed = 1; seed <= runs; seed++) {
          try {
            await run(library(), seed + (hostile ? 1e6 : 0), { hostile })
          } catch (error) {
            error.message = `seed ${seed}: ${error.message}`
            throw error
          }
        }
      })
    }
  })
}
