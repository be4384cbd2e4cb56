// count_test.go: the number of sessions, for the tests of this package.

package memorystore

import "context"

// held is how many sessions the table counts over all apps.
func held(table *Table) int {
	counts, _ := table.Count(context.Background())
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}
