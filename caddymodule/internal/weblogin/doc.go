// Package weblogin holds the rules of logins by redirect, as pure pieces: what
// the browser keeps of a login while WeChat asks the user, which app and which
// address a login goes by, where the browser may be sent afterwards, which
// requests come from a browser that opens a page and which from a page of
// another origin, and the pages that a person sees when a login does not work.
//
// It promises that a login ends only in the browser, on the site and with the
// app that it began with, at most ten minutes later; that the gateway keeps
// nothing of a login that nobody ends; and that a browser is never sent to
// another origin than its own site, WeChat, or a site that the operator named.
//
// Reading order: origin.go, state.go, login.go, cookie.go (what the browser
// keeps), returnpath.go, authorize.go, callback.go, browser.go, trust.go,
// page.go.
//
// It refuses to speak to WeChat, to make sessions, to route requests and to
// write logs. It knows no Caddy, and no time but the one it is given.
package weblogin
