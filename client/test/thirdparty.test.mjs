// thirdparty.test.mjs: other libraries, unmodified, log in by the very configurations of docs/other-clients.md.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createWx, uniOf } from './support/wx.mjs'
import { startWorld } from './support/world.mjs'

const here = fileURLToPath(new URL('..', import.meta.url))
const ends = []
after(async () => { for (const end of ends.reverse()) await end() })
let world
before(async () => { world = await startWorld({ after: f => ends.push(f) }) })

/** The code under a heading of a page. */
function section(page, heading) {
  const found = new RegExp(`\n## ${heading}\n[^]*?\`\`\`js\n([^]*?)\`\`\``).exec(readFileSync(here + '../docs/' + page, 'utf8'))
  assert.ok(found, `${page} has no code for ${heading}`)
  return found[1]
}

/** Bundles a configuration with its library, as a mini program is, and starts it on a phone. */
async function start(heading, p) {
  const contents = section('other-clients.md', heading).replaceAll('https://api.example.com', world.url)
  assert.ok(contents.includes(world.url))
  const { outputFiles: [file] } = await build({
    stdin: { contents, resolveDir: here, sourcefile: heading + '.js' }, bundle: true, write: false, format: 'cjs', target: 'es2017', platform: 'browser',
    mainFields: ['browser', 'module', 'main'], define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error',
  })
  const module = { exports: {} }
  new Function('module', 'exports', 'wx', 'uni', file.text)(module, module.exports, p.wx, uniOf(p.wx))
  return module.exports
}

const libraries = {
  'luch-request': ({ http }) => ({
    get: url => http.get(url).then(answer => answer.data),
    post: (url, data) => http.post(url, data).then(answer => answer.data),
    logout: () => http.post('/wechat/logout').then(answer => answer.statusCode),
    upload: filePath => http.upload('/photos', { filePath, name: 'photo' }).then(answer => typeof answer.data === 'string' ? JSON.parse(answer.data) : answer.data),
  }),
  alova: ({ api }) => ({
    get: url => api.Get(url).send(),
    post: (url, data) => api.Post(url, data).send(),
    logout: () => api.Post('/wechat/logout').send().then(() => 204),
    upload: filePath => api.Post('/photos', { filePath, name: 'photo' }, { requestType: 'upload' }).send().then(JSON.parse),
  }),
  flyio: ({ fly }) => ({
    get: url => fly.get(url).then(answer => answer.data),
    post: (url, data) => fly.post(url, data).then(answer => answer.data),
    logout: () => fly.post('/wechat/logout').then(answer => answer.status),
  }),
  'uni-ajax': ({ instance }) => ({
    get: url => instance.get(url).then(answer => answer.data),
    post: (url, data) => instance.post(url, data).then(answer => answer.data),
    logout: () => instance.post('/wechat/logout').then(answer => answer.statusCode),
  }),
}

let phones = 0
for (const [name, idioms] of Object.entries(libraries)) {
  test(`${name} logs in by its configuration alone, once for all`, async () => {
    const p = createWx({ simURL: world.simURL, openid: 'oThird' + String(++phones).padStart(22, '0') })
    const library = idioms(await start(name, p))
    for (const [what, f] of Object.entries(library)) {
      // a library's error holds the token, which a report must not
      library[what] = (...args) => f(...args).catch(error => { throw new Error(`${what} failed: ${(error && (error.statusCode || error.status || error.message)) || error}`) })
    }
    const many = f => Promise.all(Array.from({ length: 10 }, (_, i) => f(i)))

    assert.ok((await many(i => library.get('/cold/' + i))).every(data => data.openid === p.openid))
    assert.deepEqual([p.counts.login, p.counts.logins], [1, 1], 'ten at a cold start')
    const token = p.storage.get('token')

    assert.equal((await library.post('/orders', { a: 1 })).body, '{"a":1}')
    assert.equal(await world.endSessionsOf(p.openid), 1)
    const answers = await many(i => library.post('/dead/' + i, { i }))
    assert.deepEqual(answers.map(data => [data.openid, JSON.parse(data.body).i]), Array.from({ length: 10 }, (_, i) => [p.openid, i]))
    assert.deepEqual([p.counts.login, p.counts.logins], [2, 2], 'ten on a dead session')
    assert.notEqual(p.storage.get('token'), token)

    if (library.upload) {
      await world.endSessionsOf(p.openid)
      p.storage.set('file wxfile://a', Buffer.from('the bytes'))
      assert.match((await library.upload('wxfile://a')).body, /the bytes/)
      assert.deepEqual([p.counts.login, p.counts.logins], [3, 3], 'an upload on a dead session')
    }
    assert.equal(await library.logout(), 204)
    assert.deepEqual(await world.sessionsOf(p.openid), [])
    assert.ok(p.calls.every(call => !call.url.includes('eyJ') && !call.body.includes('eyJ')), 'a token stands in a URL or a body')
    assert.equal(world.backend.seen.filter(call => /^\/dead\//.test(call.path) && call.openid === p.openid).length, 10)
  })
}

describe('the pages', () => {
  const withoutComments = code => code.replace(/ *\/\/ .*$/gm, '')
  for (const name of [...Object.keys(libraries), 'weRequest']) {
    test(`${name} has the same code in both languages`, () => {
      assert.equal(withoutComments(section('other-clients.zh-CN.md', name)), withoutComments(section('other-clients.md', name)))
    })
  }
})
