// profile.js: the phone number, which WeChat vouches for, and a picture and a name, which the user makes up.

const gateway = require('../../utils/gateway')
const explain = require('../../utils/explain')

Page({
  data: { phone: '', avatar: '', nickname: '', saved: false, error: '' },

  onLoad() {
    return this.run(gateway.session().then(({ phone }) => phone && this.setData({ phone: phone.purePhoneNumber })))
  },

  // The code, or on base libraries before 2.21.2 the encrypted data, goes to the gateway as it is.
  onPhone(e) {
    return this.run(gateway.phone(e.detail).then(({ purePhoneNumber }) => this.setData({ phone: purePhoneNumber })))
  },

  // A file of this phone. WeChat has looked at it, but nobody has verified that it is of this user.
  onAvatar(e) {
    this.setData({ avatar: e.detail.avatarUrl, saved: false })
  },

  // The keyboard offers the user's WeChat name; what is typed may be another. WeChat checks it when the field is left,
  // so the form's value counts, not that of the input event.
  onSave(e) {
    const { nickname } = e.detail.value
    const { avatar } = this.data
    const picture = avatar ? gateway.upload({ url: '/profile/avatar', filePath: avatar, name: 'avatar' }) : Promise.resolve()
    return this.run(picture
      .then(() => gateway.request({ url: '/profile', method: 'POST', data: { nickname } }))
      .then(() => this.setData({ nickname, saved: true })))
  },

  run(work) {
    this.setData({ error: '' })
    return work.then(() => {}, error => this.setData({ error: explain(error) }))
  },
})
