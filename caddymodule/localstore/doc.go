// Package localstore keeps sessions in an embedded database file: the Caddy
// module "wechat.stores.local", and Open for programs without Caddy.
//
// It promises what session.Store promises, and that what was acknowledged is on
// disk: when a write has returned nil, it survives kill -9 and a power cut the
// instant after. Writes that meet share one sync. The file holds nothing but
// hashes, times and the bytes it was given.
//
// What goes wrong ends in an error that says what to do, or costs a login:
//
//   - A file that another process has open, that is not ours or of another
//     version, cut short, or damaged in its structure is refused when it is opened
//     and left as it is. To start anew, move it away: everybody logs in again.
//   - An empty file is a new one.
//   - A record that the disk has damaged since is an error whenever it is asked
//     for (503), not an absence; the others are served.
//   - A write whose caller gave up while it waited happens as a whole or not at all.
//   - On a full disk writes fail, reads go on, and it heals when there is room.
//     Check says so before the last room is gone, and when the file was removed.
//
// Reading order: store.go (the module and what survives a reload), shared.go (a
// file is opened when it is first used), db.go (an open database), writer.go
// (group commit), txn.go and layout.go (what is in the file), sessions.go,
// users.go and values.go (the calls), cache.go (what is read without the file),
// apps.go and health.go (for operators), sweep.go, then file.go, check.go,
// tree.go and compact.go (opening).
//
// It shares nothing with other processes or nodes: that is store redis.
package localstore
