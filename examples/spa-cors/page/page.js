// page.js: fetch with credentials to the API's origin; a 401 shows the way to the login.
const api = document.currentScript.dataset.api || 'http://localhost:8080'
const show = (id, on) => { document.getElementById(id).hidden = !on }
document.getElementById('login').href = api + '/wechat/authorize?return=/back'

async function look() {
  const response = await fetch(api + '/me', { credentials: 'include' })
  document.getElementById('who').textContent = response.ok ? await response.text() : 'Nobody is logged in.'
  show('login', response.status === 401)
  show('logout', response.ok)
}

document.getElementById('logout').onclick = async () => {
  await fetch(api + '/wechat/logout', { method: 'POST', credentials: 'include' })
  look()
}
look()
