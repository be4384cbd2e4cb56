// config.js: where the gateway is. The defaults are those of "make run" on this machine.

module.exports = {
  baseURL: 'http://localhost:8080',

  // This program's AppID. Needed where the gateway serves several apps, as one with web-views does.
  appid: '',

  // Whom "make run"'s simulator of WeChat logs in, as no code of the real wx.login means anything to it.
  // '' for the real WeChat.
  simulator: 'http://localhost:8089',
  openid: 'oExampleUser0000000000000000',
}
