// identity.go: whether two configurations mean the same sessions.

package redisstore

// Identity is equal for two stores that keep the same sessions. It is a hash, and tells
// nothing of where that is.
func (s *Store) Identity() string { return s.key + " " + s.tune.names.prefix }
