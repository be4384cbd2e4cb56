// build.mjs: makes dist/ (CommonJS, ES module, types) and miniprogram_dist/ (what 构建npm copies).

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))

// Phones run ES2015 syntax as it is; whatever is newer would need a compiler
// that miniprogram_npm does not always pass.
async function bundle(entry, external = []) {
  const { outputFiles: [file] } = await build({
    entryPoints: [entry], bundle: true, external, target: 'es2015', format: 'esm', charset: 'utf8', logLevel: 'warning', write: false,
  })
  return file.text
}

// esbuild's own CommonJS brings helpers that are larger than a tenth of this
// library. Its last statement lists the exports; that and the imports are all there is to say.
function commonJS(code) {
  const [list] = code.match(/export \{[^}]*\};\s*$/)
  const names = list.match(/\w+(?: as \w+)?(?=,|\s*\})/g)
  return '"use strict";\n' + code.slice(0, -list.length).replace(/^import (\{[^}]*\}) from (".*");$/gm, 'const $1 = require($2);') +
    'exports.__esModule = true;\n' + names.map(name => {
      const [inner, outer = inner] = name.split(' as ')
      return `exports.${outer} = ${inner};\n`
    }).join('')
}

for (const dir of ['dist', 'miniprogram_dist']) {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
}
// The adapter for fetch, which only pages need, is a file of its own beside the library.
for (const [name, external] of [['index', ['./fetch']], ['fetch']]) {
  const code = await bundle(`src/${name}.ts`, external)
  for (const [end, text] of [['mjs', code], ['js', commonJS(code)]]) writeFileSync(`dist/${name}.${end}`, text.replace('"./fetch"', `"./fetch.${end}"`))
}
const miniprogram = await bundle('src/miniprogram.ts')
writeFileSync('dist/miniprogram.mjs', miniprogram) // for bundlers that find it by package.json
writeFileSync('miniprogram_dist/index.js', commonJS(miniprogram))

// Of the types only what the entries name.
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { stdio: 'inherit' })
for (const name of ['error', 'types']) copyFileSync(`dist/${name}.d.ts`, `miniprogram_dist/${name}.d.ts`)
copyFileSync('dist/miniprogram.d.ts', 'miniprogram_dist/index.d.ts')
for (const name of readdirSync('dist')) {
  if (name.endsWith('.d.ts') && !['index.d.ts', 'error.d.ts', 'types.d.ts', 'fetch.d.ts'].includes(name)) rmSync(`dist/${name}`)
}
