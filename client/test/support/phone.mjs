// phone.mjs: loads a built file as a phone does: ES2015 globals alone, 构建npm's module wrapper, promises made of timers.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import vm from 'node:vm'

const globals = `Array ArrayBuffer Boolean DataView Date Error EvalError Float32Array Float64Array Function Infinity Int16Array Int32Array
  Int8Array JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError
  URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent
  escape isFinite isNaN parseFloat parseInt undefined unescape`.split(/\s+/)

const members = {
  'Object': 'assign create defineProperties defineProperty freeze getOwnPropertyDescriptor getOwnPropertyNames getOwnPropertySymbols getPrototypeOf is isExtensible isFrozen isSealed keys length name preventExtensions prototype seal setPrototypeOf',
  'Promise': 'all length name prototype race reject resolve',
  'Promise.prototype': 'catch constructor then',
  'Array.prototype': 'concat constructor copyWithin entries every fill filter find findIndex forEach indexOf join keys lastIndexOf length map pop push reduce reduceRight reverse shift slice some sort splice toLocaleString toString unshift values',
  'String.prototype': 'charAt charCodeAt codePointAt concat constructor endsWith includes indexOf lastIndexOf length localeCompare match normalize repeat replace search slice split startsWith substr substring toLocaleLowerCase toLocaleUpperCase toLowerCase toString toUpperCase trim valueOf',
  'RegExp.prototype': 'constructor exec flags global ignoreCase multiline source sticky test toString unicode',
}

// As on iOS before 16: each continuation is a task of its own.
const taskPromise = `
  Promise = (function () {
    function P(run) {
      var p = this
      p.state = 0
      p.waiting = []
      function settle(state) {
        return function (value) {
          if (p.state) return
          if (state === 1 && value && (typeof value === 'object' || typeof value === 'function')) {
            var then
            try { then = value.then } catch (e) { return settle(2)(e) }
            if (typeof then === 'function') {
              p.state = 3
              var once = false
              var go = function (s) { return function (v) { if (once) return; once = true; p.state = 0; settle(s)(v) } }
              later(function () { try { then.call(value, go(1), go(2)) } catch (e) { go(2)(e) } })
              return
            }
          }
          p.state = state
          p.value = value
          p.waiting.forEach(later)
        }
      }
      try { run(settle(1), settle(2)) } catch (e) { settle(2)(e) }
    }
    P.prototype.then = function (done, failed) {
      var p = this
      return new P(function (resolve, reject) {
        function go() {
          var f = p.state === 1 ? done : failed
          if (typeof f !== 'function') return p.state === 1 ? resolve(p.value) : reject(p.value)
          try { resolve(f(p.value)) } catch (e) { reject(e) }
        }
        p.state === 1 || p.state === 2 ? later(go) : p.waiting.push(go)
      })
    }
    P.prototype.catch = function (failed) { return this.then(undefined, failed) }
    P.resolve = function (value) { return value instanceof P ? value : new P(function (resolve) { resolve(value) }) }
    P.reject = function (value) { return new P(function (_, reject) { reject(value) }) }
    return P
  })()`

/** Gives what the module exports. more: further globals, such as wx. task: promises are made of timers. */
export function loadOnPhone(path, { more = {}, task = false } = {}) {
  const context = vm.createContext({ setTimeout, clearTimeout, console, ...more })
  vm.runInContext(`(function (globals, members) {
    Object.getOwnPropertyNames(this).forEach(name => globals.indexOf(name) < 0 && delete this[name])
    Object.keys(members).forEach(path => {
      const owner = path.split('.').reduce((value, name) => value[name], { Object, Promise, Array, String, RegExp })
      const known = members[path].split(' ')
      Object.getOwnPropertyNames(owner).forEach(name => known.indexOf(name) < 0 && delete owner[name])
    })
  })`, context)(globals.concat(Object.keys(more), 'setTimeout', 'clearTimeout', 'console'), members)
  if (task) {
    vm.runInContext(`(function (later) { ${taskPromise} })`, context)(f => setImmediate(f))
  }
  function load(path) {
    const module = { exports: {} }
    vm.runInContext(`(function (require, module, exports) {${readFileSync(path, 'utf8')}\n})`, context, { filename: path })(name => {
      if (!name.startsWith('./')) throw new Error('a phone has no module ' + name)
      return load(join(dirname(path), name))
    }, module, module.exports)
    return module.exports
  }
  return { exports: load(path), context }
}
