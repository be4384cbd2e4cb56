// socket.ts: a WebSocket that finds out why it was refused, and connects again when asked to.

import { failure, type GatewayError } from './error'
import { merge, nothing, quiet } from './platform'
import { address, withToken, type Core } from './request'
import type { ConnectOptions, Socket } from './types'

declare function setTimeout(f: () => void, ms: number): any

/**
 * The platforms do not tell a refused handshake from a lost network. So after a handshake that failed the gateway is
 * asked whether the session lives. That is a request like any other: it logs in where it must.
 */
export function connect({ api, base, silent, get, login, isDead, watch }: Core, given: ConnectOptions): Socket {
  const { reconnect } = given
  const loggedOut = watch()
  const listeners: [string, (value: any) => void][] = []
  const on = (event: string) => (listener: any) => { listeners.push([event, listener]) }
  const emit = (event: string, value: any) => listeners.forEach(([name, listener]) => name === event && listener(value))
  let task: any // the newest connection
  let isOpen: boolean | undefined
  let done: boolean | undefined // by close, or for good
  let pause = 500 // before the next connection, in milliseconds
  let asked: boolean | undefined // since the last pause, whether the session lives

  function finish(error?: GatewayError | null, code = 1006, reason = ''): void {
    if (!done && error) emit('error', error)
    done = true
    emit('close', { code, reason, again: false })
  }

  function open(): void {
    const token = get()
    let opened = 0
    let ended: boolean | undefined
    if (done) return
    if (!token && silent) {
      if (loggedOut()) return finish()
      return void login().then(open, failed)
    }

    const end = (error: GatewayError | null, code = 1006, reason = ''): void => {
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
      isDead(token).then(yes => yes ? open() : failed(error!), failed)
    }
    const fail = (reason: any) => end(failure(reason))

    const attach = (socket: any): void => {
      if (done || ended) return socket.close({})
      task = socket
      socket.onOpen((result: any) => {
        opened = Date.now()
        isOpen = true
        emit('open', result)
      })
      socket.onMessage((message: any) => emit('message', message))
      socket.onClose((e: any) => end(null, e.code, e.reason))
      socket.onError(fail)
    }

    try {
      const made = api.connectSocket!(merge(given, {
        url: 'ws' + address(base, given.url.replace(/^ws(?=s?:)/, 'http')).slice(4),
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
    if (done) return
    if (reconnect && !loggedOut() && /^(0|429|5..)$/.test(error.status as any)) later(error.retryAfter)
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
