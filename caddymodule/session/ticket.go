// ticket.go: tickets, by which a session begets one more for the same user.

package session

import (
	"context"
	"time"
)

// SpendTicket reports whether this is the first use of a ticket, on all nodes that
// share the store. It is remembered until the given time, after which the ticket
// must be good for nothing by itself.
func (m *Manager) SpendTicket(ctx context.Context, ticket string, until time.Time) (first bool, err error) {
	return m.store.Mark(ctx, storeKey("ticket", ticket), until)
}
