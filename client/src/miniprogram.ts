// miniprogram.ts: the same for 构建npm, without what only pages need.

import { makeGateway } from './gateway'
import type { Gateway, GatewayOptions } from './types'

declare const wx: any

/** Makes the client of one gateway. Two for different gateways, prefixes or apps know nothing of each other. */
export function createGateway(options: GatewayOptions): Gateway {
  return makeGateway(options, options.adapter || wx)
}

export { GatewayError } from './error'
export type {
  Adapter, Answer, Callbacks, ConnectOptions, Download, DownloadOptions, Gateway, GatewayOptions, LoggedIn, OpenData,
  Phone, PhoneDetail, RequestOptions, Session, Socket, Ticket, UploadOptions, UserInfo, UserInfoData,
} from './types'
