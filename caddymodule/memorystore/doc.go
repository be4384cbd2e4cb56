// Package memorystore keeps sessions in the memory of this process: the Caddy
// module "wechat.stores.memory", and New for programs without Caddy.
//
// It promises what session.Store promises, survives a reload of the
// configuration, and is bounded: at its limits a write fails with
// session.ErrFull and no session is thrown out for another user's.
//
// Reading order: store.go (the module and what survives a reload), table.go
// (what is kept, and under which locks), sessions.go and values.go (the calls),
// entry.go and shelf.go (how it is held), sweep.go.
//
// It writes nothing to disk and shares nothing with other nodes: a restart logs
// everybody out.
package memorystore
