// gateway.js: the one gateway of this program.

const { createGateway } = require('caddy-wechat')
const { baseURL, simulator, openid } = require('./config')

const options = { baseURL }

if (simulator) {
  options.code = () => new Promise((resolve, reject) => wx.request({
    url: simulator + '/sim/login',
    method: 'POST',
    data: { openid },
    success: ({ data }) => resolve(data.code),
    fail: reject,
  }))
}

module.exports = createGateway(options)
