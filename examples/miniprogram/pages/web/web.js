// web.js: a page of the same site, opened as the same user by a ticket that is good once.

const gateway = require('../../utils/gateway')
const explain = require('../../utils/explain')

Page({
  data: { src: '', error: '' },

  onLoad() {
    return gateway.webViewURL('/').then(src => this.setData({ src }), error => this.setData({ error: explain(error) }))
  },
})
