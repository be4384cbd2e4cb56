// tx.go: transactions: look, decide, and write only if nothing changed meanwhile.

package primary

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/rueidis"
)

const (
	maxLost  = 8  // attempts when connections turn out to be dead
	maxMoved = 12 // attempts when the server is the wrong one
)

// Confirm says when a write counts as done.
type Confirm struct {
	Replicas int           // so many must have it, or Auto
	Within   time.Duration // else the write fails
}

// Auto is one replica, unless there has been none for so long that the primary is
// on its own.
const Auto = -1

// Tx is a connection of one's own for the time of a transaction.
type Tx struct {
	n        Server
	confirm  Confirm
	ctx      context.Context // of the caller: it ends waiting
	inner    context.Context // of the connection: it ends the asking
	conn     rueidis.DedicatedClient
	release  func()
	cancel   context.CancelFunc
	sent     bool // a write was sent: it must not be sent again unasked
	watching bool
	left     bool // the caller left while Redis was asked; the connection is not ours any more
}

// Transact runs f as a transaction on the server that has the key, and again when
// another writer was faster, when the key has moved, or when the connection was
// dead before anything was written. A write whose answer was lost is not repeated.
func (l *Link) Transact(ctx context.Context, key string, confirm Confirm, f func(*Tx) error) error {
	return l.Retry(ctx, key, func(n Server) error {
		sent, err := n.transact(ctx, confirm, f)
		var lost lostError
		if sent && errors.As(err, &lost) {
			return lost.error // no longer one to be repeated
		}
		return err
	})
}

// Write sends commands that need no look before and may be sent again when the
// answer was lost, and returns their answers after as many replicas as are demanded
// have them.
func (l *Link) Write(ctx context.Context, key string, confirm Confirm, cmds ...[]string) (answers []rueidis.RedisMessage, err error) {
	err = l.Retry(ctx, key, func(n Server) error {
		replicas := confirm.demands(n.Node)
		if replicas == 0 { // on the connection that proves all the time to be there
			answers, err = n.Read(ctx, cmds...)
			return err
		}
		_, err := n.transact(ctx, confirm, func(t *Tx) (err error) {
			if answers, err = t.Do(append(slices.Clone(cmds), wait(replicas, confirm.Within))...); err != nil {
				return err
			}
			return confirmed(answers[len(cmds)], replicas)
		})
		return err
	})
	return answers, err
}

// Retry asks the server that has the key, until it or another one answers. rueidis'
// retries are one switch for all commands, and off: which command may be repeated after
// a lost answer is known here (TestMarkOnceAcrossNodesWhileConnectionsDie).
func (l *Link) Retry(ctx context.Context, key string, ask func(Server) error) error {
	lost, moved := 0, 0
	for attempt := 1; ; attempt++ {
		looked := *l.looked.Load()
		n, err := l.Pick(key)
		if err != nil {
			return err
		}
		err = ask(Server{Node: n})
		if to, ok := l.asked(n, err); ok {
			n, err = to.Node, ask(to)
		}
		if IsMoved(err) && l.d.Mode == ModeSingle {
			n.leave(err)
		}
		var pause time.Duration
		switch {
		case err == nil:
			return nil
		case n.replaced(err) && attempt < maxMoved:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(leavePatience):
				return err
			case <-looked:
			}
		case errors.Is(err, errAborted):
			pause = time.Duration(rand.Int64N(int64(min(attempt, 20)) * int64(time.Millisecond) / 4))
		case IsMoved(err):
			l.poke()
			if moved++; moved >= maxMoved {
				return err
			}
			pause = 2 * watchTick / maxMoved * time.Duration(moved)
		case isLost(err):
			n.poke()
			if lost++; lost >= maxLost {
				return err
			}
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// leavePatience is how long calls wait for what takes the place of a server that
// was just left: a new connection takes milliseconds where somebody answers.
const leavePatience = 300 * time.Millisecond

// replaced reports whether a call that failed so, with nothing done, should wait
// for another server or other connections.
func (n *Node) replaced(err error) bool {
	return n.left() && n.link.now()-time.Duration(n.leaving.Load()) < leavePatience &&
		(IsMoved(err) || isLost(err) || errors.As(err, new(downError)))
}

func isLost(err error) bool {
	var lost lostError
	return errors.As(err, &lost)
}

// IsMoved reports whether nothing was done, for the server is not the one to ask.
func IsMoved(err error) bool {
	var moved movedError
	return errors.As(err, &moved)
}

func (n Server) transact(ctx context.Context, confirm Confirm, f func(*Tx) error) (sent bool, err error) {
	if err := n.take(ctx, n.writeSlots); err != nil {
		return false, err
	}
	t := &Tx{n: n, confirm: confirm, ctx: ctx}
	t.inner, t.cancel = context.WithTimeout(context.Background(), CallLimit)
	if _, err := step(t, func() (none struct{}) { t.conn, t.release = n.writes.Dedicate(); return none }); err != nil {
		return false, err
	}
	defer func() { // also when a caller's function panics
		if t.watching && !t.left {
			t.Read([]string{"UNWATCH"})
		}
		if !t.left {
			t.end()
		}
	}()
	err = f(t)
	return t.sent, err
}

// end gives the connection back; rueidis drops it when it is broken.
func (t *Tx) end() {
	t.release()
	t.cancel()
	<-t.n.writeSlots
}

// step runs a step with Redis. When the caller's context ends, the step goes on
// without it and the transaction is over.
func step[T any](t *Tx, do func() T) (T, error) {
	result, err := await(t.ctx, do, func(T) { t.end() })
	if err != nil {
		t.left = true
	}
	return result, err
}

// Do sends commands together and returns their answers.
func (t *Tx) Do(cmds ...[]string) ([]rueidis.RedisMessage, error) {
	if t.left {
		return nil, t.ctx.Err()
	}
	all := t.n.with(cmds)
	built := make([]rueidis.Completed, len(all))
	for i, c := range all {
		if c[0] == "WAIT" {
			built[i] = t.conn.B().Arbitrary(c...).Blocking()
		} else {
			built[i] = command(t.conn, c...)
		}
	}
	results, err := step(t, func() []rueidis.RedisResult { return t.conn.DoMulti(t.inner, built...) })
	if err != nil {
		return nil, err
	}
	answers, err := messages(t.n.addr, results)
	return t.n.without(all, answers), err
}

// Read sends commands that change nothing.
func (t *Tx) Read(cmds ...[]string) ([]rueidis.RedisMessage, error) {
	if cmds[0][0] == "WATCH" {
		t.watching = true
	}
	answers, err := t.Do(cmds...)
	if cmds[0][0] == "UNWATCH" {
		t.watching = false
	}
	return answers, err
}

// Exec writes: all of the commands or, with errAborted, none. It returns after
// as many replicas as are demanded have it.
func (t *Tx) Exec(cmds ...[]string) ([]rueidis.RedisMessage, error) {
	batch := append(append([][]string{{"MULTI"}}, cmds...), []string{"EXEC"})
	replicas := t.confirm.demands(t.n.Node)
	if replicas > 0 {
		batch = append(batch, wait(replicas, t.confirm.Within))
	}
	t.sent = true
	answers, err := t.Do(batch...)
	t.watching = false
	if err != nil {
		return nil, err
	}
	exec := answers[len(cmds)+1]
	if exec.IsNil() {
		t.sent = false
		return nil, errAborted
	}
	results, err := exec.ToArray()
	if err != nil {
		return nil, serverError(t.n.addr, err)
	}
	for _, r := range results {
		if err := r.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return nil, serverError(t.n.addr, err)
		}
	}
	if replicas > 0 {
		return results, confirmed(answers[len(answers)-1], replicas)
	}
	return results, nil
}

// demands is how many must confirm a write to a server now.
func (c Confirm) demands(n *Node) int {
	if c.Replicas == Auto {
		return n.demanded()
	}
	return c.Replicas
}

func wait(replicas int, limit time.Duration) []string {
	return []string{"WAIT", fmt.Sprint(replicas), fmt.Sprint(limit.Milliseconds())}
}

func confirmed(answer rueidis.RedisMessage, want int) error {
	if got, err := answer.AsInt64(); err != nil || got < int64(want) {
		return ErrUnconfirmed
	}
	return nil
}
