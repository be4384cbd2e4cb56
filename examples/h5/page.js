// page.js: a page of the gateway's own site. Its session is the gateway's cookie, which no script can read.

import { createGateway } from './caddy-wechat/index.mjs'

const gateway = createGateway({ baseURL: '' })
const $ = id => document.getElementById(id)

function show({ openid }) {
  $('who').textContent = openid ? '已登录：' + openid : '未登录'
  $('login').hidden = Boolean(openid)
  for (const id of ['logout', 'add', 'photo']) $(id).hidden = !openid
  if (!openid) $('orders').replaceChildren()
}

function showOrders({ data }) {
  $('orders').replaceChildren(...data.map(({ title }) => Object.assign(document.createElement('li'), { textContent: title })))
}

// A page cannot log in behind its user's back: it says so, and lets them go to WeChat.
function failed(error) {
  if (error.error === 'invalid_token') return show({})
  $('error').textContent = error.description || error.error
}

function run(work) {
  $('error').textContent = ''
  return work.catch(failed)
}

let socket
function listen() {
  socket = gateway.connect({ url: '/live', reconnect: true })
  socket.onOpen(() => socket.send({ data: '你好' }))
  socket.onMessage(({ data }) => { $('live').textContent = data })
  socket.onError(failed)
}

$('login').onclick = () => run(gateway.login())
$('logout').onclick = () => run(gateway.logout().then(() => show({})))
$('add').onclick = () => run(gateway.request({ url: '/orders', method: 'POST', data: { title: '咖啡 ' + new Date().toLocaleTimeString() } }).then(showOrders))
$('photo').onsubmit = event => {
  event.preventDefault()
  run(gateway.upload({ url: '/profile/avatar', name: 'avatar', file: event.target.file.files[0] }).then(({ data }) => { $('live').textContent = data }))
}

run(gateway.session().then(session => {
  show(session)
  listen()
  return gateway.request({ url: '/orders' }).then(showOrders)
}))
