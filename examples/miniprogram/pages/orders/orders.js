// orders.js: the user's orders, of a backend that knows the user by a header alone.

const gateway = require('../../utils/gateway')
const explain = require('../../utils/explain')

Page({
  data: { orders: [], loaded: false, error: '' },

  onLoad() {
    return this.load()
  },

  onPullDownRefresh() {
    return this.load().then(() => wx.stopPullDownRefresh())
  },

  load() {
    return this.run(gateway.request({ url: '/orders' }))
  },

  onAdd() {
    return this.run(gateway.request({ url: '/orders', method: 'POST', data: { title: '咖啡 ' + new Date().toLocaleTimeString() } }))
  },

  run(request) {
    return request.then(
      ({ data }) => this.setData({ orders: data, loaded: true, error: '' }),
      error => this.setData({ error: explain(error) }))
  },
})
