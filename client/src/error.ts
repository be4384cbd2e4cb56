// error.ts: the one class of errors, and how an answer becomes one.

import type { Answer } from './types'

/** All that this library rejects with. It never holds the token. */
export class GatewayError extends Error {
  /** The HTTP status; 0 when there was no answer. */
  status!: number
  /**
   * What went wrong, for programs. The gateway's own codes (`invalid_grant`, `invalid_data`, `invalid_token`,
   * `access_denied`, `rate_limited`, `wechat_error`, `temporarily_unavailable`, `invalid_request`), the backend's if its
   * body has a text named `error`, else `http_<status>`. With status 0: `network_error`, `timeout`, `login_failed` (the
   * platform gave no code), `denied` (the user said no), `invalid_request` (this library was called wrongly).
   * `invalid_answer`: not the gateway's, where the gateway's was expected.
   */
  error!: string
  /** What went wrong, for people: `error_description` or the platform's `errMsg`. May be empty. */
  description!: string
  /** WeChat's own number, where the gateway passed one on. */
  errcode?: number
  /** Seconds to wait before trying again, from `Retry-After`. */
  retryAfter?: number
  /** The body of the answer, as the platform gave it. */
  data?: unknown

  constructor(status: number, error: string, description = '', more?: object) {
    super(error + (description && ': ' + description))
    Object.assign(this, { name: 'GatewayError', status, error, description }, more)
  }
}

/** @internal What a platform's fail callback, or code that throws, said. `code` is for what is no timeout. */
export function failure(reason: any, code = 'network_error'): GatewayError {
  if (reason instanceof GatewayError) return reason
  const text = '' + ((reason && (reason.errMsg || reason.message)) || reason)
  return new GatewayError(0, /time.{0,2}out|超时/i.test(text) ? 'timeout' : code, text)
}

/** @internal This library was called wrongly. */
export function misuse(description: string): GatewayError {
  return new GatewayError(0, 'invalid_request', description)
}

/** @internal An answer with a status of 400 or more. */
export function refusal({ data, statusCode, header = {} }: Answer): GatewayError {
  let body
  try {
    body = JSON.parse(data) // uploads and other data types give a text
  } catch (_) {
    body = data // parsed already, or a page of some proxy
  }
  body = body || {}
  // Platforms differ in the case of names.
  const field = (name: string) => header[Object.keys(header).find(key => key.toLowerCase() === name)!]
  const seconds = +field('retry-after') // a date is NaN and counts as nothing
  return new GatewayError(
    statusCode,
    // A site with its own handle_errors has its own body; WWW-Authenticate stays.
    /"invalid_token"/.test(field('www-authenticate')) ? 'invalid_token' : typeof body.error === 'string' ? body.error : 'http_' + statusCode,
    body.error_description || '',
    { errcode: body.errcode, retryAfter: seconds >= 0 ? seconds : undefined, data },
  )
}
