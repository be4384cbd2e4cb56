// index.js: who is logged in, a login and a logout.
//
// WeChat's login asks nobody anything, so the next request after a logout logs in again, that of onShow too. A program
// whose users may stay logged out remembers that wish itself, and sends requests with login: false meanwhile.

const gateway = require('../../utils/gateway')
const explain = require('../../utils/explain')

Page({
  data: { openid: '', until: '', busy: false, error: '' },

  onShow() {
    return this.run(() => this.showSession())
  },

  onLogin() {
    return this.run(() => gateway.login().then(() => this.showSession()))
  },

  onLogout() {
    return this.run(() => gateway.logout().then(() => this.setData({ openid: '', until: '' })))
  },

  showSession() {
    return gateway.session().then(({ openid, expires_at }) =>
      this.setData({ openid, until: new Date(expires_at * 1000).toLocaleString() }))
  },

  run(work) {
    this.setData({ busy: true, error: '' })
    return work().catch(error => this.setData({ error: explain(error) })).then(() => this.setData({ busy: false }))
  },
})
