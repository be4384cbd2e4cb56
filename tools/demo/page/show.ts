// show.ts: puts what was seen into the three columns and the list below them.

import { curl } from './curl'
import type { Place, Settings, Sighting } from './demo'
import type { Outcome } from './steps'
import { language, words } from './words'

export const $ = (id: string): HTMLElement => document.getElementById(id)!

/** An element with a class, and with texts and elements in it. Nothing that was seen is ever read as HTML. */
export function el(tag: string, className = '', ...inside: (Node | string)[]): HTMLElement {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...inside)
  return element
}

const line = (text: string, className = 'plain') => el('span', className, text)
/** A body: each of its lines hangs by itself. */
const text = (value: string) => value ? value.split('\n').map(part => line(part, 'text')) : []
const http = (...lines: Node[]) => el('pre', 'http', ...lines)

const badge = (status: number) => el('span', status && status < 400 ? 'status' : 'status bad', status ? String(status) : words().noAnswer)

/** What is as long as a novel is cut for the eye; the whole stands in the list below. */
const cut = (text: string, length = 260) => text.length > length ? text.slice(0, length) + '…' : text

export function showOutcome(outcome: Outcome | null, step: string): void {
  const [title = '', about = ''] = words().steps[step] || []
  const parts: Node[] = [el('p', '', el('strong', '', title), ' ', ...(outcome?.status === undefined ? [] : [badge(outcome.status)])), el('p', 'quiet', about)]
  if (outcome) parts.push(el('p', 'call', outcome.call), http(...text(cut(outcome.text, 700))))
  else parts.push(el('p', 'quiet', words().working))
  $('told').replaceChildren(...parts)
}

/** A later word of a socket. */
export const addOutcome = (outcome: Outcome) => { $('told').append(http(...text(outcome.text))) }

export function showSeen(at: Settings, seen: Sighting[], step: string): void {
  const asks = seen.filter(s => s.place === 'gateway' && s.target !== '/wechat/session')
  const main = [...asks].reverse().find(s => !/^\/wechat\/(login|logout)/.test(s.target)) || asks[asks.length - 1]
  const behind = main && seen.find(s => s.place === 'backend' && s.id > main.id && s.target === main.target && s.method === main.method)
  if (main) {
    showPassing(main, behind, asks.filter(s => s.target === main.target && s.status === main.status).length, seen)
    showHeard(behind)
  }
  showAsked(seen.filter(s => s.place === 'wechat'))
  $('exchanges').replaceChildren(...seen.map((s, i) => exchange(at, s, i, step)))
}

type Field = [string, string]

/** Headers that say who is calling, or how it is to be passed on; browsers send many others. */
const telling = ([name]: Field) => /^(authorization|cookie|content-type|upgrade|x[-_]we?[-_]?chat.*|x-wx.*)$/i.test(name)
const identity = ([name]: Field) => /^x-we?chat-/i.test(name)

/** The rest of the headers, folded: all of them are there. */
function others(fields: Field[], text: string, className = 'plain'): Node[] {
  if (!fields.length) return []
  return [el('details', 'others', el('summary', '', `${fields.length} ${text}`), http(...fields.map(field => line(field.join(': '), className))))]
}

function showPassing(main: Sighting, behind: Sighting | undefined, times: number, seen: Sighting[]): void {
  const w = words()
  const within = (list: Field[], [name, value]: Field) => list.some(([n, v]) => n.toLowerCase() === name.toLowerCase() && v === value)
  const lines = [line(`${main.method} ${main.target}`, 'first')]
  let kept = main.header
  let set: Field[] = []
  if (behind) {
    kept = main.header.filter(field => within(behind.header, field))
    set = behind.header.filter(field => !within(main.header, field))
    // Connection is of one hop and is always taken away
    for (const field of main.header) if (!kept.includes(field) && field[0] !== 'Connection') lines.push(line(field.join(': '), 'gone'))
    for (const field of set.filter(telling)) lines.push(line(field.join(': '), 'added'))
  }
  for (const field of kept.filter(telling)) lines.push(line(field.join(': ')))
  if (main.body) lines.push(...text('\n' + cut(main.body)))
  const claims = [...seen].reverse().find(s => s.claims)?.claims
  $('passing').replaceChildren(
    el('h3', '', w.came + (times > 1 ? ` (${times} ${w.times})` : '')),
    http(...lines),
    ...others(kept.filter(field => !telling(field)), behind ? w.unchanged : w.more),
    ...others(set.filter(field => !telling(field)), w.byCaddy, 'added'),
    ...(behind ? [el('p', 'legend', el('span', 'gone', w.legendGone), ' · ', el('span', 'added', w.legendAdded))] : []),
    el('p', '', behind ? w.passedOn : w.answered, badge(main.status)),
    ...(behind ? [] : [http(...text(cut(main.answerBody, 500)))]),
    ...(claims ? [el('h3', '', w.token), http(...claims.split('\n').flatMap((part, i) => i ? pretty(part) : part).map((part, i) => line(part, i ? 'text' : 'plain')))] : []),
  )
}

/** The claims, a line each, with times that people read. */
function pretty(claims: string): string[] {
  try {
    return Object.entries(JSON.parse(claims)).map(([name, value]) =>
      `${name}: ${value}` + (typeof value === 'number' ? `  (${new Date(value * 1000).toLocaleString(language())})` : ''))
  } catch {
    return [claims]
  }
}

function showHeard(behind: Sighting | undefined): void {
  const w = words()
  if (!behind) return $('heard').replaceChildren(el('p', 'silence', w.silence))
  const info = behind.header.find(([name]) => name === 'X-WeChat-UserInfo')
  const headers = (of: (field: Field) => boolean, className: string) => behind.header.filter(of).map(field => line(field.join(': '), className))
  $('heard').replaceChildren(
    el('h3', '', w.received),
    http(line(`${behind.method} ${behind.target}`, 'first'), ...headers(identity, 'added'), ...headers(field => !identity(field), 'plain')),
    ...(behind.body ? [http(line(behind.body))] : []),
    ...(info ? [el('h3', '', w.decoded), http(...text(decode(info[1])))] : []),
  )
}

function decode(value: string): string {
  const bytes = Uint8Array.from(atob(value.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0))
  return new TextDecoder().decode(bytes)
}

function showAsked(calls: Sighting[]): void {
  if (!calls.length) return $('asked').replaceChildren(el('p', 'quiet', words().notAsked))
  $('asked').replaceChildren(...calls.slice(-3).map(s => http(line(`${s.method} ${s.target}`, 'first'), line(`${s.status || words().noAnswer} · ${s.took} ms`), ...text(cut(s.answerBody)))))
}

/** What matters of an exchange in a few words: what went there, and what came back. */
function carries(s: Sighting): string {
  const field = (text: string, name: string) => text.match(new RegExp(`"${name}"\\s*:\\s*"?([^",}]+)`))?.[1]
  const some = (text: string, names: string[]) => names.map(name => field(text, name) && `${name} ${field(text, name)}`).filter(Boolean).join(', ')
  const there = some(s.body, ['code', 'openid', 'errcode', 'delay'])
  const back = some(s.answerBody, ['code', 'token', 'session_key', 'access_token', 'openid', 'error', 'errcode', 'ended', 'phoneNumber'])
  return (there && ` · ${there}`) + (back && ` ⇢ ${back}`)
}

/** Who asks whom. */
function way(place: Place): string {
  const w = words()
  return {
    phone: `${w.user} → ${w.Wechat}`, gateway: `${w.user} → ${w.Gateway}`, wechat: `${w.Gateway} → ${w.Wechat}`,
    backend: `${w.Gateway} → ${w.Backend}`, operator: `${w.Operator} → ${w.Gateway}`,
  }[place]
}

function exchange(at: Settings, s: Sighting, index: number, step: string): HTMLElement {
  const w = words()
  const message = s.method === 'MESSAGE' || s.method === 'CLOSED'
  const list = (header: Sighting['header'] | null) => (header || []).map(([name, value]) => line(`${name}: ${value}`))
  const command = curl(at, s, step === 'tamper')
  const code = el('code', '', command)
  const copy = el('button', '', w.copy)
  copy.onclick = () => navigator.clipboard.writeText(command).then(() => { copy.textContent = w.copied }, () => getSelection()?.selectAllChildren(code))
  const item = el('li', s.place, el('details', '',
    el('summary', '', el('span', 'way', way(s.place)), el('span', 'what', `${s.method} ${s.target}${message ? ' ' + s.body : carries(s)}`), message ? el('span') : badge(s.status), el('span', 'took', message ? '' : `${s.took} ms`)),
    el('div', 'both',
      http(line(`${s.method} ${s.target}`, 'first'), ...list(s.header), ...text(s.body && '\n' + s.body)),
      http(line(message ? '' : `${w.answer} ${s.status || ''}`, 'first'), ...list(s.answerHeader), ...text(s.answerBody && '\n' + s.answerBody))),
    el('div', 'curl', ...(command ? [code, copy] : [el('span', 'quiet', w.noCurl)])),
  ))
  item.style.animationDelay = Math.min(index, 12) * 0.08 + 's'
  return item
}
