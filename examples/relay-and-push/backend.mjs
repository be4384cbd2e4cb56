// backend.mjs: a QR code of the mini program through the relay, and a list of what WeChat
// has pushed. No package, no secret of WeChat: node backend.mjs

import { createServer } from 'node:http'

const port = process.env.BACKEND_PORT || 3000
const relay = process.env.RELAY_BASE || 'http://127.0.0.1:9181'
const key = process.env.RELAY_KEY || 'a-key-of-16-characters-or-more'
const pushed = []

async function body(request) {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > 1 << 20) throw new Error('too large')
  }
  return text
}

createServer(async (request, response) => {
  try {
    const { pathname } = new URL(request.url, 'http://backend')
    if (request.method === 'POST' && pathname === '/pushed') {
      // only the gateway can have set this, after it has checked WeChat's signature
      const kind = request.headers['x-wechat-push']
      if (!kind) return response.writeHead(403).end()
      pushed.push({ kind, message: await body(request) })
      if (pushed.length > 20) pushed.shift()
      return response.end('success')
    }
    const user = request.headers['x-wechat-openid']
    if (!user) return response.writeHead(403).end()
    if (pathname === '/messages') return response.end(JSON.stringify(pushed))
    if (pathname === '/qrcode') {
      const answer = await fetch(relay + '/wxa/getwxacodeunlimit', {
        method: 'POST',
        headers: { Authorization: 'Bearer ' + key, 'Content-Type': 'application/json' },
        body: JSON.stringify({ scene: 'from=' + user.slice(0, 20), page: 'pages/index/index', check_path: false }),
        signal: AbortSignal.timeout(10000),
      })
      response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') || 'application/octet-stream' })
      return response.end(Buffer.from(await answer.arrayBuffer()))
    }
    response.writeHead(404).end()
  } catch (error) {
    console.error(error)
    if (!response.headersSent) response.writeHead(500)
    response.end()
  }
}).listen(port, '127.0.0.1')
