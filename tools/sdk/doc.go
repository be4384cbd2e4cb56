// doc.go: what these tests show, and what they need.

// Package sdk has no code but tests: SDKs of others, as they are published, talk to
// wechat_api of the built gateway in front of a simulated WeChat. Each asks for a
// token, makes a JSON call, gets a picture, uploads a file, calls while the token
// dies at WeChat, and calls with a token that the relay does not know.
//
// They take bin/caddy and bin/wechatsim (make build), or the programs of the
// directory in CADDY_WECHAT_TEST_BIN, and for those from npm node and npm, which
// installs what node/package-lock.json names. docs/sdks.md has the results.
package sdk
