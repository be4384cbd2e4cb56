// ledger.go: the one kind of table the simulator keeps, bounded in age and in size.

package wechattest

import (
	"container/list"
	"time"
)

// ledger maps keys to values and lets the oldest go: past life, or when there are more than size.
// It is not safe for concurrent use; the Server's mutex guards every one of them.
type ledger[V any] struct {
	size  int
	life  time.Duration // 0: age does not matter
	items map[string]*list.Element
	order *list.List // oldest first
}

type ledgerEntry[V any] struct {
	key   string
	value V
	born  time.Time
}

func newLedger[V any](size int, life time.Duration) *ledger[V] {
	return &ledger[V]{size: size, life: life, items: make(map[string]*list.Element), order: list.New()}
}

func (l *ledger[V]) put(now time.Time, key string, value V) {
	l.sweep(now)
	if old, ok := l.items[key]; ok {
		l.order.Remove(old)
	}
	l.items[key] = l.order.PushBack(&ledgerEntry[V]{key: key, value: value, born: now})
	for l.order.Len() > l.size {
		l.drop(l.order.Front())
	}
}

func (l *ledger[V]) get(now time.Time, key string) (V, bool) {
	l.sweep(now)
	element, ok := l.items[key]
	if !ok {
		var none V
		return none, false
	}
	return element.Value.(*ledgerEntry[V]).value, true
}

// use is get for a table without ages: what is used goes last.
func (l *ledger[V]) use(key string) (V, bool) {
	element, ok := l.items[key]
	if !ok {
		var none V
		return none, false
	}
	l.order.MoveToBack(element)
	return element.Value.(*ledgerEntry[V]).value, true
}

// sweep needs to look at the front only: all entries of a ledger live equally long.
func (l *ledger[V]) sweep(now time.Time) {
	for l.life > 0 {
		front := l.order.Front()
		if front == nil || now.Before(front.Value.(*ledgerEntry[V]).born.Add(l.life)) {
			return
		}
		l.drop(front)
	}
}

func (l *ledger[V]) drop(element *list.Element) {
	l.order.Remove(element)
	delete(l.items, element.Value.(*ledgerEntry[V]).key)
}
