// Package redisstore keeps sessions in Redis, for any number of gateways: the
// Caddy module "wechat.stores.redis", and New for programs without Caddy. It
// speaks to one server, to what Sentinel calls the primary, or to a Cluster.
//
// It promises what session.Store promises: a login is good on every node at
// once, a logout ends the leases of every node within a second (in practice
// within milliseconds), a code is marked once. Every call ends after 1.5 s. A
// server that is slow, down, full or failing over makes calls fail, never hang,
// and never invents a session; when it is back, calls succeed again by themselves.
//
// # Redis
//
// Redis 6.2 or newer, or Valkey. These commands are used and no others; KEYS,
// SCAN and scripts are not among them:
//
//	HELLO AUTH SELECT PING CLIENT TRACKING
//	GET SET DEL HGETALL HSET HDEL HINCRBY PEXPIREAT
//	WATCH UNWATCH MULTI EXEC
//	WAIT           with wait_replicas; by default with Sentinel and Cluster
//	ROLE           with Sentinel and Cluster
//	CLUSTER SLOTS  with Cluster
//	ASKING         with Cluster, for keys whose slot moves
//	SENTINEL GET-MASTER-ADDR-BY-NAME, on the Sentinels
//
// A user for the gateway:
//
//	ACL SETUSER gateway on >password resetkeys ~wechat:* resetchannels -@all
//	  +hello +auth +select +ping +client|tracking
//	  +get +set +del +hgetall +hset +hdel +hincrby +pexpireat
//	  +watch +unwatch +multi +exec +wait +role +cluster|slots +asking
//
// and on Sentinels that have users:
//
//	ACL SETUSER gateway on >password resetchannels -@all
//	  +hello +auth +ping +sentinel|get-master-addr-by-name
//
// # What survives what
//
// Losing data, by eviction, FLUSHALL, a restart without persistence or a
// failover, logs people out. Three things can bring an ended session back; the
// operator decides about them:
//
//   - Persistence. A server that restarts from an old snapshot has the sessions
//     of that time. Use "appendonly yes" with "appendfsync always" (with
//     "everysec" the last second is at stake), or none at all (save "").
//   - Failover. Replication is asynchronous. With wait_replicas, a write is
//     acknowledged only after so many replicas have it, else it fails. With
//     Sentinel and Cluster it waits for one by default, until the primary has had
//     none for 15 s: losing the only replica means 15 s of 503 for logins and
//     logouts (not for requests of those who are logged in). That survives the
//     loss of the primary when a replica that confirmed is promoted: always with
//     one replica, and else as far as the promotion prefers the replica with the
//     most data, which both do among those they can reach. A server that was just
//     promoted may have no replica to wait for: what it acknowledges until one follows
//     (Sentinels make the old primary do so after ten seconds) is lost when there is
//     another failover before. With wait_replicas set, such writes fail instead.
//   - A partition that leaves a gateway alone with an old primary. The gateway
//     reads from it until it reaches a Sentinel again, or the primary notices; it
//     cannot write there. Without a partition, a gateway follows a switch within
//     half a second. A Cluster's primary stops after cluster-node-timeout. Behind one
//     address an old primary that goes on as one is left after two seconds.
//
// Set maxmemory, and maxmemory-policy noeviction: a full server then refuses
// logins with 503 and keeps who is logged in and which codes are spent. A policy
// that evicts logs people out, and forgets spent codes (WeChat refuses those
// itself). Clocks of gateways and servers are to agree within a few seconds:
// expiries are points in time.
//
// # A hundred million users
//
// All that is kept of a user is one small hash, in one block of memory: 390 bytes
// of Redis with one session, a unionid and a session key (of which 130 are what Redis
// takes for any key that expires), 190 more for the second device. The mark of a
// redeemed code takes 110 to 145 for ten minutes. TestWhatASessionTakes prints it. Do not
// set hash-max-listpack-value below 64: a hash that is not one block takes twice that.
//
// A login is a mark (one command) before WeChat is asked, and six commands in two
// exchanges after it; a logout is a read and one command; with wait_replicas one WAIT
// more for each write. TestWhatALoginCosts prints it.
//
// Redis remembers which gateway has read which user, to tell it of changes: 140
// bytes for each user whose session is in use, and beyond tracking-table-max-keys (a
// million by default) it forgets one for each that is new. Then a lease ends early,
// and its session costs a look at Redis once more: no harm, but raise the bound, or
// set it to 0 for none. A gateway keeps a million leases of 150 bytes each. A lease
// also ends when another session of its user begins, changes or ends.
//
// Who can write to Redis can put a user's hash back as it was, and so a session that
// was ended, until it would have expired; it cannot make one, see session.Sealer.
//
// Reading order: store.go and caddyfile.go (the module), client.go (New and the
// bounds of a call), keys.go and bundle.go (what is kept), sessions.go, values.go
// and count.go (the calls), leases.go; then how servers are reached: link.go,
// single.go, sentinel.go, cluster.go, ask.go, node.go, beat.go, exchange.go, tx.go.
//
// The client library is rueidis: RESP3 with invalidation pushes on the connection
// that read (which makes leases possible), pipelining without a pool of
// connections for reads, and no retry of a write. Of it only the single-server
// client is used: which server to ask, and when to stop trusting one, is decided
// in internal/primary, because a lease depends on it. That is four of nine lines of
// this package; what rueidis' other clients would save of them, and which promises
// would go, is said there, and shown by rueidis_test.go.
//
// # One address
//
// With one server the address may be a service, a virtual IP or a cloud's endpoint,
// and lead to another server tomorrow. The server's role is looked at five times a
// second on the very connection on which leases depend, and every two seconds a new
// connection must lead to the same server: what it writes must be there. When it is
// not, or the server was demoted, refuses us or is gone, all connections are made
// anew; leases end until then.
//
// The package never reads from a replica, and retries no write whose answer was lost.
package redisstore
