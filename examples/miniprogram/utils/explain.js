// explain.js: what a user is told about a GatewayError.

const texts = {
  network_error: '网络不可用，请稍后再试',
  timeout: '网络太慢，请稍后再试',
  login_failed: '微信登录失败，请稍后再试',
  denied: '你没有授权',
  access_denied: '微信限制了这个账号',
  invalid_data: '数据已过期，请再点一次',
  rate_limited: '操作太频繁，请稍后再试',
  temporarily_unavailable: '服务繁忙，请稍后再试',
}

module.exports = error => texts[error.error] || '出错了：' + (error.description || error.error)
