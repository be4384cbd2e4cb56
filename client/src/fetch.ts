// fetch.ts: a page's fetch, WebSocket and localStorage in the shape of wx.

import type { Adapter } from './types'

declare const fetch: any
declare const FormData: any
declare const WebSocket: any
declare const localStorage: any
declare const location: any
declare function setTimeout(f: () => void, ms: number): any
declare function clearTimeout(timer: any): void

/**
 * Made by itself where there is neither `wx` nor `uni`. init goes to each fetch: `{ credentials: 'include' }` sends
 * cookies from a page of another origin that the gateway trusts. Default: `same-origin`.
 */
export function fetchAdapter(init?: { credentials?: 'same-origin' | 'include' | 'omit' }): Adapter {
  function run(o: any, read: (response: any) => any, body?: any, url = o.url, headers = o.header): void {
    const timer = setTimeout(() => o.fail({ errMsg: 'timeout' }), o.timeout || 60000)
    fetch(url, Object.assign({ method: o.method, headers, body, redirect: o.redirect }, init)).then((response: any) => {
      const header: any = {}
      response.headers.forEach((value: string, name: string) => { header[name] = value })
      return read(response).then((data: any) => o.success({ data, statusCode: response.status, header }))
    }).then(undefined, o.fail).then(() => clearTimeout(timer))
  }

  return {
    page: location.origin,
    // Leaves for WeChat, through the gateway, and comes back as a new page. Offline the login's timeout tells.
    login(o) {
      if (o.url.indexOf(location.origin + '/')) return o.fail('on another origin a login needs a code function')
      location.assign(o.url + '/authorize?' + (o.appid ? 'appid=' + o.appid + '&' : '') + 'return=' + encodeURIComponent(location.pathname + location.search))
    },
    request(o) {
      const headers = Object.assign({}, o.header)
      const type = Object.keys(headers).find(name => /^content-type$/i.test(name))
      let { url, data } = o
      if (/ (Object|Array)/.test(Object.prototype.toString.call(data))) {
        if (!/^(GET|HEAD)?$/i.test(o.method || '')) {
          data = type && /form/.test(headers[type]) ? form(data) : JSON.stringify(data)
        } else {
          url += (/\?/.test(url) ? '&' : '?') + form(data)
          data = undefined
        }
      }
      if (data && !type) headers['content-type'] = 'application/json'
      run(o, response => o.responseType === 'arraybuffer' ? response.arrayBuffer() : response.text().then((text: string) => {
        try {
          return /^(json)?$/.test(o.dataType || '') ? JSON.parse(text) : text
        } catch (_) {
          return text
        }
      }), data, url, headers)
    },
    uploadFile(o) {
      const body = new FormData()
      const fields = o.formData || {}
      Object.keys(fields).forEach(name => body.append(name, fields[name]))
      o.method = 'POST'
      // a filePath of a page is a blob: address
      Promise.resolve(o.file || fetch(o.filePath).then((response: any) => response.blob())).then(file => {
        body.append(o.name, file)
        run(o, response => response.text(), body)
      }).catch(o.fail)
    },
    downloadFile: o => run(o, response => response.ok ? response.blob() : response.text()),
    // A browser lets nobody set a header here: the session is the cookie's.
    connectSocket(o) {
      const socket = new WebSocket(o.url, o.protocols || [])
      const on = (name: string) => (f: any) => { socket[name] = f }
      socket.binaryType = 'arraybuffer'
      return {
        onOpen: on('onopen'),
        onMessage: on('onmessage'),
        onClose: on('onclose'),
        onError: on('onerror'),
        send: (o: any) => socket.send(o.data),
        close: (o: any) => socket.close(o.code, o.reason),
      }
    },
    getStorageSync: key => localStorage.getItem(key),
    setStorageSync: (key, value) => localStorage.setItem(key, value),
    removeStorageSync: key => localStorage.removeItem(key),
  }
}

function form(data: any): string {
  return Object.keys(data).map(name => encodeURIComponent(name) + '=' + encodeURIComponent(data[name])).join('&')
}
