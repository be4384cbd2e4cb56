// doc.go: what the package promises and what it refuses.

// Package relay passes calls of backends on to WeChat's API with an app's
// access_token, so that they hold neither that nor an AppSecret.
//
// A call comes with a key of the relay, or with a token that the relay itself handed
// out for one, as WeChat's SDKs want it. It is sent to WeChat at most once, and once
// more in a single case: WeChat says that the access_token is dead, so it has done
// nothing, and the body is still at hand. What WeChat answers comes back as it is.
//
// What it refuses: paths that give or take away credentials, in every spelling; paths
// and queries that two readers may read in two ways; whatever else of the caller's
// request might reach WeChat; pages in browsers; redirects. No key, token, query or
// body is in a log line, an error or an answer.
//
// Reading order: relay.go (a call's way), keys.go and owntoken.go (who calls), sdk.go
// (WeChat's token endpoints), path.go and query.go (what may pass), body.go and
// forward.go (there), answer.go (and back), problem.go (what the relay says itself).
//
// The package knows no Caddy.
package relay
