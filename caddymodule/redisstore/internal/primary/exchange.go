// exchange.go: asking a server on its shared connection, without letting one
// caller's end disturb the others.

package primary

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// command builds any command; arguments are binary safe.
func command(c rueidis.CoreClient, args ...string) rueidis.Completed {
	return c.B().Arbitrary(args...).Build()
}

// dial opens a connection. The kernel's keep-alives replace those that rueidis
// ties to its own PINGs.
func (d *Deployment) dial(ctx context.Context, addr string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	own := net.Dialer{Timeout: dialer.Timeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAlive, Interval: keepAlive, Count: 3,
	}}
	if config != nil {
		secure := tls.Dialer{NetDialer: &own, Config: config}
		return secure.DialContext(ctx, "tcp", addr)
	}
	return own.DialContext(ctx, "tcp", addr)
}

// await runs f to its end, but waits for it only until ctx is done; then late
// gets its result. A caller that leaves must not take a connection along: a deadline
// ends the connection of a transaction, for rueidis, and one that waits for a place in
// the queue of the shared connection waits without a look at the context
// (TestCanceledCallsDisturbNobody, TestSlowServerIsBoundedAndRecovers).
func await[T any](ctx context.Context, f func() T, late func(T)) (T, error) {
	ch := make(chan T)
	go func() {
		result := f()
		select {
		case ch <- result:
		case <-ctx.Done():
			late(result)
		}
	}()
	select {
	case result := <-ch:
		return result, nil
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

const keepAlive = 15 * time.Second

// take takes a slot, unless ctx ends or the server is not to be asked.
func (n *Node) take(ctx context.Context, slots chan struct{}) error {
	if err := n.down(); err != nil {
		return downError{err}
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := n.down(); err != nil { // it may have been closed meanwhile
		<-slots
		return downError{err}
	}
	return nil
}

// Read sends reading commands together and returns their answers; what is absent
// is a nil message. Keys that are read are tracked from then on.
func (s Server) Read(ctx context.Context, cmds ...[]string) ([]rueidis.RedisMessage, error) {
	all := s.with(cmds)
	answers, err := s.read(ctx, all...)
	return s.without(all, answers), err
}

func (n *Node) read(ctx context.Context, cmds ...[]string) ([]rueidis.RedisMessage, error) {
	if err := n.take(ctx, n.readSlots); err != nil {
		return nil, err
	}
	sent := n.link.now()
	results, err := await(ctx, func() []rueidis.RedisResult {
		// without a deadline: rueidis ends it when the connection is dead, and a
		// slot is free only when the answer is in
		defer func() { <-n.readSlots }()
		built := make([]rueidis.Completed, len(cmds))
		for i, c := range cmds {
			built[i] = command(n.reads, c...)
		}
		return n.reads.DoMulti(context.Background(), built...)
	}, func([]rueidis.RedisResult) {})
	if err != nil {
		return nil, err
	}
	answers, err := messages(n.addr, results)
	if err == nil {
		n.prove(sent)
	}
	return answers, err
}

// once sends a command on a connection that is made for it.
func (d *Deployment) once(ctx context.Context, addr string, cmd []string) (rueidis.RedisMessage, error) {
	o := d.options(addr)
	o.DialCtxFn = d.dial
	c, err := rueidis.NewClient(o)
	if err != nil {
		return rueidis.RedisMessage{}, connectError(addr, err)
	}
	defer c.Close()
	m, err := c.Do(ctx, command(c, cmd...)).ToMessage()
	if err != nil {
		return m, connectError(addr, err)
	}
	return m, nil
}

// messages unwraps answers. The first failure is that of all.
func messages(addr string, results []rueidis.RedisResult) ([]rueidis.RedisMessage, error) {
	answers := make([]rueidis.RedisMessage, len(results))
	for i, r := range results {
		m, err := r.ToMessage()
		if err != nil && !rueidis.IsRedisNil(err) {
			if r.NonRedisError() != nil {
				return nil, connectError(addr, err)
			}
			return nil, serverError(addr, err)
		}
		answers[i] = m
	}
	return answers, nil
}

// text is a string answer, or "" for none.
func text(m rueidis.RedisMessage) string {
	s, _ := m.ToString()
	return s
}
