// examples.test.mjs: the example mini program and the page do what they show.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findBrowser, openPage } from './support/browser.mjs'
import { openProgram } from './support/miniprogram.mjs'
import { program } from './support/programs.mjs'
import { createWx } from './support/wx.mjs'
import { appA, endWith, freePort, simulate, startWorld, until } from './support/world.mjs'

const here = fileURLToPath(new URL('..', import.meta.url))
const root = join(here, '../examples/miniprogram')
const npm = { 'caddy-wechat': join(here, 'miniprogram_dist/index.js') }
const json = path => JSON.parse(readFileSync(join(root, path), 'utf8'))

const ends = []
const t = { after: f => ends.push(f) }
after(async () => { for (const end of ends.reverse()) await end() })

let world, port
before(async () => {
  port = await freePort()
  const backend = spawn(process.execPath, [join(here, '../examples/h5/backend.mjs'), String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  endWith(t, backend)
  await new Promise(resolve => backend.stdout.once('data', resolve))
  world = await startWorld(t, { backendPort: port, site: 'web_login', others: { official: 'wxaaaaaaaaaaaaaaaa' } })
})

let phones = 0
function open(options = {}) {
  const p = createWx({ simURL: world.simURL, openid: 'oExample' + String(++phones).padStart(20, '0') })
  const program = openProgram(root, { wx: { ...p.wx, stopPullDownRefresh() {} }, npm })
  program.set('utils/config.js', { baseURL: world.url, appid: appA, simulator: '', ...options })
  return { ...p, p, program }
}

describe('the mini program', () => {
  const { pages } = json('app.json')

  test('is whole: each page has its files, and app.json and devtools know them', () => {
    for (const path of pages) for (const kind of ['js', 'json', 'wxml']) assert.ok(existsSync(join(root, `${path}.${kind}`)), `${path}.${kind}`)
    assert.deepEqual(readdirSync(join(root, 'pages')).map(name => `pages/${name}/${name}`).sort(), [...pages].sort())
    assert.equal(json('project.config.json').compileType, 'miniprogram')
    assert.equal(typeof json('package.json').dependencies['caddy-wechat'], 'string')
    assert.deepEqual(open().program.app(), {})
  })

  for (const path of pages) {
    test(`${path}: what its WXML calls and shows is there`, () => {
      const { program } = open()
      const page = program.page(path)
      const { handlers, data, pages: links } = program.markup(path)
      for (const handler of handlers) assert.equal(typeof page[handler], 'function', handler)
      for (const name of data) assert.ok(name in page.data, name)
      for (const link of links) assert.ok(pages.includes(link), link)
    })
  }

  test('logs in, shows who it is, and logs out', async () => {
    const { program, openid, counts } = open()
    const page = program.page('pages/index/index')
    await page.onShow()
    assert.equal(page.data.openid, openid)
    assert.deepEqual([page.data.busy, page.data.error, page.data.until !== ''], [false, '', true])
    await page.onLogout()
    assert.equal(page.data.openid, '')
    assert.deepEqual(await world.sessionsOf(openid), [])
    await page.onLogin()
    assert.equal(page.data.openid, openid)
    assert.equal(counts.login, 2)
  })

  test('shows orders, adds one, and tells what went wrong', async () => {
    const { program, p } = open()
    const page = program.page('pages/orders/orders')
    await page.onLoad()
    assert.deepEqual([page.data.orders, page.data.loaded], [[], true])
    await page.onAdd()
    await world.endSessionsOf(p.openid)
    await page.onAdd()
    await page.onPullDownRefresh()
    assert.deepEqual(page.data.orders.map(order => order.id), [2, 1])
    const other = open()
    other.p.broken = 'login'
    const poor = other.program.page('pages/orders/orders')
    await poor.onLoad()
    assert.equal(poor.data.error, '微信登录失败，请稍后再试')
  })

  test('the phone button, a picture and a name', async () => {
    const { program, p } = open()
    const page = program.page('pages/profile/profile')
    await page.onLoad()
    assert.equal(page.data.phone, '')
    await page.onPhone({ detail: { errMsg: 'getPhoneNumber:fail user deny' } })
    assert.equal(page.data.error, '你没有授权')
    const { code } = await simulate(world.simURL, 'phone', { openid: p.openid, appid: appA })
    await page.onPhone({ detail: { errMsg: 'getPhoneNumber:ok', code } })
    assert.match(page.data.phone, /^1\d{10}$/)
    p.storage.set('file wxfile://avatar', Buffer.from('a picture'))
    page.onAvatar({ detail: { avatarUrl: 'wxfile://avatar' } })
    await page.onSave({ detail: { value: { nickname: '小明' } } })
    assert.deepEqual([page.data.error, page.data.saved, page.data.nickname], ['', true, '小明'])
    assert.ok(p.calls.some(call => call.name === 'uploadFile' && call.body.includes('a picture')))
    const again = program.page('pages/profile/profile')
    await again.onLoad()
    assert.equal(again.data.phone, page.data.phone)
  })

  test('the socket talks, and comes back after its session has ended', async () => {
    const { program, p } = open()
    const page = program.page('pages/live/live')
    page.onLoad()
    page.onInput({ detail: { value: '你好' } })
    page.onSend()
    assert.match(page.data.error, /还没有连接/)
    await until('the connection', () => page.data.state === '已连接')
    page.onSend()
    await until('the echo', () => page.data.messages.length === 1)
    assert.match(page.data.messages[0].text, /: 你好$/)
    await until('the empty field', () => page.data.text === '')
    await world.endSessionsOf(p.openid)
    await until('its end', () => page.data.state === '正在重新连接…')
    await until('its return', () => page.data.state === '已连接')
    page.onUnload()
    await until('the end', () => page.data.state === '已断开')
    assert.equal(p.counts.login, 2)
  })

  test('the web-view gets an address that lets its user in, or says why not', async () => {
    const { program, openid } = open()
    const page = program.page('pages/web/web')
    await page.onLoad()
    assert.match(page.data.src, /\/wechat\/enter\?ticket=[^&]+&return=%2F$/)
    const enter = await fetch(page.data.src, { redirect: 'manual' })
    assert.deepEqual([enter.status, enter.headers.get('location')], [302, '/'])
    assert.equal((await world.sessionsOf(openid)).length, 2)
    const other = open()
    other.p.broken = 'login'
    const poor = other.program.page('pages/web/web')
    await poor.onLoad()
    assert.deepEqual([poor.data.src, poor.data.error], ['', '微信登录失败，请稍后再试'])
  })

  test('with the simulator for WeChat, its codes are asked for there', async () => {
    const openid = 'oExampleUser0000000000000000'
    const { program, counts } = open({ simulator: world.simURL, openid })
    const page = program.page('pages/index/index')
    await page.onShow()
    assert.deepEqual([page.data.openid, page.data.error, counts.login], [openid, '', 0])
  })
})

test('the Caddyfile of the page is one', () => {
  execFileSync(program('caddy'), ['validate', '--config', join(here, '../examples/h5/Caddyfile'), '--adapter', 'caddyfile'], { stdio: 'pipe', env: { ...process.env, HOME: here, XDG_DATA_HOME: '/nonexistent' } })
})

describe('the backend of the examples', () => {
  const at = (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init)

  test('serves the page with the library, and nothing else of the disk', async () => {
    for (const path of ['/', '/page.js', '/page.css', '/caddy-wechat/index.mjs', '/caddy-wechat/fetch.mjs', '/healthz']) assert.equal((await at(path)).status, 200, path)
    assert.match(await (await at('/caddy-wechat/index.mjs')).text(), /createGateway/)
    for (const path of ['/backend.mjs', '/%2e%2e/h5/backend.mjs', '/Caddyfile', '//etc/passwd']) assert.equal((await at(path)).status, 403, path)
  })

  test('knows nobody without the gateway, and takes no more than it can hold', async () => {
    assert.equal((await at('/orders')).status, 403)
    const headers = { 'X-WeChat-OpenID': 'o' }
    assert.equal((await at('/orders', { method: 'POST', headers, body: '{"title":7}' })).status, 400)
    assert.equal((await at('/orders', { method: 'POST', headers, body: '{' })).status, 400)
    assert.equal((await at('/orders', { method: 'POST', headers, body: 'x'.repeat(5000) })).status, 413)
    assert.equal((await at('/none', { headers })).status, 404)
    for (let i = 0; i < 25; i++) await at('/orders', { method: 'POST', headers, body: '{"title":"x"}' })
    assert.equal((await (await at('/orders', { headers })).json()).length, 20)
  })
})

describe('the page, in Chromium', { skip: findBrowser() ? false : 'there is no Chromium' }, () => {
  test('says that nobody is logged in, and with the cookie asks, uploads, connects and logs out', async test => {
    const site = await startWorld(t, { backendPort: port, hosts: ['localhost'], site: 'cookie\n\t\tpublic / /page.js /page.css /caddy-wechat/*', plain: true })
    const origin = `http://localhost:${site.port}`
    const openid = 'oInABrowser00000000000000001'
    const page = await openPage(test)
    await page.go(origin + '/')
    await page.text('who', /^未登录$/)
    assert.equal(await page.run('document.getElementById("login").hidden'), false)

    // what a login by redirect leaves behind: the cookie, and nothing that a script could read
    const { code } = await simulate(site.simURL, 'login', { openid, appid: appA })
    const status = await page.run(`fetch('/wechat/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify({ code }))} }).then(answer => answer.status)`)
    assert.equal(status, 200)
    await page.go(origin + '/')
    await page.text('who', new RegExp(openid))
    assert.deepEqual(await page.run('[document.cookie, localStorage.length, document.getElementById("login").hidden]'), ['', 0, true])
    await page.text('live', /: 你好$/)

    await page.click('add')
    await page.text('orders', /咖啡/)
    await page.run(`(() => {
      const files = new DataTransfer()
      files.items.add(new File(['a picture'], 'a.png', { type: 'image/png' }))
      document.querySelector('input[type=file]').files = files.files
      document.getElementById('photo').requestSubmit()
    })()`)
    await page.text('live', /"avatar":\d+/)

    // the operator ends the session: the next click finds out, and the page says so
    assert.equal(await site.endSessionsOf(openid), 1)
    await page.click('add')
    await page.text('who', /^未登录$/)

    const again = await simulate(site.simURL, 'login', { openid, appid: appA })
    await page.run(`fetch('/wechat/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify({ code: again.code }))} }).then(() => location.reload())`)
    await page.text('who', new RegExp(openid))
    await page.click('logout')
    await page.text('who', /^未登录$/)
    assert.deepEqual(await site.sessionsOf(openid), [])
    assert.equal(await page.run('document.getElementById("error").textContent'), '')
    assert.deepEqual(page.problems, [])
  })

  test('goes to WeChat by its button, and comes back logged in', async test => {
    const site = await startWorld(t, { backendPort: port, hosts: ['localhost'], plain: true, others: { website: 'wxbbbbbbbbbbbbbbbb' },
      site: 'web_login\n\t\tpublic / /page.js /page.css /caddy-wechat/*' })
    const openid = 'oByQRCode0000000000000000001'
    const page = await openPage(test)
    await page.go(`http://localhost:${site.port}/?tab=1`)
    await page.text('who', /^未登录$/)
    await page.click('login')
    const wechat = new URL(site.simURL).host
    await until('the page of WeChat', () => page.run(`location.host === ${JSON.stringify(wechat)} && document.readyState === 'complete'`).catch(() => false))
    await page.run(`location.href = location.href.replace(/#.*/, '') + '&sim_user=${openid}'`)
    await page.text('who', new RegExp(openid))
    assert.equal(await page.run('location.pathname + location.search'), '/?tab=1')
    await page.click('add')
    await page.text('orders', /咖啡/)
    assert.equal((await site.sessionsOf(openid, 'wxbbbbbbbbbbbbbbbb')).length, 1)
    assert.deepEqual(page.problems, [])
  })
})
