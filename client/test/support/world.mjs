// world.mjs: the built gateway, the built simulator of WeChat and a backend that writes down what reaches it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { program } from './programs.mjs'

export const appA = 'wx0123456789abcdef'
export const appB = 'wxfedcba9876543210'
const secret = 'a-secret-of-tests'

/**
 * options.hosts: names besides 127.0.0.1; options.plain: without the public paths; options.backendPort: of another backend; options.others: apps of other kinds, by kind; options.site: more lines of the wechat_auth block; options.wechat: more of the global one; options.apps: default appA.
 * Ends with the test or suite t.
 */
export async function startWorld(t, options = {}) {
  const apps = options.apps || [appA]
  const others = options.others || {}
  const dir = mkdtempSync(join(tmpdir(), 'caddy-wechat-client-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const backend = await startBackend(t)

  const sim = spawn(program('wechatsim'), ['-listen', '127.0.0.1:0', '-quiet', ...apps.flatMap(app => ['-app', app + ':' + secret]), ...Object.entries(others).flatMap(([kind, app]) => ['-app', `${app}:${secret}:${kind}`])])
  endWith(t, sim)
  const simURL = await new Promise((resolve, reject) => {
    let text = ''
    sim.stdout.on('data', chunk => {
      const found = /on (http:\S+)/.exec(text += chunk)
      if (found) resolve(found[1])
    })
    sim.on('exit', () => reject(new Error('the simulator ended: ' + text)))
  })

  const [port, admin] = [await freePort(), await freePort()]
  const config = join(dir, 'Caddyfile')
  writeFileSync(config, `{
	admin 127.0.0.1:${admin}
	auto_https off
	persist_config off
	storage file_system ${dir}/storage
	wechat {
		${apps.map(app => `app ${app} ${secret}`).join('\n\t\t')}
		${Object.entries(others).map(([kind, app]) => `app ${app} ${secret} ${kind}`).join('\n\t\t')}
		api_base ${simURL}
		open_base ${simURL}
		store memory
		${options.wechat || ''}
	}
}
http://127.0.0.1:${port}${options.hosts ? ', ' + options.hosts.map(host => `http://${host}:${port}`).join(', ') : ''} {
	bind 127.0.0.1
	wechat_auth {
		${options.plain ? '' : 'public /public/*'}
		${apps.length > 1 || options.others ? 'app *' : ''}
		${options.site || ''}
	}
	reverse_proxy 127.0.0.1:${options.backendPort || backend.port}
	${options.handle || ''}
}
`)
  const log = join(dir, 'caddy.log')
  const gateway = spawn('sh', ['-c', 'exec "$0" run --config "$1" --adapter caddyfile 2> "$2"', program('caddy'), config, log],
    { env: { ...process.env, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir }, stdio: 'ignore' })
  endWith(t, gateway)
  const url = `http://127.0.0.1:${port}`
  const until = Date.now() + 60000
  for (;;) {
    if (gateway.exitCode !== null || Date.now() > until) throw new Error('the gateway does not serve:\n' + readFileSync(log, 'utf8'))
    try {
      if (await fetch(url + '/public/ready')) break
    } catch (_) { /* not yet */ }
    await sleep(50)
  }

  return {
    url, port, simURL, backend,
    /** What an operator does; the gateway tells nobody. */
    async endSessionsOf(openid, appid = apps[0]) {
      return (await operator('DELETE', admin, `/wechat/users/${appid}/${openid}`)).ended
    },
    async sessionsOf(openid, appid = apps[0]) {
      return (await operator('GET', admin, `/wechat/sessions?appid=${appid}&openid=${openid}`)).sessions
    },
    /** Lets the next calls to WeChat fail; see wechatsim -help. */
    fault: f => simulate(simURL, 'fault', f),
    log: () => readFileSync(log, 'utf8'),
  }
}

// The admin API answers no browser, which fetch looks like.
async function operator(method, port, path) {
  const request = http.request({ host: '127.0.0.1', port, path, method, agent: false }).end()
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  if (response.statusCode !== 200) throw new Error(`the admin API answered ${response.statusCode}: ${text}`)
  return JSON.parse(text)
}

export async function simulate(simURL, what, body) {
  const answer = await fetch(`${simURL}/sim/${what}`, { method: 'POST', body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status} to ${what}`)
  return answer.status === 204 ? null : answer.json()
}

/** What a backend sees, and some things that backends do. */
async function startBackend(t) {
  const seen = []
  const server = http.createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const { pathname } = new URL(request.url, 'http://backend')
    const body = Buffer.concat(chunks).toString('latin1')
    const call = { method: request.method, url: request.url, path: pathname, headers: request.headers, body, openid: request.headers['x-wechat-openid'] }
    seen.push(call)
    const [, what, first] = pathname.split('/')
    const answer = (status, headers, value) => {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
      response.end(value === undefined ? '' : JSON.stringify(value))
    }
    if (what === 'busy') {
      // /busy/<n>: 503 for the first n calls of this very url
      const times = seen.filter(other => other.url === request.url && other.method === request.method).length
      if (times <= +first) return answer(503, { 'Retry-After': '1' }, { error: 'busy' })
    }
    if (what === 'status') return answer(+first, { 'Retry-After': '30' }, { error: 'of_the_backend', error_description: 'as asked', field: 'name' })
    if (what === 'own503') return answer(503, {}, { error: 'not_now' })
    if (what === 'own401') return answer(401, {}, { error: 'not_yours' })
    if (what === 'text') {
      response.writeHead(200, { 'Content-Type': 'text/plain' })
      return response.end('not json')
    }
    answer(200, { 'X-Backend': 'yes' }, { method: call.method, url: call.url, openid: call.openid, body: call.body, authorization: request.headers.authorization || '' })
  })
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    seen.push({ method: 'UPGRADE', url: request.url, path: request.url, headers: request.headers, openid: request.headers['x-wechat-openid'] })
    if (request.url.startsWith('/refuse')) return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, ws => {
      ws.on('error', () => {})
      ws.on('message', (data, binary) => {
        const text = binary ? '' : data.toString()
        if (text.startsWith('close ')) return ws.close(+text.slice(6), 'as asked')
        if (text === 'drop') return ws.terminate()
        ws.send(binary ? data : `${request.headers['x-wechat-openid']}: ${text}`, { binary })
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    sockets.clients.forEach(ws => ws.terminate())
    server.closeAllConnections()
    server.close()
  })
  return { port: server.address().port, seen, forget: () => { seen.length = 0 } }
}

/**
 * A line between a phone and the gateway. rule(bytes, connection) may be changed at any time: it gets what comes
 * back and says how much of it goes on before the line is cut, or undefined for all of it.
 */
export async function startLine(t, port) {
  const line = { cut: () => undefined, delay: 0, connections: 0, port: 0, url: '' }
  const open = new Set()
  const server = net.createServer(phone => {
    line.connections++
    const gateway = net.connect(port, '127.0.0.1')
    const both = [phone, gateway]
    both.forEach(socket => {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
    })
    phone.on('close', () => gateway.destroy())
    gateway.on('close', () => setTimeout(() => phone.end(), line.delay + 1)) // after what is still on its way
    let passed = 0
    phone.on('data', chunk => gateway.write(chunk))
    gateway.on('data', chunk => {
      const rest = line.cut()
      const send = () => {
        if (rest === undefined) return phone.write(chunk)
        const part = chunk.subarray(0, Math.max(0, rest - passed))
        passed += part.length
        if (part.length < chunk.length || passed >= rest) phone.end(part, () => both.forEach(socket => socket.destroy()))
        else phone.write(part)
      }
      line.delay ? setTimeout(send, line.delay) : send()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    open.forEach(socket => socket.destroy())
    server.close()
  })
  line.port = server.address().port
  line.url = `http://127.0.0.1:${line.port}`
  line.hangUp = () => open.forEach(socket => socket.destroy())
  return line
}

export function endWith(t, child) {
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await gone
    clearTimeout(timer)
  })
}

// Below the ports that the kernel gives to outgoing connections.
export async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000)
    const server = net.createServer()
    const free = await new Promise(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until check gives something, and gives that. */
export async function until(what, check, patience = 10000) {
  const end = Date.now() + patience
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > end) throw new Error('in vain waited for ' + what)
    await sleep(20)
  }
}
