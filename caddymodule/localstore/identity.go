// identity.go: whether two configurations mean the same sessions.

package localstore

// Identity is equal for two stores that keep the same sessions: it is their file.
func (s *Store) Identity() string { return s.name }
