// picture.mjs: draws the dashboard from a real Prometheus, for the documentation. Grafana draws it more finely.
//
//   node packaging/grafana/picture.mjs http://127.0.0.1:9090 [minutes] > docs/images/dashboard.svg
//
// It reads the panels, their places, units and queries from the dashboard's own JSON, and has Prometheus evaluate them.

import { readFileSync } from 'node:fs'

const [prometheus, minutes = '10'] = process.argv.slice(2)
if (!prometheus) throw new Error('say where Prometheus is')
const dashboard = JSON.parse(readFileSync(new URL('caddy-wechat.json', import.meta.url), 'utf8'))
const end = Math.floor(Date.now() / 1000)
const start = end - minutes * 60
const step = Math.max(1, Math.round(minutes * 60 / 200))

const column = 50, row = 32, gap = 8, top = 48
const colours = ['#73bf69', '#5794f2', '#ff9830', '#f2495c', '#b877d9', '#fade2a', '#8ab8ff', '#ffa6b0', '#96d98d', '#ca95e5']
const escape = text => String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`)

// the variables of the dashboard, at "All"
const fillIn = text => text.replaceAll('$appid', '.*')

async function series({ expr, legendFormat = '' }) {
  const query = new URLSearchParams({ query: fillIn(expr), start, end, step })
  const answer = await (await fetch(prometheus + '/api/v1/query_range?' + query)).json()
  if (answer.status !== 'success') throw new Error(expr + ': ' + answer.error)
  return answer.data.result.map(({ metric, values }) => ({
    name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] || ''),
    values: values.map(([at, value]) => [at, Number(value)]).filter(([, value]) => Number.isFinite(value)),
  })).filter(({ values }) => values.length > 0)
}

function show(value, unit) {
  const short = n => String(Number(n.toPrecision(3)))
  if (unit === 'percentunit') return (100 * value).toFixed(1) + '%'
  if (unit === 's') return value >= 1 || value === 0 ? short(value) + ' s' : value >= 0.001 ? short(1000 * value) + ' ms' : short(1e6 * value) + ' µs'
  return short(value) + ({ ops: ' ops/s', reqps: ' req/s' }[unit] || '')
}

// a round number at or above
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1))
  return [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= value * 0.9999)
}

function stat(all, unit, { w, h }) {
  const value = all.length ? all[0].values.at(-1)[1] : undefined
  return `<text x="${w / 2}" y="${h / 2 + 26}" class="value" text-anchor="middle">${value === undefined ? 'No data' : escape(show(value, unit))}</text>`
}

function lines(all, unit, { w, h }) {
  const legend = [...all.keys()].map(i => ({ i, width: 26 + 6.8 * all[i].name.length }))
  const rows = [[]]
  let used = 0
  for (const entry of legend) {
    if (used + entry.width > w - 24 && rows.at(-1).length) { rows.push([]); used = 0 }
    rows.at(-1).push({ ...entry, x: used })
    used += entry.width
  }
  const [x0, x1, y0, y1] = [80, w - 14, h - 32 - 16 * rows.length, 34]
  const most = ceiling(Math.max(1e-9, ...all.flatMap(s => s.values.map(([, value]) => value))))
  const x = at => (x0 + (at - start) / (end - start) * (x1 - x0)).toFixed(1)
  const y = value => (y0 - value / most * (y0 - y1)).toFixed(1)
  let svg = ''
  for (let n = 0; n <= 4; n++) {
    const value = most * n / 4
    svg += `<line x1="${x0}" x2="${x1}" y1="${y(value)}" y2="${y(value)}" class="grid"/><text x="${x0 - 6}" y="${+y(value) + 4}" text-anchor="end">${escape(show(value, unit))}</text>`
  }
  for (let n = 0; n <= 4; n++) {
    const at = start + (end - start) * n / 4
    const time = new Date(at * 1000).toISOString().slice(11, 16)
    svg += `<text x="${x(at)}" y="${y0 + 16}" text-anchor="${n === 4 ? 'end' : 'middle'}">${time}</text>`
  }
  all.forEach(({ values }, i) => {
    svg += `<polyline points="${values.map(([at, value]) => x(at) + ',' + y(value)).join(' ')}" fill="none" stroke="${colours[i % colours.length]}" stroke-width="1.5"/>`
  })
  rows.forEach((entries, n) => entries.forEach(({ i, x }) => {
    const at = h - 8 - 16 * (rows.length - 1 - n)
    svg += `<rect x="${14 + x}" y="${at - 6}" width="10" height="3" fill="${colours[i % colours.length]}"/><text x="${28 + x}" y="${at}">${escape(all[i].name)}</text>`
  }))
  return svg
}

let body = ''
let bottom = 0
for (const { type, title, gridPos, targets, fieldConfig } of dashboard.panels) {
  const all = (await Promise.all(targets.map(series))).flat()
  const box = { x: gridPos.x * column + gap, y: top + gridPos.y * row, w: gridPos.w * column - gap, h: gridPos.h * row - gap }
  bottom = Math.max(bottom, box.y + box.h + gap)
  body += `<g transform="translate(${box.x} ${box.y})"><rect width="${box.w}" height="${box.h}" rx="3" class="panel"/>` +
    `<text x="12" y="22" class="title">${escape(title)}</text>${(type === 'stat' ? stat : lines)(all, fieldConfig.defaults.unit, box)}</g>\n`
  process.stderr.write(`${title}: ${all.length} series\n`)
  if (all.length === 0 && type !== 'stat') process.exitCode = 1
}
const width = 24 * column + gap
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom}" width="${width}" height="${bottom}">
<style>
text { font: 11px system-ui, sans-serif; fill: #9fa7b3; }
.title { font-size: 14px; font-weight: 600; fill: #d8d9da; }
.value { font-size: 34px; font-weight: 600; fill: #73bf69; }
.heading { font-size: 20px; fill: #d8d9da; }
.panel { fill: #181b1f; stroke: #2c3235; }
.grid { stroke: #2c3235; }
</style>
<rect width="${width}" height="${bottom}" fill="#111217"/>
<text x="${gap + 4}" y="32" class="heading">${escape(dashboard.title)}</text>
${body}</svg>
`)
