// apps.go: how many sessions each app has.

package localstore

import "context"

// Count implements session.Counter. It reads nothing from the file: the index
// counts. What has expired counts until it is swept, some seconds later.
func (d *DB) Count(ctx context.Context) (map[string]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-d.stopped:
		return nil, errClosed
	default:
	}
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	counts := make(map[string]int, len(d.index.apps))
	for tag, n := range d.index.apps {
		counts[tag] = int(n)
	}
	return counts, nil
}
