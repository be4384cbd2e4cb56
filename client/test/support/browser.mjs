// browser.mjs: Debian's Chromium by its debugging protocol, which needs no package beside ws.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { until } from './world.mjs'

/** Where Chromium is, or ''. CHROMIUM names another one. */
export function findBrowser() {
  for (const name of [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean)) {
    try {
      return execFileSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim()
    } catch (_) { /* the next */ }
  }
  return ''
}

/** A page in a browser of its own, which ends with the suite t. */
export async function openPage(t) {
  let close = () => browser.kill('SIGKILL')
  const dir = mkdtempSync(join(tmpdir(), 'caddy-wechat-browser-'))
  const browser = spawn(findBrowser(), ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
    '--remote-debugging-port=0', '--user-data-dir=' + dir, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(async () => {
    if (browser.exitCode === null) {
      const gone = once(browser, 'exit')
      const timer = setTimeout(() => browser.kill('SIGKILL'), 5000)
      close()
      await gone
      clearTimeout(timer)
    }
    // its children end after it, and write until then
    await until('an empty directory', () => {
      try {
        rmSync(dir, { recursive: true, force: true })
        return true
      } catch (_) {
        return false
      }
    })
  })
  const port = await new Promise((resolve, reject) => {
    let text = ''
    browser.stderr.on('data', chunk => {
      const found = /DevTools listening on ws:\/\/[^:]+:(\d+)/.exec(text += chunk)
      if (found) resolve(found[1])
    })
    browser.on('exit', () => reject(new Error('the browser ended: ' + text)))
  })
  const target = await until('a page', async () => (await (await fetch(`http://127.0.0.1:${port}/json`)).json()).find(one => one.type === 'page'))
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await once(socket, 'open')
  const waiting = new Map()
  const problems = []
  let serial = 0
  socket.on('message', data => {
    const { id, result, error, method, params } = JSON.parse(data)
    if (waiting.has(id)) {
      const { resolve, reject } = waiting.get(id)
      waiting.delete(id)
      error ? reject(new Error(error.message)) : resolve(result)
    } else if (method === 'Runtime.exceptionThrown') problems.push(params.exceptionDetails.exception?.description || params.exceptionDetails.text)
  })
  const call = (method, params = {}) => new Promise((resolve, reject) => {
    waiting.set(++serial, { resolve, reject })
    socket.send(JSON.stringify({ id: serial, method, params }))
  })
  close = () => call('Browser.close').catch(() => {})
  await call('Runtime.enable')
  await call('Page.enable')
  const run = async expression => {
    const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text)
    return result.value
  }
  return {
    problems,
    run,
    go: url => call('Page.navigate', { url }),
    /** The text of an element once it fits. */
    text: (id, pattern) => until(`${pattern} in #${id}`, async () => {
      const text = await run(`(document.getElementById(${JSON.stringify(id)}) || {}).textContent || ''`).catch(() => '')
      return pattern.test(text) && text
    }, 20000),
    click: id => run(`document.getElementById(${JSON.stringify(id)}).click()`),
  }
}
