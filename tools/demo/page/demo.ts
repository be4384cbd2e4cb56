// demo.ts: what the demo's own server gives to the page.

export interface Settings {
  gateway: string
  simulator: string
  admin: string
  user: string
  mini: string
  official: string
  website: string
}

export type Place = 'phone' | 'gateway' | 'wechat' | 'backend' | 'operator'

/** One HTTP exchange, or WebSocket message, as it was seen at a place. See recorder.go. */
export interface Sighting {
  id: number
  place: Place
  took: number
  method: string
  target: string
  header: [string, string][]
  body: string
  status: number
  answerHeader: [string, string][] | null
  answerBody: string
  claims?: string
}

async function json(response: Response): Promise<any> {
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : {}
}

export const settings = (): Promise<Settings> => fetch('/demo/settings').then(json)

export const seen = (after: number): Promise<{ seen: Sighting[], last: number }> => fetch('/demo/seen?after=' + after).then(json)

/** The number of the newest exchange. */
export const now = (): Promise<number> => seen(2 ** 31).then(answer => answer.last)

/** What a hand on the phone, or trouble at WeChat, does: a call of the simulator's. */
export const simulate = (call: string, data: object): Promise<any> =>
  fetch('/demo/phone/sim/' + call, { method: 'POST', body: JSON.stringify(data) }).then(json)

/** A call of the gateway's admin endpoint, which browsers do not reach. */
export const operate = (method: string, path: string): Promise<any> =>
  fetch('/demo/operator/wechat/' + path, { method }).then(json)
