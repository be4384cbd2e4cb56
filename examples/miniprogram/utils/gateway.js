// gateway.js: the one gateway of this program.

const { createGateway } = require('caddy-wechat')
const { baseURL, appid, simulator, openid } = require('./config')

const options = { baseURL, appid }

if (simulator) {
  options.code = () => new Promise((resolve, reject) => wx.request({
    url: simulator + '/sim/login',
    method: 'POST',
    data: appid ? { openid, appid } : { openid },
    success: ({ data }) => resolve(data.code),
    fail: reject,
  }))
}

module.exports = createGateway(options)
