// Package localstore keeps sessions in an embedded database file: the Caddy
// module "wechat.stores.local", and Open for programs without Caddy.
//
// It promises what session.Store promises, and that what was acknowledged is on
// disk: when a write has returned nil, it survives kill -9 and a power cut the
// instant after. Writes that meet share one sync. The file holds nothing but
// hashes, times and the bytes it was given.
//
// Everything in the file lies in the order in which it expires, and an index in
// memory says where: a login is written to the same few pages as all others of
// that moment, however many sessions there are. Opening reads the whole file.
// With a million sessions of 200 bytes, each with its user's keys, the file has
// half a gigabyte, the index 0.15, and opening takes two or three seconds, more
// when the disk is slow.
//
// What goes wrong ends in an error that says what to do, or costs a login:
//
//   - A file that another process has open, that is not ours or of another
//     version, cut short, or whose meta pages or list of buckets are damaged is refused
//     when it is opened and left as it is. To start anew, move it away: everybody logs
//     in again. So is one that the disk cannot read.
//   - A file with other damaged pages is written anew when it is opened, with the
//     records that are whole: Options.Salvaged hears of it. Where this process cannot
//     lock a file as bbolt does (Windows), it is refused.
//   - An empty file is a new one.
//   - A record that the disk has damaged, found when the file is opened or later, is
//     absent: it is taken out for good, Options.Damaged hears of it once, and its
//     user can log in again at once. The mark of a redeemed code holds even so, unless
//     it was damaged when the file was opened. A page that the disk cannot read while
//     the file is open is an error for what is on it (503), no absence.
//   - A write whose caller gave up while it waited happens as a whole or not at all.
//   - On a full disk writes fail, reads go on, and it heals when there is room.
//     Check says so before the last room is gone.
//   - A file that is removed, moved or replaced while it is open is noticed within
//     5 s, by Check at once: then writes fail, reads go on, and it heals when the
//     same file is back. Logins of the seconds before are in the file that was moved.
//
// Reading order: store.go (the module and what survives a reload), shared.go (a
// file is opened when it is first used), db.go (an open database), writer.go
// (group commit), layout.go (what is in the file), index.go (where it is), txn.go
// (a change of both), damage.go (records that are taken out), sessions.go, users.go
// and values.go (the calls), read.go and cache.go (reading with the file and
// without), apps.go and health.go (for operators), sweep.go, then file.go,
// explain.go, load.go, compact.go and salvage.go (opening), and internal/boltcheck (what bbolt
// takes for granted).
//
// It shares nothing with other processes or nodes: that is store redis.
package localstore
