// built.test.mjs: the files that are shipped: their size, their language, and where they can be had from.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build, transformSync } from 'esbuild'
import { loadOnPhone } from './support/phone.mjs'
import { createWx } from './support/wx.mjs'
import { startWorld } from './support/world.mjs'

const here = fileURLToPath(new URL('..', import.meta.url))
const library = ['dist/index.js', 'dist/index.mjs', 'dist/miniprogram.mjs', 'miniprogram_dist/index.js']
const files = [...library, 'dist/fetch.js', 'dist/fetch.mjs']
const read = name => readFileSync(join(here, name), 'utf8')
const manifest = JSON.parse(read('package.json'))

const minified = (text, format) => Buffer.byteLength(transformSync(text, { minify: true, target: 'es2015', charset: 'utf8', format }).code)

// The adapter that plays wx by a page's fetch is a platform, not the library, and a file of its own.
test('each build of the library has at most 6 KiB, minified; the adapter for fetch has 2 KiB beside it', () => {
  const most = Object.assign({}, ...files.map(name => ({ [name]: library.includes(name) ? 6 * 1024 : 2 * 1024 })))
  for (const [name, limit] of Object.entries(most)) {
    const size = minified(read(name), name.endsWith('.mjs') ? 'esm' : 'cjs')
    assert.ok(size > limit / 2 && size <= limit, `${name}: ${size} bytes`)
  }
  // and nothing of it lies anywhere else
  const shipped = [...readdirSync(join(here, 'dist')).map(name => 'dist/' + name), ...readdirSync(join(here, 'miniprogram_dist')).map(name => 'miniprogram_dist/' + name)]
  assert.deepEqual(shipped.filter(name => !name.endsWith('.d.ts')).sort(), [...files].sort())
})

test('the syntax is ES2015, without generators and async', () => {
  for (const name of files) {
    const code = read(name)
    const modern = transformSync(code, { target: 'esnext' }).code
    assert.equal(transformSync(code, { target: 'es2015' }).code, modern, name + ' needs a newer engine')
    assert.doesNotMatch(code, /\basync\b|\bawait\b|\byield\b|function ?\*/, name)
  }
})

test('what phones do not have, or have broken, is not named', () => {
  for (const name of files) {
    const code = read(name).replace(/^\s*\/\/.*$/gm, '')
    for (const word of ['finally', 'globalThis', 'Proxy', 'AbortController', 'new URL', 'URLSearchParams', 'TextDecoder', 'TextEncoder', 'Headers', 'atob', 'btoa',
      'fromEntries', 'allSettled', 'Promise.any', 'eval', 'new Function', 'queueMicrotask', 'structuredClone', 'window', 'process', 'Buffer', 'Object.entries', 'Object.values', 'padStart', '.flat', '(?<']) {
      assert.ok(!(/^\w+$/.test(word) ? new RegExp(`\\b${word}\\b`).test(code) : code.includes(word)), `${name} has ${word}`)
    }
  }
  for (const name of ['dist/miniprogram.mjs', 'miniprogram_dist/index.js']) {
    for (const word of ['fetch', 'localStorage', 'location', 'FormData', 'WebSocket']) assert.ok(!read(name).includes(word), word)
  }
})

test('loading it does nothing: without any platform, and twice', () => {
  for (const name of ['dist/index.js', 'miniprogram_dist/index.js']) {
    const { exports, context } = loadOnPhone(join(here, name))
    assert.deepEqual(Object.keys(exports).filter(key => key !== 'fetchAdapter').sort(), ['GatewayError', '__esModule', 'createGateway'])
    assert.deepEqual(Object.keys(context).sort(), ['clearTimeout', 'console', 'setTimeout'])
  }
})

describe('on a phone with ES2015 alone', () => {
  const ends = []
  after(async () => { for (const end of ends.reverse()) await end() })
  let world
  before(async () => { world = await startWorld({ after: f => ends.push(f) }) })

  for (const task of [false, true]) {
    for (const name of ['dist/index.js', 'miniprogram_dist/index.js']) {
      test(`${name} logs in, asks, uploads, connects and logs out${task ? ', with promises made of tasks' : ''}`, async test => {
        const p = createWx({ simURL: world.simURL, openid: 'oBuilt' + name.length + task + '0'.repeat(15) })
        const { createGateway } = loadOnPhone(join(here, name), { more: { wx: p.wx }, task }).exports
        const gateway = createGateway({ baseURL: world.url })
        const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => gateway.request({ url: '/orders/' + i })))
        assert.ok(answers.every(answer => answer.data.openid === p.openid))
        await world.endSessionsOf(p.openid)
        p.storage.set('file wxfile://a', Buffer.from('x'))
        await Promise.all([...Array.from({ length: 9 }, () => gateway.request({ url: '/orders' })), gateway.upload({ url: '/photos', filePath: 'wxfile://a', name: 'a' })])
        assert.deepEqual([p.counts.login, p.counts.logins], [2, 2])
        const socket = gateway.connect({ url: '/live' })
        test.after(() => socket.close())
        const echo = new Promise((resolve, reject) => {
          socket.onOpen(() => socket.send({ data: 'hello' }))
          socket.onMessage(message => resolve(message.data))
          socket.onError(reject)
        })
        assert.equal(await echo, p.openid + ': hello')
        const refused = await gateway.request({ url: '/status/404' }).then(assert.fail, error => error)
        assert.deepEqual([refused.name, refused.status, refused.error], ['GatewayError', 404, 'of_the_backend'])
        await gateway.logout()
        assert.deepEqual(await world.sessionsOf(p.openid), [])
      })
    }
  }
})

describe('the package', () => {
  const dir = mkdtempSync(join(tmpdir(), 'caddy-wechat-npm-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  const installed = join(dir, 'node_modules', 'caddy-wechat')

  before(() => {
    // what npm would publish, and nothing else
    const [{ files: list }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: here, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
    for (const { path } of list) cpSync(join(here, path), join(installed, path))
  })

  test('holds what it names, and no dependencies', () => {
    for (const name of [manifest.main, manifest.module, manifest.types, manifest.miniprogram + '/index.js', manifest.miniprogram + '/index.d.ts', 'LICENSE', 'README.md', 'README.zh-CN.md']) {
      assert.ok(readFileSync(join(installed, name)).length > 0, name)
    }
    assert.deepEqual(readdirSync(installed).sort(), ['LICENSE', 'README.md', 'README.zh-CN.md', 'dist', 'miniprogram_dist', 'package.json'])
    for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies']) assert.equal(manifest[kind], undefined)
    assert.equal(manifest.license, 'Apache-2.0')
    assert.equal(manifest.browser, undefined, 'Taro would take it for mini programs')
  })

  test('is found by require and by import', async () => {
    const loaded = createRequire(join(dir, 'x.js'))('caddy-wechat')
    assert.equal(typeof loaded.createGateway, 'function')
    writeFileSync(join(dir, 'x.mjs'), 'import { createGateway, GatewayError, fetchAdapter } from "caddy-wechat"; console.log(typeof createGateway, typeof GatewayError, typeof fetchAdapter)')
    assert.equal(execFileSync(process.execPath, [join(dir, 'x.mjs')], { encoding: 'utf8' }).trim(), 'function function function')
  })

  test('构建npm copies a folder that needs nothing', () => {
    const built = join(dir, 'miniprogram_npm', 'caddy-wechat')
    cpSync(join(installed, manifest.miniprogram), built, { recursive: true })
    const { createGateway, GatewayError } = loadOnPhone(join(built, 'index.js'), { more: { wx: { request() {}, login() {} } } }).exports
    assert.equal(typeof createGateway({ baseURL: 'https://api.example.com' }).request, 'function')
    assert.equal(typeof GatewayError, 'function')
    assert.doesNotMatch(readFileSync(join(built, 'index.js'), 'utf8'), /\brequire\s*\(/)
  })

  for (const [bundler, mainFields, conditions] of [
    ['Taro', ['browser', 'module', 'jsnext:main', 'main'], []],
    ['webpack without exports', ['main'], []],
    ['vite, as in uni-app', ['browser', 'module', 'main'], ['module', 'browser', 'production']],
  ]) {
    test('is bundled by ' + bundler, async () => {
      writeFileSync(join(dir, 'app.js'), 'import { createGateway } from "caddy-wechat"; out(createGateway({ baseURL: "https://api.example.com" }))')
      const { outputFiles: [file] } = await build({ entryPoints: [join(dir, 'app.js')], bundle: true, write: false, mainFields, conditions, target: 'es2015', format: 'iife' })
      let gateway
      new Function('wx', 'out', file.text)({ request() {} }, value => { gateway = value })
      assert.equal(typeof gateway.connect, 'function')
    })
  }

  // What a program carries that imports the one or the other.
  for (const [name, most] of [['caddy-wechat', 8 * 1024], ['caddy-wechat/miniprogram_dist', 6 * 1024]]) {
    test(`${name} brings at most ${most / 1024} KiB into a bundle`, async () => {
      writeFileSync(join(dir, 'size.js'), `export { createGateway, GatewayError } from "${name}"`)
      const { outputFiles: [file] } = await build({ entryPoints: [join(dir, 'size.js')], bundle: true, write: false, target: 'es2015', format: 'esm', charset: 'utf8', minify: true })
      assert.ok(file.contents.length > 4000 && file.contents.length <= most, `${file.contents.length} bytes`)
      assert.equal(/\bfetch\(/.test(file.text), name === 'caddy-wechat')
    })
  }

  test('its types need nobody else\'s', () => {
    writeFileSync(join(dir, 'use.ts'), `import { createGateway, GatewayError, type Gateway } from 'caddy-wechat'
const gateway: Gateway = createGateway({ baseURL: 'https://api.example.com' })
gateway.request<{ id: string }[]>({ url: '/orders' }).then(({ data }) => data[0]!.id.length, (e: GatewayError) => e.status.toFixed())
import { createGateway as inMiniProgram, type Gateway as Same } from 'caddy-wechat/miniprogram_dist'
export const same: Same = inMiniProgram({ baseURL: 'https://api.example.com' })
`)
    for (const options of [['--module', 'esnext', '--moduleResolution', 'bundler'], ['--module', 'nodenext', '--moduleResolution', 'nodenext']]) {
      execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', '--strict', '--noUncheckedIndexedAccess', '--target', 'es2015', '--lib', 'es2015', '--types', '', ...options, join(dir, 'use.ts')], { stdio: 'pipe', encoding: 'utf8' })
    }
  })
})
