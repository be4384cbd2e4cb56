// build.mjs: makes page.js, which is committed so that "make run" needs no Node.js. Run by "make screenshots".
//
// The tools are the client library's. The first line of page.js tells from which bytes it was made, so that a
// test without Node.js sees when it is stale.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))
const client = '../../../client'
const { build } = createRequire(new URL(client + '/package.json', import.meta.url))('esbuild')

execFileSync(process.execPath, [client + '/node_modules/typescript/bin/tsc', '-p', '.'], { stdio: 'inherit' })

const { outputFiles: [file] } = await build({
  entryPoints: ['page.ts'], bundle: true, target: 'es2020', format: 'iife', charset: 'utf8', logLevel: 'warning', write: false,
})

const hash = createHash('sha256')
for (const dir of ['.', client + '/src']) {
  for (const name of readdirSync(dir).filter(name => name.endsWith('.ts')).sort()) hash.update(name + '\0').update(readFileSync(`${dir}/${name}`))
}
writeFileSync('page.js', `// made by build.mjs from ${hash.digest('hex')}\n${file.text}`)
