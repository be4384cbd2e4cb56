// doc.go: what these tests show, and what they need.

// Package browser has no code but tests: people who log in with a real browser,
// Debian's chromium, at the built gateway, with a simulated WeChat on another site
// and a backend that shows who came. What the browser itself decides is looked at
// in the browser: which cookies it keeps and sends, which page it ends on, what
// another page may do.
//
// They take bin/caddy and bin/wechatsim (make build), or the programs of the
// directory in CADDY_WECHAT_TEST_BIN, and chromium from PATH. With
//
//	go test -artifacts -outputdir /tmp ./browser
//
// they keep pictures of the pages that they met.
package browser
