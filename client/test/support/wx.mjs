// wx.mjs: a wx that truly speaks HTTP and WebSocket, with the answers, quirks and limits of WeChat's.
//
// What a page of WeChat's documentation says about wx.request, uploadFile, downloadFile, connectSocket and login is
// kept: success for every status, fail with errMsg (and errno) for the network alone, ten calls at a time and five
// sockets, JSON by default, no cookies, a Referer of its own, text from uploads, a file from downloads, complete
// after success or fail.

import http from 'node:http'
import { WebSocket } from 'ws'
import { simulate } from './world.mjs'

/**
 * openid: who holds the phone. counts: what was called. calls: every request that went out.
 * broken: 'storage' makes the storage throw, 'login' makes wx.login fail, 'hang' makes it never answer.
 */
export function createWx({ simURL, openid, appid = 'wx0123456789abcdef' }) {
  const storage = new Map()
  const counts = { login: 0, request: 0, logins: 0, mostAtOnce: 0, sockets: 0 }
  const calls = []
  const queue = []
  let running = 0
  let open = 0
  const phone = { openid, storage, counts, calls, broken: '', loginDelay: 0 }

  function later(f, value) {
    if (f) setImmediate(f, value)
  }

  function finish(o, name, error, result) {
    const value = error ? { errMsg: `${name}:fail ${error.errMsg}`, errno: error.errno } : { ...result, errMsg: name + ':ok' }
    later(() => {
      const f = error ? o.fail : o.success
      try {
        if (f) f(value)
      } finally {
        if (o.complete) o.complete(value)
      }
    })
  }

  // Ten at a time; the rest wait.
  function scheduled(name, o, run) {
    let aborted = false
    let stop = () => {}
    const job = () => {
      running++
      counts.mostAtOnce = Math.max(counts.mostAtOnce, running)
      let over = false
      const done = (error, result) => {
        if (over) return
        over = true
        running--
        const next = queue.shift()
        if (next) next()
        finish(o, name, error, result)
      }
      if (aborted) return done({ errMsg: 'abort', errno: 600003 })
      stop = run(done)
    }
    running < 10 ? job() : queue.push(job)
    return {
      abort() {
        aborted = true
        stop()
      },
      onHeadersReceived() {},
      offHeadersReceived() {},
      onProgressUpdate() {},
      offProgressUpdate() {},
    }
  }

  function exchange(name, o, method, body, type, done) {
    let url
    try {
      url = new URL(o.url)
    } catch (_) {
      setImmediate(done, { errMsg: 'invalid url', errno: 600009 })
      return () => {}
    }
    const headers = {}
    for (const [key, value] of Object.entries(o.header || {})) {
      if (key.toLowerCase() !== 'referer' && value !== undefined && value !== null) headers[key] = String(value)
    }
    if (!Object.keys(headers).some(key => key.toLowerCase() === 'content-type')) headers['content-type'] = type
    headers.Referer = `https://servicewechat.com/${appid}/7/page-frame.html`
    headers['User-Agent'] = 'Mozilla/5.0 (iPhone; CPU iPhone OS 15_5 like Mac OS X) MicroMessenger/8.0.49 MiniProgramEnv'
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body)
    counts.request++
    if (url.pathname.endsWith('/login')) counts.logins++
    calls.push({ name, method, url: o.url, headers, body: body === undefined ? '' : body.toString('latin1') })
    const request = http.request(url, { method, headers, agent: false })
    const broken = error => clearTimeout(timer) || done({ errMsg: error.errMsg || error.message, errno: error.errno || 600001 })
    const timer = setTimeout(() => request.destroy(Object.assign(new Error(), { errMsg: 'timeout', errno: 5 })), o.timeout || 60000)
    request.on('error', broken)
    request.on('response', response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('aborted', () => broken(Object.assign(new Error(), { errMsg: 'net::ERR_CONNECTION_RESET', errno: 600001 })))
      response.on('error', () => {})
      response.on('end', () => {
        clearTimeout(timer)
        if (!response.complete) return
        const header = {}
        for (let i = 0; i < response.rawHeaders.length; i += 2) header[response.rawHeaders[i]] = response.rawHeaders[i + 1]
        done(null, { statusCode: response.statusCode, header, bytes: Buffer.concat(chunks), cookies: response.headers['set-cookie'] || [] })
      })
    })
    request.end(body)
    return () => request.destroy(Object.assign(new Error(), { errMsg: 'abort', errno: 600003 }))
  }

  phone.wx = {
    request(o) {
      return scheduled('request', o, done => {
        const method = (o.method || 'GET').toUpperCase()
        if (!['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT'].includes(method)) {
          setImmediate(done, { errMsg: 'invalid method ' + method })
          return () => {}
        }
        let { url, data } = o
        const type = Object.entries(o.header || {}).filter(([key]) => key.toLowerCase() === 'content-type').map(([, value]) => value)[0] || 'application/json'
        let body
        if (data instanceof ArrayBuffer) body = Buffer.from(data)
        else if (typeof data === 'string') body = Buffer.from(data)
        else if (data && method === 'GET') {
          const query = Object.entries(data).map(pair => pair.map(encodeURIComponent).join('=')).join('&')
          if (query) url += (url.includes('?') ? '&' : '?') + query
        } else if (data && /urlencoded/.test(type)) body = Buffer.from(new URLSearchParams(data).toString())
        else if (data) body = Buffer.from(JSON.stringify(data))
        if (method === 'GET' || method === 'HEAD') body = undefined
        return exchange('request', { ...o, url }, method, body, 'application/json', (error, result) => {
          if (error) return done(error)
          const { bytes, ...rest } = result
          if (o.responseType === 'arraybuffer') {
            return done(null, { ...rest, data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) })
          }
          let value = bytes.toString('utf8').replace(/^\ufeff/, '')
          if (o.dataType === undefined || o.dataType === 'json') {
            try {
              value = JSON.parse(value)
            } catch (_) { /* stays text */ }
          }
          done(null, { ...rest, data: value })
        })
      })
    },
    uploadFile(o) {
      return scheduled('uploadFile', o, done => {
        const file = storage.get('file ' + o.filePath)
        if (!file) {
          setImmediate(done, { errMsg: 'file not found', errno: 1300002 })
          return () => {}
        }
        const mark = '----WebKitFormBoundary' + Math.random().toString(36).slice(2)
        const parts = Object.entries(o.formData || {}).map(([name, value]) => `--${mark}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
        const body = Buffer.concat([
          Buffer.from(parts.join('') + `--${mark}\r\nContent-Disposition: form-data; name="${o.name}"; filename="a.bin"\r\n\r\n`), file, Buffer.from(`\r\n--${mark}--\r\n`),
        ])
        const header = Object.fromEntries(Object.entries(o.header || {}).filter(([key]) => key.toLowerCase() !== 'content-type'))
        return exchange('uploadFile', { ...o, header }, 'POST', body, 'multipart/form-data; boundary=' + mark, (error, result) =>
          error ? done(error) : done(null, { statusCode: result.statusCode, data: result.bytes.toString('utf8') }))
      })
    },
    downloadFile(o) {
      return scheduled('downloadFile', o, done => exchange('downloadFile', o, 'GET', undefined, 'application/json', (error, result) => {
        if (error) return done(error)
        const path = o.filePath || 'http://tmp/' + Math.random().toString(36).slice(2)
        storage.set('file ' + path, result.bytes)
        done(null, { statusCode: result.statusCode, [o.filePath ? 'filePath' : 'tempFilePath']: path })
      }))
    },
    connectSocket(o) {
      if (open >= 5) {
        finish(o, 'connectSocket', { errMsg: 'exceed max task count' })
        return undefined
      }
      open++
      counts.sockets++
      calls.push({ name: 'connectSocket', method: 'GET', url: o.url, headers: { ...o.header }, body: '' })
      const socket = new WebSocket(o.url, o.protocols || [], { headers: { ...o.header, Referer: `https://servicewechat.com/${appid}/7/page-frame.html` } })
      const on = { open: () => {}, message: () => {}, close: () => {}, error: () => {} }
      let gone = false
      const end = value => {
        if (gone) return
        gone = true
        open--
        on.close(value)
      }
      socket.on('open', () => on.open({ header: {} }))
      socket.on('message', (data, binary) => on.message({ data: binary ? data.buffer.slice(data.byteOffset, data.byteOffset + data.length) : data.toString() }))
      socket.on('error', error => on.error({ errMsg: error.message }))
      socket.on('close', (code, reason) => end({ code, reason: reason.toString() }))
      finish(o, 'connectSocket', null, { socketTaskId: String(counts.sockets) })
      return {
        onOpen: f => { on.open = f },
        onMessage: f => { on.message = f },
        onClose: f => { on.close = f },
        onError: f => { on.error = f },
        send(s) {
          if (socket.readyState !== WebSocket.OPEN) return finish(s, 'sendSocketMessage', { errMsg: 'SocketTask.readyState is not OPEN' })
          socket.send(s.data instanceof ArrayBuffer ? Buffer.from(s.data) : s.data, error => finish(s, 'sendSocketMessage', error && { errMsg: error.message }))
        },
        close(c = {}) {
          socket.close(c.code || 1000, c.reason)
          finish(c, 'closeSocket', null, {})
        },
      }
    },
    login(o) {
      counts.login++
      if (phone.broken === 'hang') return
      if (phone.broken === 'login') return finish(o, 'login', { errMsg: 'the permission value is offline verifying' })
      setTimeout(() => simulate(simURL, 'login', { openid: phone.openid, appid }).then(
        ({ code }) => finish(o, 'login', null, { code }),
        error => finish(o, 'login', { errMsg: error.message })), phone.loginDelay)
    },
    getStorageSync(key) {
      if (phone.broken === 'storage') throw new Error('getStorageSync:fail')
      return storage.has(key) ? storage.get(key) : ''
    },
    setStorageSync(key, value) {
      if (phone.broken === 'storage') throw new Error('setStorageSync:fail exceed storage max size 10Mb')
      storage.set(key, value)
    },
    removeStorageSync(key) {
      if (phone.broken === 'storage') throw new Error('removeStorageSync:fail')
      storage.delete(key)
    },
  }
  phone.token = () => [...storage].filter(([key]) => key.startsWith('caddy-wechat ')).map(([, value]) => value)[0] || ''
  return phone
}

/** uni-app's shape of it: no task without a callback, and promises where there is none. */
export function uniOf(wx) {
  const promisedWithoutCallbacks = name => (o = {}) => {
    if (o.success || o.fail || o.complete) return wx[name](o)
    return new Promise((success, fail) => wx[name]({ ...o, success, fail }))
  }
  const uni = { ...wx }
  for (const name of ['request', 'uploadFile', 'downloadFile', 'connectSocket', 'login']) uni[name] = promisedWithoutCallbacks(name)
  return uni
}
