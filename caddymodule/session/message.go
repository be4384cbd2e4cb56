// message.go: what the gateway's nodes note about messages that WeChat pushes.

package session

import (
	"context"
	"time"
)

// Messages notes what became of pushed messages, on all nodes that share the store.
type Messages struct{ m *Manager }

// Messages returns the notes about pushed messages.
func (m *Manager) Messages() Messages { return Messages{m} }

// UpdateValue sets the note about a message to what change makes of the present one,
// as Store.UpdateValue does. The key may be any text: it is hashed.
func (n Messages) UpdateValue(ctx context.Context, key string, until time.Time, change func(old []byte) ([]byte, error)) error {
	return n.m.updateValue(ctx, storeKey("message", key), until, change)
}
