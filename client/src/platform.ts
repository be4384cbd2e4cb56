// platform.ts: which of wx and uni is there, and how it is called.

import { failure, refusal } from './error'
import type { Adapter } from './types'

declare const plus: any
declare const uni: any
declare const wx: any

/**
 * Chosen when a gateway is made, by what can be called. Pages are left to fetch: inside WeChat they have a wx without
 * request, and in uni-app a uni that cannot log in; beside a mini program's wx or an app's plus it can. Taro must be
 * imported and so be passed; without that, its programs are served by the wx that they run on.
 */
export function pickAdapter(): Adapter | undefined {
  const own = typeof wx !== 'undefined' && wx.request && wx
  return typeof uni !== 'undefined' && uni.request && (own || typeof plus !== 'undefined') ? uni : own
}

export type Call = 'request' | 'uploadFile' | 'downloadFile'

/** Calls one of the platform's functions that take success and fail. A status of 400 or more is a failure, too. */
export function promised(api: Adapter, name: Call, options: object, onTask?: (task: any) => void): Promise<any> {
  return new Promise<any>((resolve, reject) => {
    const task = api[name]!(merge(options, { success: resolve, fail: reject }))
    quiet(task)
    if (onTask) onTask(task)
  }).then(answer => {
    if (answer.statusCode >= 400) throw refusal(answer)
    return answer
  }).catch(reason => {
    throw failure(reason)
  })
}

/** Taro gives a promise besides the callbacks, whose rejection nobody else would handle. */
export function quiet(task: any): void {
  if (task && task.then) task.then(nothing, nothing)
}

export function nothing(): void {}

export function merge(...parts: any[]): any {
  return Object.assign({}, ...parts)
}
