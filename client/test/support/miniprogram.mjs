// miniprogram.mjs: runs the pages of a mini program without WeChat: its modules, Page and setData, and what its WXML names.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** root: the program's folder. npm: what 构建npm has made of its dependencies, by name. */
export function openProgram(root, { wx, npm }) {
  const modules = new Map()

  function load(path, extra = {}) {
    if (modules.has(path)) return modules.get(path).exports
    const module = { exports: {} }
    modules.set(path, module)
    const require = name => {
      if (npm[name]) return load(npm[name])
      if (!name.startsWith('.')) throw new Error('not built by npm: ' + name)
      return load(join(dirname(path), name) + '.js')
    }
    const globals = { require, module, exports: module.exports, wx, Page: extra.Page, App: extra.App, uni: undefined }
    new Function(...Object.keys(globals), readFileSync(path, 'utf8'))(...Object.values(globals))
    return module.exports
  }

  return {
    /** Exchanges what a module exports, such as its configuration. */
    set: (path, exports) => modules.set(join(root, path), { exports }),
    app() {
      let app
      load(join(root, 'app.js'), { App: options => { app = options } })
      return app
    },
    page(path) {
      let options
      modules.delete(join(root, path + '.js')) // as if it were opened anew
      load(join(root, path + '.js'), { Page: given => { options = given } })
      const page = { ...options, data: JSON.parse(JSON.stringify(options.data)) }
      page.setData = change => {
        for (const [name, value] of Object.entries(change)) {
          if (!(name in page.data)) throw new Error(`${path} sets ${name}, which its data does not have`)
          if (value === undefined) throw new Error(`${path} sets ${name} to undefined, which WeChat refuses`)
          page.data[name] = value
        }
      }
      return page
    },
    /** The handlers that a page's WXML calls and the data that it shows. */
    markup(path) {
      const text = readFileSync(join(root, path + '.wxml'), 'utf8')
      const expressions = [...text.matchAll(/\{\{([^}]*)\}\}/g)].map(found => found[1].replace(/'[^']*'/g, ''))
      const names = expressions.flatMap(expression => [...expression.matchAll(/(?<![.\w])[a-z]\w*/gi)].map(found => found[0]))
      return {
        text,
        handlers: [...text.matchAll(/\bbind\w*="(\w+)"/g)].map(found => found[1]),
        data: [...new Set(names)].filter(name => name !== 'item'),
        pages: [...text.matchAll(/url="\/([^"]+)"/g)].map(found => found[1]),
      }
    },
  }
}
