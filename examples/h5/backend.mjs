// backend.mjs: the backend of both examples, without a package: node backend.mjs [port]
//
// It knows its users by X-WeChat-OpenID, which only the gateway can set, and so listens on this machine alone. It keeps
// everything in memory, and serves the page of this folder.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const orders = new Map() // of each openid; the newest twenty
const profiles = new Map()
const files = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript'],
  '/page.css': ['page.css', 'text/css'],
  // a real page gets these two from its bundler
  '/caddy-wechat/index.mjs': ['../../client/dist/index.mjs', 'text/javascript'],
  '/caddy-wechat/fetch.mjs': ['../../client/dist/fetch.mjs', 'text/javascript'],
}

async function body(request, limit) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    if ((size += chunk.length) > limit) throw Object.assign(new Error('too large'), { status: 413 })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function text(request, name) {
  let value
  try {
    value = JSON.parse(await body(request, 4096))[name]
  } catch (error) {
    throw error.status ? error : Object.assign(new Error('not JSON'), { status: 400 })
  }
  if (typeof value !== 'string' || value.length > 100) throw Object.assign(new Error(name + ' must be a text'), { status: 400 })
  return value
}

async function answer(request) {
  const { pathname } = new URL(request.url, 'http://backend')
  const user = request.headers['x-wechat-openid']
  if (pathname === '/healthz') return { ok: true }
  if (request.method === 'GET' && files[pathname]) {
    const [name, type] = files[pathname]
    return { type, content: await readFile(new URL(name, import.meta.url)) }
  }
  if (!user) throw Object.assign(new Error('no gateway in front'), { status: 403 })
  switch (request.method + ' ' + pathname) {
    case 'POST /orders': {
      const mine = orders.get(user) || []
      const title = await text(request, 'title')
      orders.set(user, [{ id: (mine[0] ? mine[0].id : 0) + 1, title }, ...mine].slice(0, 20))
    }
    // falls through
    case 'GET /orders':
      return orders.get(user) || []
    case 'POST /profile':
      profiles.set(user, { ...profiles.get(user), nickname: await text(request, 'nickname') })
      return profiles.get(user)
    case 'POST /profile/avatar':
      profiles.set(user, { ...profiles.get(user), avatar: (await body(request, 1 << 20)).length })
      return profiles.get(user)
  }
  throw Object.assign(new Error('nothing here'), { status: 404 })
}

const server = createServer(async (request, response) => {
  let status = 200
  let result
  try {
    result = await answer(request)
  } catch (error) {
    if (!error.status) console.error(error)
    status = error.status || 500
    result = { error: 'backend', error_description: error.status ? error.message : 'a fault' }
  }
  response.writeHead(status, { 'Content-Type': result.type || 'application/json' })
  response.end(result.content || JSON.stringify(result))
})

// The least of RFC 6455 that says back what it hears: short texts, pings, the end.
server.on('upgrade', (request, socket) => {
  const user = request.headers['x-wechat-openid']
  if (request.url !== '/live' || !user) return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  const send = (kind, data) => socket.write(Buffer.concat([
    data.length < 126 ? Buffer.from([0x80 | kind, data.length]) : Buffer.from([0x80 | kind, 126, data.length >> 8, data.length & 255]), data,
  ]))
  let rest = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      if (rest.length < 2) return
      const kind = rest[0] & 15
      const short = rest[1] & 127
      if (short === 127 || !(rest[1] & 128)) return socket.destroy() // 64 KiB, and masked, as clients must
      const start = short === 126 ? 4 : 2
      if (rest.length < start + 4) return
      const length = short === 126 ? rest.readUInt16BE(2) : short
      const end = start + 4 + length
      if (rest.length < end) return
      const data = Buffer.from(rest.subarray(start + 4, end).map((byte, i) => byte ^ rest[start + (i & 3)]))
      rest = rest.subarray(end)
      if (kind === 1) send(1, Buffer.concat([Buffer.from(user.slice(0, 8) + '…: '), data.subarray(0, 60000)]))
      else if (kind === 9) send(10, data)
      else if (kind === 8) {
        send(8, data.subarray(0, 2))
        return socket.end()
      }
    }
  })
})

server.listen(+process.argv[2] || 3000, '127.0.0.1', () => console.log(`The backend of the examples listens on http://127.0.0.1:${server.address().port}`))
