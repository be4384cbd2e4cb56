// sweep.go: giving back the memory of what has expired.

package memorystore

import "time"

// sweepInterval bounds how long an expired entry takes memory. Whether it is
// seen does not depend on it.
const sweepInterval = 5 * time.Second

// sweepEvery sweeps until the table is closed.
func (t *table) sweepEvery(interval time.Duration) {
	defer close(t.stopped)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.sweep()
		}
	}
}

// sweep removes everything that has expired, shard by shard and one entry at a
// time: a request that wants the same shard waits for one removal, not for all.
func (t *table) sweep() {
	for _, s := range []*shelf{t.sessions, t.marks, t.values} {
		for i := range s.shards {
			for t.sweepOne(s, &s.shards[i]) {
				select {
				case <-t.stop:
					return
				default:
				}
			}
		}
	}
}

// sweepOne removes one expired entry of a shard and reports whether there was one.
func (t *table) sweepOne(s *shelf, sh *shard) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.due) == 0 || sh.due[0].live(s.now()) {
		return false
	}
	s.end(sh, sh.due[0])
	return true
}

// reclaim makes room on a full shelf by removing something that has expired. It
// reports false when nothing has: then the shelf is full of what is live.
func (t *table) reclaim(s *shelf) bool {
	for i := range s.shards {
		if t.sweepOne(s, &s.shards[i]) {
			return true
		}
	}
	return false
}
