// wx.ts: compiles if this library fits WeChat's own types; nothing here runs.

import { createGateway, GatewayError, type Adapter, type Answer, type DownloadOptions, type PhoneDetail, type RequestOptions, type UploadOptions } from '../dist/index'
import { createGateway as inMiniProgram } from '../miniprogram_dist/index'

// wx is an adapter.
const adapter: Adapter = wx
const gateway = createGateway({ baseURL: 'https://api.example.com', prefix: '/wechat', appid: 'wx0123456789abcdef', adapter: wx })
inMiniProgram({ baseURL: 'https://api.example.com', code: () => 'code' })

// What one writes for wx.request can be written here.
type Written<T> = Omit<T, 'success' | 'fail' | 'complete'>
export const request = (o: Written<WechatMiniprogram.RequestOption>): RequestOptions => o
export const upload = (o: Written<WechatMiniprogram.UploadFileOption>): UploadOptions => o
export const download = (o: Written<WechatMiniprogram.DownloadFileOption>): DownloadOptions => o

// What wx gives can be handed on.
export async function handOn(e: WechatMiniprogram.ButtonGetPhoneNumber): Promise<string> {
  const detail: PhoneDetail = e.detail
  const { purePhoneNumber } = await gateway.phone(detail)
  await gateway.userInfo(await wx.getUserProfile({ desc: 'shown on your profile' }))
  const { stepInfoList } = await gateway.openData<{ stepInfoList: { step: number }[] }>(await wx.getWeRunData())
  return purePhoneNumber + stepInfoList[0].step
}

// What comes back is as from wx.
export async function comesBack(): Promise<number> {
  const { data, statusCode, cookies } = await gateway.request<{ id: string }[]>({ url: '/orders', method: 'POST', data: { page: 1 } })
  gateway.request({ url: '/orders', success: res => res.statusCode.toFixed(), fail: error => error.retryAfter?.toFixed() })
  const answer: Answer<string> = await gateway.upload({ url: '/photos', filePath: 'wxfile://a', name: 'photo' })
  const session = await gateway.session()
  const socket = gateway.connect({ url: '/live', reconnect: true })
  socket.onClose(({ code, again }) => code.toFixed() + again)
  socket.onError(error => error.error.trim())
  return data[0].id.length + statusCode + (cookies || []).length + answer.data.length + session.expires_at
}

export function caught(error: unknown): string {
  return error instanceof GatewayError ? error.error + error.description + (error.errcode ?? 0) : ''
}

// And what is wrong is refused.
// @ts-expect-error: there must be an address
createGateway({})
// @ts-expect-error: no such option
gateway.request({ url: '/orders', methd: 'POST' })
// @ts-expect-error: no such method
gateway.request({ url: '/orders', method: 'FETCH' })
// @ts-expect-error: data comes in two halves
gateway.openData({ encryptedData: '' })
// @ts-expect-error: what comes back has a type
gateway.ticket().then(({ token }) => token)
export { adapter }
