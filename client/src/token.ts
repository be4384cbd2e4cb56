// token.ts: keeps the token, in memory and in the program's storage.

import type { Adapter } from './types'

export interface TokenKeeper {
  /** '' for none. */
  get(): string
  set(token: string): void
  /** Forgets a token that was refused, unless another one has taken its place. */
  drop(refused: string): void
}

/** A storage that throws, is full or is not there costs a login at each start, and nothing else. */
export function keepToken(api: Adapter, key: string): TokenKeeper {
  let broken = false // what the storage holds is older than what we know
  let token: string | undefined // undefined: the storage has not been read

  function read(): string {
    let value
    try {
      value = broken || api.getStorageSync!(key)
    } catch (_) { /* as if there were nothing */ }
    return isToken(value) ? value : ''
  }

  function get(): string {
    return token === undefined ? token = read() : token
  }

  function set(next: string): void {
    token = next
    broken = true
    try {
      next ? api.setStorageSync!(key, next) : api.removeStorageSync!(key)
      broken = false
    } catch (_) { /* see above */ }
  }

  return {
    get,
    set,
    drop(refused) {
      // Another tab, or another instance for the same gateway, may have kept a new one.
      if (get() === refused && (token = read()) === refused) set('')
    },
  }
}

/** What may stand in an Authorization header (RFC 6750). */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.~+/-]+=*$/.test(value)
}
