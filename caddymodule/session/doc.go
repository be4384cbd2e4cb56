// Package session keeps who is logged in: the session, the contract for the
// stores that hold it, and the manager that the gateway uses on top of a store.
//
// A session is alive while its record exists. There is no list of revoked
// tokens: losing a store's content can log people out, never in.
//
// Reading order: session.go (what a session is), store.go (what a store
// promises), manager.go (how the two meet).
//
// The package does no I/O of its own, knows neither HTTP nor Caddy, and never
// hands a WeChat session key to anything but the check of open data.
package session
