// sentinel.go: asking the Sentinels for the primary. Several servers are asked, as in a
// Cluster for its map, and what most of them say counts.

package primary

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	askTimeout  = 700 * time.Millisecond
	askPatience = 300 * time.Millisecond // for the others, once one has answered
	maxAsked    = 5
)

// lookSentinel follows the Sentinels to the primary they name. A server that does
// not call itself a primary is never used, whatever they say.
func (l *Link) lookSentinel(ctx context.Context) {
	addr, err := l.vote(ctx, l.d.Addrs, func(addr string) (string, error) {
		m, err := l.sides[addr].ask(l.d, addr, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", l.d.Master)
		if err != nil {
			return "", err
		}
		return primaryIn(m)
	})
	old := l.top.Load()
	if err == nil && addr == "" {
		err = configError{fmt.Errorf("the Sentinels know no primary %q", l.d.Master)}
	}
	if err != nil {
		l.blame(err)
		return
	}
	if old != nil && old.one.addr == addr {
		return
	}
	l.moveTo(ctx, addr)
}

// moveTo makes a server the one to ask, once it has shown that it is a primary.
func (l *Link) moveTo(ctx context.Context, addr string) {
	old := l.top.Load()
	n := newNode(l, addr)
	for end := l.now() + connectWait; n.down() != nil; {
		if err := n.down(); IsConfigError(err) || n.left() || l.now() > end || ctx.Err() != nil {
			l.blame(err)
			if old != nil && old.one.left() {
				old.one.fail(err) // the newer reason
			}
			l.retire(n)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.top.Store(&topology{nodes: map[string]*Node{addr: n}, one: n})
	if old != nil {
		l.retire(old.one)
	}
}

// primaryIn reads a Sentinel's answer; "" is a primary that it does not know.
func primaryIn(m rueidis.RedisMessage) (string, error) {
	if m.IsNil() {
		return "", nil
	}
	pair, err := m.AsStrSlice()
	if err != nil || len(pair) != 2 {
		return "", errors.New("a Sentinel sent an answer that cannot be read")
	}
	return net.JoinHostPort(pair[0], pair[1]), nil
}

// vote asks servers a question, and returns what most of those say that answer
// soon.
func (l *Link) vote(ctx context.Context, addrs []string, ask func(addr string) (string, error)) (string, error) {
	addrs = slices.Clone(addrs)
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	addrs = addrs[:min(len(addrs), maxAsked)]
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, len(addrs))
	for _, addr := range addrs {
		l.closing.Go(func() {
			text, err := ask(addr)
			replies <- reply{text, err}
		})
	}
	votes := make(map[string]int)
	var failure error
	var patience <-chan time.Time
count:
	for range addrs {
		select {
		case r := <-replies:
			if r.err != nil {
				if failure == nil || IsConfigError(r.err) {
					failure = r.err
				}
				continue
			}
			votes[r.text]++
			if patience == nil {
				patience = time.After(askPatience)
			}
		case <-patience:
			break count
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	best, most := "", 0
	for text, n := range votes {
		if n > most || n == most && text > best {
			best, most = text, n
		}
	}
	if most == 0 {
		return "", failure
	}
	return best, nil
}

// side is a connection to a Sentinel.
type side struct {
	busy      sync.Mutex
	client    rueidis.Client
	anonymous bool // the Sentinel has no users
}

var errBusy = errors.New("an earlier question is still open")

func (p *side) ask(d *Deployment, addr string, question ...string) (rueidis.RedisMessage, error) {
	if !p.busy.TryLock() {
		return rueidis.RedisMessage{}, fmt.Errorf("redis %s: %w", addr, errBusy)
	}
	defer p.busy.Unlock()
	for {
		if p.client == nil {
			o := d.options(addr)
			o.DialCtxFn = d.dial
			o.SelectDB, o.Username, o.Password = 0, d.SentinelUser, d.SentinelPassword
			if p.anonymous {
				o.Username, o.Password = "", ""
			}
			p.client, _ = rueidis.NewClient(o)
		}
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		m, err := p.client.Do(ctx, command(p.client, question...)).ToMessage()
		cancel()
		if err == nil || rueidis.IsRedisNil(err) {
			return m, nil
		}
		if !p.anonymous && !d.SentinelOwnAccount && d.Password != "" && refusesAccount(err) {
			p.anonymous = true
			p.client.Close()
			p.client = nil
			continue
		}
		return m, connectError(addr, err)
	}
}

// refusesAccount tells a Sentinel without users from one that is down.
func refusesAccount(err error) bool {
	return strings.HasPrefix(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), "without any password configured")
}

// close ends the connection when it is not in use, for good.
func (p *side) close() {
	p.busy.Lock()
	if p.client != nil {
		p.client.Close()
	}
}
