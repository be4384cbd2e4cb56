// webview.test.mjs: from a mini program into its web-view, by ticket.

import assert from 'node:assert/strict'
import http from 'node:http'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { createGateway } from '../dist/index.mjs'
import { createWx } from './support/wx.mjs'
import { startWorld } from './support/world.mjs'

const ends = []
after(async () => { for (const end of ends.reverse()) await end() })

describe('the address', () => {
  let base
  before(async () => {
    const server = http.createServer((_, response) => {
      response.setHeader('Content-Type', 'application/json')
      response.end('{"ticket":"a b&c/=","expires_in":60,"token":"t"}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    base = `http://127.0.0.1:${server.address().port}`
    ends.push(() => server.close())
  })

  for (const [path, site, target] of [
    ['/orders?id=1&x=%2F#end', '', '/orders?id=1&x=%2F#end'],
    ['orders', '', '/orders'],
    ['', '', '/'],
    ['//evil.example', '', '/evil.example'],
    ['https://www.example.com/orders?a', 'https://www.example.com', '/orders?a'],
    ['https://www.example.com', 'https://www.example.com', '/'],
    ['https://www.example.com?a', 'https://www.example.com', '/?a'],
  ]) {
    test(JSON.stringify(path), async () => {
      const gateway = createGateway({ baseURL: base, prefix: 'auth', adapter: createWx({ simURL: base }).wx, code: () => 'code' })
      const url = await gateway.webViewURL(path)
      assert.equal(url, `${site || base}/auth/enter?ticket=a%20b%26c%2F%3D&return=${encodeURIComponent(target)}`)
    })
  }
})

test('the gateway lets the same user in, once', async () => {
  const world = await startWorld({ after: f => ends.push(f) }, { site: 'web_login', others: { official: 'wxaaaaaaaaaaaaaaaa' } })
  const p = createWx({ simURL: world.simURL, openid: 'oWebView00000000000000000001' })
  const gateway = createGateway({ baseURL: world.url, adapter: p.wx, appid: 'wx0123456789abcdef' })
  const ticket = await gateway.ticket()
  assert.equal(ticket.expires_in, 60)
  const url = await gateway.webViewURL('/page?x=1')
  const enter = await fetch(url, { redirect: 'manual' })
  assert.deepEqual([enter.status, enter.headers.get('location')], [302, '/page?x=1'])
  const cookie = enter.headers.get('set-cookie').split(';')[0]
  const page = await (await fetch(world.url + '/page?x=1', { headers: { cookie } })).json()
  assert.equal(page.openid, p.openid)
  assert.equal((await fetch(url, { redirect: 'manual' })).status, 401)
  assert.ok(!url.includes(p.token()))
})
