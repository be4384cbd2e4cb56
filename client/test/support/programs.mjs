// programs.mjs: builds the gateway and the simulator that the tests talk to; alone, "npm run programs".

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A directory with caddy and wechatsim. CADDY_WECHAT_BIN names one that is built already. */
export const bin = process.env.CADDY_WECHAT_BIN || join(root, '.run', 'client')

export function program(name) {
  const path = join(bin, name)
  if (!existsSync(path)) throw new Error(`${name} is not built: npm run programs`)
  return path
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !process.env.CADDY_WECHAT_BIN) {
  mkdirSync(bin, { recursive: true })
  execFileSync(process.env.GO || 'go', ['build', '-o', bin + '/', './cmd/caddy', './cmd/wechatsim'], {
    cwd: root, stdio: 'inherit', env: { ...process.env, GOFLAGS: ((process.env.GOFLAGS || '') + ' -pgo=off').trim() },
  })
}
