// index.ts: all that the package gives to bundlers: uni-app, Taro, pages.

import { fetchAdapter } from './fetch'
import { makeGateway } from './gateway'
import { pickAdapter } from './platform'
import type { Gateway, GatewayOptions } from './types'

/** Makes the client of one gateway. Two for different gateways, prefixes or apps know nothing of each other. */
export function createGateway(options: GatewayOptions): Gateway {
  return makeGateway(options, options.adapter || pickAdapter() || fetchAdapter())
}

export { GatewayError } from './error'
export { fetchAdapter }
export type {
  Adapter, Answer, Callbacks, ConnectOptions, Download, DownloadOptions, Gateway, GatewayOptions, LoggedIn, OpenData,
  Phone, PhoneDetail, RequestOptions, Session, Socket, Ticket, UploadOptions, UserInfo, UserInfoData,
} from './types'
