// live.js: a socket that comes back, logged in, whether its network or its session ended.

const gateway = require('../../utils/gateway')
const explain = require('../../utils/explain')

Page({
  data: { state: '正在连接…', messages: [], text: '', error: '' },

  onLoad() {
    const socket = this.socket = gateway.connect({ url: '/live', reconnect: true })
    socket.onOpen(() => this.setData({ state: '已连接', error: '' }))
    // the newest fifty: what a page keeps must not grow for ever
    socket.onMessage(({ data }) => this.setData({ messages: [{ id: ++this.count, text: String(data) }].concat(this.data.messages).slice(0, 50) }))
    socket.onClose(({ again }) => this.setData({ state: again ? '正在重新连接…' : '已断开' }))
    socket.onError(error => this.setData({ error: explain(error) }))
  },

  onUnload() {
    this.socket.close()
  },

  onInput(e) {
    this.setData({ text: e.detail.value })
  },

  onSend() {
    this.socket.send({
      data: this.data.text,
      success: () => this.setData({ text: '' }),
      fail: () => this.setData({ error: '还没有连接，请稍后再发' }),
    })
  },

  count: 0,
})
