// login.ts: one login at a time, whoever waits for it.

import { failure, type GatewayError } from './error'

declare function setTimeout(f: () => void, ms: number): any
declare function clearTimeout(timer: any): void

/**
 * Gives two functions: login, the login under way or else a new one, and pending, the one under way if there is one.
 *
 * exchange gets a new code at each call and redeems it. done is told the outcome in the very callback that ends the
 * login: on phones whose promises are made of timers, anything may run between two callbacks, and must find either
 * the login still under way or the token there.
 */
export function singleFlight<G>(exchange: () => Promise<G>, done: (grant: G) => void, timeout: number): [login: () => Promise<G>, pending: () => Promise<G> | null | undefined] {
  let pending: Promise<G> | null | undefined

  const login = () => pending || (pending = new Promise<G>((resolve, reject) => {
    let over: boolean | undefined
    // Only the first outcome counts: a late answer's code is spent, its token is nobody's.
    const settle = (grant: G | null, error?: GatewayError) => {
      if (over) return
      over = true
      clearTimeout(timer)
      pending = null
      if (!grant) return reject(error)
      done(grant)
      resolve(grant)
    }
    const attempt = (last?: boolean): unknown => exchange().then(settle, error =>
      // A network that silently sends a POST twice spends the code without an answer: a new code helps.
      last || over || error.error !== 'invalid_grant' ? settle(null, error) : attempt(true))
    const timer = setTimeout(() => settle(null, failure('login timeout')), timeout)
    attempt()
  }))

  return [login, () => pending]
}
