// types.ts: what goes in and comes out, without a type of anybody else's.

import type { GatewayError } from './error'

/** What `wx`, `uni` and `Taro` have in common, as far as it is called here. Pass one of them, or an object of your own. */
export interface Adapter {
  request(options: any): any
  uploadFile?(options: any): any
  downloadFile?(options: any): any
  connectSocket?(options: any): any
  login?(options: any): any
  getStorageSync?(key: string): any
  setStorageSync?(key: string, value: any): any
  removeStorageSync?(key: string): any
  /** @internal The origin of a page, which logs in by leaving it. */
  page?: string
}

export interface GatewayOptions {
  /** Where the gateway is: `https://api.example.com`, with or without a path. On a page of the same site: `''`. */
  baseURL: string
  /** Of the login endpoints. Default `/wechat`. */
  prefix?: string
  /** This program's AppID. Needed where the site serves several apps. */
  appid?: string
  /** Default: on a page `fetch`; else `uni`, else `wx`, whichever is there. */
  adapter?: Adapter
  /** Gets a login code where the platform has no `wx.login`, such as from a native app's WeChat SDK. */
  code?: () => string | PromiseLike<string>
  /** How long a whole login may take, in milliseconds. Default 10000. */
  loginTimeout?: number
}

export interface Callbacks<R> {
  success?: (result: R) => void
  fail?: (error: GatewayError) => void
  complete?: (result: any) => void
}

interface Common {
  /** A path of the gateway, `/orders`, or an address that begins with `baseURL`. The token goes nowhere else. */
  url: string
  header?: object
  timeout?: number
  /** `false`: send what session there is, and never log in for this one. For what is public. Default `true`. */
  login?: boolean
  /** Is given the platform's task (`abort`, `onProgressUpdate`, …), and that of the repeat, should there be one. */
  onTask?: (task: any) => void
}

/** As for `wx.request`; what is not named in the documentation of this library goes to the platform as it is. */
export interface RequestOptions<T = any> extends Common, Callbacks<Answer<T>> {
  data?: string | object | ArrayBuffer
  method?: 'OPTIONS' | 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'TRACE' | 'CONNECT'
  dataType?: string
  responseType?: string
  enableCache?: boolean
  enableChunked?: boolean
  enableHttp2?: boolean
  enableHttpDNS?: boolean
  enableProfile?: boolean
  enableQuic?: boolean
  firstIpv4?: boolean
  forceCellularNetwork?: boolean
  httpDNSServiceId?: string
  redirect?: string
  sslVerify?: boolean
  useHighPerformanceMode?: boolean
  withCredentials?: boolean
}

/** As for `wx.uploadFile`. */
export interface UploadOptions extends Common, Callbacks<Answer<string>> {
  filePath?: string
  name?: string
  formData?: object
  /** On a page: the File or Blob. */
  file?: any
  /** Several files, where the platform (uni-app's App and H5) takes them. */
  files?: any[]
  fileType?: string
  enableHttp2?: boolean
  enableProfile?: boolean
  enableQuic?: boolean
}

/** As for `wx.downloadFile`. */
export interface DownloadOptions extends Common, Callbacks<Download> {
  filePath?: string
  enableHttp2?: boolean
  enableProfile?: boolean
  enableQuic?: boolean
}

/** As `success` of `wx.request` gets it. Its status is below 400: the rest are errors. */
export interface Answer<T = any> {
  data: T
  statusCode: number
  header?: any
  cookies?: string[]
}

export interface Download {
  statusCode: number
  tempFilePath?: string
  filePath?: string
  header?: any
  /** On a page: the Blob. */
  data?: any
}

export interface ConnectOptions {
  /** A path of the gateway, or an address that begins with `baseURL` (`https:` or `wss:`). */
  url: string
  header?: object
  protocols?: string[]
  timeout?: number
  /** Connect again, logged in again if need be, whenever the socket ends without `close` and with no 1000. Default `false`. */
  reconnect?: boolean
  perMessageDeflate?: boolean
  tcpNoDelay?: boolean
  forceCellularNetwork?: boolean
}

/** As a `SocketTask` of WeChat, but that it may be a chain of them. */
export interface Socket {
  /** Runs at each connection, the first and the repeated. */
  onOpen(listener: (result: any) => void): void
  onMessage(listener: (message: { data: string | ArrayBuffer }) => void): void
  /** Runs at each end. `again`: the library is about to connect again. */
  onClose(listener: (end: { code: number; reason: string; again: boolean }) => void): void
  /** Runs before the last `onClose` when the socket failed, and why. */
  onError(listener: (error: GatewayError) => void): void
  send(options: { data: string | ArrayBuffer; success?: (result: any) => void; fail?: (error: any) => void; complete?: (result: any) => void }): void
  close(options?: { code?: number; reason?: string }): void
}

export interface LoggedIn {
  openid: string
  appid: string
  unionid?: string
  /** Seconds. */
  expires_in: number
}

export interface Session {
  openid: string
  appid: string
  unionid?: string
  /** Unix time, as `expires_at`. */
  issued_at: number
  expires_at: number
  userinfo?: UserInfo
  phone?: Phone
}

/** In WeChat's own names. */
export interface UserInfo {
  nickName?: string
  avatarUrl?: string
  gender?: number
  language?: string
  city?: string
  province?: string
  country?: string
  [field: string]: unknown
}

export interface Phone {
  phoneNumber: string
  purePhoneNumber: string
  countryCode: string
}

/** `e.detail` of `<button open-type="getPhoneNumber">`. */
export interface PhoneDetail {
  code?: string
  encryptedData?: string
  iv?: string
  errMsg?: string
}

/** What `wx.getUserProfile` or `wx.getUserInfo` gave. */
export interface UserInfoData {
  rawData?: string
  signature?: string
  encryptedData?: string
  iv?: string
}

/** What `wx.getWeRunData`, `wx.getGroupEnterInfo`, … gave. */
export interface OpenData {
  encryptedData: string
  iv: string
}

export interface Ticket {
  ticket: string
  expires_in: number
}

export interface Gateway {
  /** `wx.request` as somebody who is logged in. Rejects for every status of 400 and above. */
  request<T = any>(options: RequestOptions<T>): Promise<Answer<T>>
  upload(options: UploadOptions): Promise<Answer<string>>
  download(options: DownloadOptions): Promise<Download>
  connect(options: ConnectOptions): Socket
  /** A new login, or the one under way. Where there is no way to get a code, on a page, the browser goes to WeChat. */
  login(): Promise<LoggedIn>
  /** Ends the session everywhere. Where there is none, nothing happens. */
  logout(): Promise<void>
  session(): Promise<Session>
  phone(detail: PhoneDetail): Promise<Phone>
  userInfo(data: UserInfoData): Promise<UserInfo>
  openData<T = any>(data: OpenData): Promise<T>
  /** For a web-view; good once, for a minute. */
  ticket(): Promise<Ticket>
  /** The `src` of a `<web-view>` that shows a path of the gateway, or a page of another site of it, to the same user. */
  webViewURL(path: string): Promise<string>
}
