// app.js: nothing logs in here, as each request does by itself, when it must.

App({})
