// socket.ts: a WebSocket that finds out why it was refused, and connects again when asked to.

import { failure, type GatewayError } from './error'
import { merge, nothing, quiet } from './platform'
import { address, isDead, withToken, type Core } from './request'
import type { ConnectOptions, Socket } from './types'

declare function setTimeout(f: () => void, ms: number): any

/**
 * The platforms do not tell a refused handshake from a lost network. So after a handshake that failed the gateway is
 * asked whether the session lives. That is a request like any other: it logs in where it must.
 */
export function connect(core: Core, given: ConnectOptions): Socket {
  const { api, base, silent, get, login } = core
  const { reconnect } = given
  const loggedOut = core.watch()
  const listeners: any = { open: [], message: [], close: [], error: [] }
  const on = (event: string) => (listener: any) => { listeners[event].push(listener) }
  const emit = (event: string, value: any) => listeners[event].forEach((listener: any) => listener(value))
  let task: any // the newest connection
  let isOpen: boolean | undefined
  let done: boolean | undefined // by close, or for good
  let pause = 500 // before the next connection, in milliseconds
  let asked: boolean | undefined // since the last connection, whether the session lives

  function finish(error?: GatewayError | null, code = 1006, reason = ''): void {
    if (!done && error) emit('error', error)
    done = true
    emit('close', { code, reason, again: false })
  }

  function open(): void {
    const token = get()
    if (done) return
    if (token || !silent) dial(token)
    else if (loggedOut()) finish()
    else login().then(grant => dial(grant.token), failed)
  }

  function dial(token: string): void {
    let opened = 0
    let ended: boolean | undefined

    const end = (error: GatewayError | null, code?: number, reason?: string): void => {
      if (ended) return
      ended = true
      task = isOpen = undefined
      if (done || (opened && (!reconnect || code === 1000 || loggedOut()))) return finish(error, code, reason)
      if (opened) {
        if (Date.now() - opened > 5000) pause = 500 // what lasted was no failure
        emit('close', { code, reason, again: true })
        return later()
      }
      error = error || failure('socket closed')
      if (asked) return failed(error)
      asked = true
      isDead(core, token).then(yes => yes ? open() : failed(error!), failed)
    }
    const fail = (reason: any) => end(failure(reason), 1006, '')

    const attach = (socket: any): void => {
      if (done || ended) return socket.close({})
      task = socket
      socket.onOpen((result: any) => {
        opened = Date.now()
        isOpen = true
        asked = false
        emit('open', result)
      })
      socket.onMessage((message: any) => emit('message', message))
      socket.onClose((e: any) => end(null, e.code, e.reason))
      socket.onError(fail)
    }

    if (done) return
    try {
      const made = api.connectSocket!(merge(given, {
        url: address(base, given.url.replace(/^ws(s?:)/, 'http$1')).replace(/^http/, 'ws'),
        header: withToken(given.header, token),
        success: nothing, // without a callback uni gives no task
        fail,
      }))
      // wx and uni give the task, Taro a promise of it
      if (made) made.then ? made.then(attach, fail) : attach(made)
    } catch (e) {
      ended = true
      finish(failure(e))
    }
  }

  // What may pass by itself is tried again; what a gateway has refused is not.
  function failed(error: GatewayError): void {
    const { status } = error
    if (reconnect && !loggedOut() && (!status || status > 499 || status === 429)) later(error.retryAfter)
    else finish(error)
  }

  function later(seconds = 0): void {
    asked = false
    pause = Math.min(30000, pause * 2)
    setTimeout(open, Math.max(seconds * 1000, pause * (1 - Math.random() / 2)))
  }

  setTimeout(open, 0) // so that the listeners are there

  return {
    onOpen: on('open'),
    onMessage: on('message'),
    onClose: on('close'),
    onError: on('error'),
    send(message) {
      if (isOpen) return quiet(task.send(message))
      if (message.fail) message.fail({ errMsg: 'not open' })
    },
    close(how) {
      if (done) return
      if (!task) return finish(null, 1000)
      done = true
      quiet(task.close(how || {}))
    },
  }
}
