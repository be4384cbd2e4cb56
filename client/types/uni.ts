// uni.ts: compiles if this library fits uni-app's own types; nothing here runs.

import { createGateway, type Adapter, type DownloadOptions, type RequestOptions, type UploadOptions } from '../dist/index'

export const adapter: Adapter = uni
export const gateway = createGateway({ baseURL: 'https://api.example.com', adapter: uni })

type Written<T> = Omit<T, 'success' | 'fail' | 'complete'>
export const request = (o: Pick<UniApp.RequestOptions, 'url' | 'data' | 'header' | 'method' | 'timeout' | 'dataType' | 'responseType' | 'sslVerify' | 'withCredentials' | 'firstIpv4'>): RequestOptions => o
export const upload = (o: Pick<UniApp.UploadFileOption, 'url' | 'filePath' | 'name' | 'files' | 'file' | 'formData' | 'header' | 'timeout'>): UploadOptions => o
export const download = (o: Written<UniApp.DownloadFileOption>): DownloadOptions => o
