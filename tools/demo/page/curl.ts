// curl.ts: the line for a shell that does what was seen. $code and $token are what the lines before it set.

import type { Settings, Sighting } from './demo'

const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`
const json = `-H 'Content-Type: application/json'`
const bearer = '-H "Authorization: Bearer $token"'

/** Empty where no line of a shell can do the same. */
export function curl(at: Settings, s: Sighting, broken: boolean): string {
  const [path = ''] = s.target.split('?')
  switch (s.place) {
    case 'phone':
      return path === '/sim/login' ? `code=$(curl -s ${at.simulator}/sim/login -d ${quote(s.body)} | cut -d '"' -f 4)` :
        `curl -s ${at.simulator}${path} -d ${quote(s.body)}`
    case 'wechat': {
      const target = s.target.replace(/([?&]secret=)[^&]*/, '$1any-secret-will-do')
        .replace(/([?&](?:js_code|code)=)[^&]*/, '$1$$code').replace(/([?&]access_token=)[^&]*/, '$1$$access_token')
      return `curl -s "${at.simulator}${target}"` + (s.body ? ` ${json} -d ${quote(s.body)}` : '')
    }
    case 'operator':
      return `curl -s ${s.method === 'GET' ? '' : `-X ${s.method} `}${quote(at.admin + s.target)}`
    case 'gateway':
      return ofGateway(at, s, path, broken)
    default:
      return ''
  }
}

function ofGateway(at: Settings, s: Sighting, path: string, broken: boolean): string {
  const has = (name: string) => s.header.some(field => field[0].toLowerCase() === name)
  const user = quote(JSON.stringify({ appid: at.mini, openid: at.user }))
  if (path === '/wechat/login') {
    const call = `${at.gateway}/wechat/login ${json} -d "{\\"appid\\":\\"${at.mini}\\",\\"code\\":\\"$code\\"}"`
    return s.status === 200 ? `token=$(curl -s ${call} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')` : `curl -si ${call}`
  }
  if (path === '/wechat/callback') return '' // only the browser that began a login can end it
  if (path === '/wechat/userinfo') return `curl -s ${at.simulator}/sim/userinfo -d ${user} | curl -si ${at.gateway}${path} ${bearer} ${json} -d @-`
  if (path === '/wechat/phone') {
    return `phonecode=$(curl -s ${at.simulator}/sim/phone -d ${user} | cut -d '"' -f 4); curl -si ${at.gateway}${path} ${bearer} ${json} -d "{\\"code\\":\\"$phonecode\\"}"`
  }
  let line = 'curl -si ' + (s.method === 'GET' ? '' : `-X ${s.method} `) + quote(at.gateway + s.target)
  if (broken && has('authorization')) line += ` -H "Authorization: Bearer \${token%?????}AAAAA"`
  else if (has('authorization') || has('cookie')) line += ' ' + bearer
  for (const [name, value] of s.header) if (/^x-/i.test(name)) line += ` -H ${quote(name + ': ' + value)}`
  if (has('upgrade')) {
    line += ` -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' --max-time 2`
  }
  return line
}
