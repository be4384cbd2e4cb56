// build.mjs: makes dist/ (CommonJS, ES module, types) and miniprogram_dist/ (what 构建npm copies).

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))

// Phones run ES2015 syntax as it is; whatever is newer would need a compiler
// that miniprogram_npm does not always pass.
async function bundle(entry) {
  const { outputFiles: [file] } = await build({
    entryPoints: [entry], bundle: true, target: 'es2015', format: 'esm', charset: 'utf8', logLevel: 'warning', write: false,
  })
  return file.text
}

// esbuild's own CommonJS brings helpers that are larger than a tenth of this
// library. Its last statement lists the exports; that is all there is to say.
function commonJS(code) {
  const [list] = code.match(/export \{[^}]*\};\s*$/)
  const names = list.match(/\w+(?: as \w+)?(?=,|\s*\})/g)
  return '"use strict";\n' + code.slice(0, -list.length) +
    'exports.__esModule = true;\n' + names.map(name => {
      const [inner, outer = inner] = name.split(' as ')
      return `exports.${outer} = ${inner};\n`
    }).join('')
}

for (const dir of ['dist', 'miniprogram_dist']) {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
}
const everything = await bundle('src/index.ts')
writeFileSync('dist/index.mjs', everything)
writeFileSync('dist/index.js', commonJS(everything))
writeFileSync('miniprogram_dist/index.js', commonJS(await bundle('src/miniprogram.ts')))

// Of the types only what the entries name.
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { stdio: 'inherit' })
for (const name of ['error', 'types']) copyFileSync(`dist/${name}.d.ts`, `miniprogram_dist/${name}.d.ts`)
copyFileSync('dist/miniprogram.d.ts', 'miniprogram_dist/index.d.ts')
for (const name of readdirSync('dist')) {
  if (name.endsWith('.d.ts') && !['index.d.ts', 'error.d.ts', 'types.d.ts', 'fetch.d.ts'].includes(name)) rmSync(`dist/${name}`)
}
