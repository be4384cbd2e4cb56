// push_exact_test.go: pushes with repeats, while the backend fails and gateways and
// backend are restarted: what WeChat was told is accepted has arrived, and does not
// arrive again.

package wechatpush_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// accepting is a backend that keeps account of messages, and fails.
type accepting struct {
	*gatewaytest.Wire
	mu       sync.Mutex
	n        int
	messages map[string]*delivery
	fates    map[string]int
}

// attempt is one request of a gateway, named by its address, which is the request's host.
type attempt struct {
	gateway         string
	asked, accepted time.Time // accepted: a whole 2xx went out; zero: not
}

// delivery is what became of one message.
type delivery struct {
	attempts []*attempt
	told     time.Time // WeChat had its success; zero: not
	tries    int
}

// The fates of what the backend is asked, in turn; all others are accepted.
var backendFates = map[int]string{
	1: "500", 4: "hung up before the answer", 7: "hung up in the head of the answer", 10: "hung up in the body of the answer",
	13: "slow", 16: "302", 18: "204", 19: "a reply",
}

const backendTurn = 24

var messageID = regexp.MustCompile(`(?:"ToUserName":"|<ToUserName>)(m\d+)[<"]`)

func newAccepting(t *testing.T) *accepting {
	b := &accepting{messages: make(map[string]*delivery), fates: make(map[string]int)}
	b.Wire = gatewaytest.NewWire(t, b.play)
	return b
}

func (b *accepting) of(id string) *delivery {
	d := b.messages[id]
	if d == nil {
		d = new(delivery)
		b.messages[id] = d
	}
	return d
}

func (b *accepting) play(x *gatewaytest.WireCall) bool {
	r, err := x.Head()
	if err != nil {
		return false
	}
	body, err := io.ReadAll(r.Body)
	id := messageID.FindStringSubmatch(string(body))
	if err != nil || id == nil {
		return false
	}
	b.mu.Lock()
	fate := backendFates[b.n%backendTurn]
	cut := b.n / backendTurn
	b.n++
	b.fates[fate]++
	d := b.of(id[1])
	a := &attempt{gateway: r.Host, asked: time.Now()}
	d.attempts = append(d.attempts, a)
	b.mu.Unlock()

	text := gatewaytest.Response(200, "text/plain", "success")
	switch fate {
	case "500":
		return x.Answer(gatewaytest.Response(500, "text/plain", "no"))
	case "302": // a login page in front of the backend, say
		return x.Answer("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")
	case "hung up before the answer":
		return false
	case "hung up in the head of the answer":
		x.Answer(text[:cut%strings.Index(text, "\r\n\r\n")])
		return false
	case "hung up in the body of the answer":
		x.Answer(text[:len(text)-1-cut%len("success")])
		return false
	case "slow":
		time.Sleep(300 * time.Millisecond)
	case "204":
		text = "HTTP/1.1 204 No Content\r\n\r\n"
	case "a reply":
		if r.Header.Get("Content-Type") == "application/json" {
			text = gatewaytest.Response(200, "application/json", `{"MsgType":"text","Content":"hi"}`)
		} else {
			text = gatewaytest.Response(200, "text/xml", `<xml><MsgType>text</MsgType><Content>hi</Content></xml>`)
		}
	}
	// noted first: the gateway may be faster than this line's successor
	set := func(at time.Time) {
		b.mu.Lock()
		defer b.mu.Unlock()
		a.accepted = at
	}
	set(time.Now())
	if x.Answer(text) {
		return true
	}
	set(time.Time{})
	return false
}

// accepted are the attempts at a message that the backend accepted, in their order.
func (d *delivery) accepted() []*attempt {
	var list []*attempt
	for _, a := range d.attempts {
		if !a.accepted.IsZero() {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *attempt) int { return a.accepted.Compare(b.accepted) })
	return list
}

func (d *delivery) String() string {
	var b strings.Builder
	const clock = "15:04:05.000"
	for _, a := range d.attempts {
		fmt.Fprintf(&b, "by %s at %s, accepted %s; ", a.gateway, a.asked.Format(clock), a.accepted.Format(clock))
	}
	return b.String() + "told " + d.told.Format(clock)
}

// pushed is the i-th message: a text or an event, in JSON or XML.
func pushed(i int) wechattest.Push {
	p := wechattest.Push{AppID: gatewaytest.AppB, Mode: []string{"secure", "compatible"}[i/4%2]}
	id := fmt.Sprintf("m%d", i)
	switch i % 4 {
	case 0:
		p.Message = fmt.Appendf(nil, `{"ToUserName":"%s","FromUserName":"%s","CreateTime":1700000000,"MsgType":"text","Content":"hi","MsgId":%d}`, id, gatewaytest.Alice, 9007199254740993+i)
	case 1:
		p.Message = fmt.Appendf(nil, `<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>1700000000</CreateTime><MsgType>text</MsgType><Content>hi</Content><MsgId>%d</MsgId></xml>`, id, gatewaytest.Alice, 9007199254740993+i)
	case 2:
		p.Message = fmt.Appendf(nil, `{"ToUserName":"%s","FromUserName":"%s","CreateTime":%d,"MsgType":"event","Event":"subscribe"}`, id, gatewaytest.User(i), 1700000000+i)
	case 3:
		p.Message = fmt.Appendf(nil, `<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>%d</CreateTime><MsgType>event</MsgType><Event>subscribe</Event></xml>`, id, gatewaytest.User(i), 1700000000+i)
	}
	return p
}

// pushFleet is gateways for pushes, which are ended in turn while WeChat pushes.
type pushFleet struct {
	*gatewaytest.Fleet
	backend *accepting
	sim     *wechattest.Server
	up      []atomic.Bool
	kills   []kill
	stops   []kill // of the backend, each of which breaks its connections
}

// kill is the end of a gateway: sent after from, done at to.
type kill struct {
	gateway  string
	from, to time.Time
}

func newPushFleet(t *testing.T, count int, store string) *pushFleet {
	f := &pushFleet{Fleet: gatewaytest.NewFleet(t), backend: newAccepting(t), up: make([]atomic.Bool, count)}
	f.sim = wechattest.New(wechattest.Options{Apps: gatewaytest.Secrets, Pushes: map[string]wechattest.PushSecret{gatewaytest.AppB: {Token: gatewaytest.PushToken, AESKey: gatewaytest.PushKey}}})
	f.Auth = "wechat_auth {\n app " + gatewaytest.AppA + "\n}"
	f.Grace = "10s" // more than a push takes
	for i := range count {
		f.Add("app "+gatewaytest.AppB+" "+gatewaytest.SecretB+" {\n push "+gatewaytest.PushToken+" "+gatewaytest.PushKey+"\n}\n"+store,
			"http://:<MORE> {\n bind 127.0.0.1\n wechat_push /push {\n app "+gatewaytest.AppB+"\n}\n reverse_proxy "+f.backend.Addr+"\n}")
		f.up[i].Store(true)
	}
	return f
}

// to is a push to a gateway that is up, beginning with the first.
func (f *pushFleet) to(first int, p wechattest.Push) wechattest.Push {
	for i := range f.Nodes {
		if n := (first + i) % len(f.Nodes); f.up[n].Load() || i == len(f.Nodes)-1 {
			p.URL = "http://" + f.Nodes[n].More + "/push?own=1"
			break
		}
	}
	return p
}

// push sends a message as WeChat does, thrice at most, and notes when it was content.
func (f *pushFleet) push(ctx context.Context, i, first int) {
	got, err := f.sim.Push(ctx, f.to(first, pushed(i)))
	if err != nil {
		f.T.Error(err)
		return
	}
	f.backend.mu.Lock()
	defer f.backend.mu.Unlock()
	d := f.backend.of(fmt.Sprintf("m%d", i))
	d.tries += got.Tries
	if got.Delivered && d.told.IsZero() {
		d.told = time.Now()
	}
	switch got.Status {
	case 0, 200, 503:
	default:
		f.T.Errorf("message %d: %+v", i, got)
	}
}

// run pushes messages, each in one of four ways, and ends gateways and the backend.
func (f *pushFleet) run(want int, signals ...syscall.Signal) {
	var next atomic.Int64
	var ends atomic.Int64
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		gatewaytest.Parallel(96, func(int) {
			for {
				i := int(next.Add(1))
				if i > want && int(ends.Load()) >= 2*len(signals) || f.T.Failed() {
					return
				}
				first := rand.IntN(len(f.Nodes))
				switch i % 8 {
				case 1: // WeChat's connection breaks
					ctx, hangUp := context.WithTimeout(f.T.Context(), time.Duration(rand.IntN(400))*time.Millisecond)
					f.push(ctx, i, first)
					hangUp()
				case 3: // the same at the same time, and elsewhere
					gatewaytest.Parallel(2, func(k int) { f.push(f.T.Context(), i, first+k) })
				}
				f.push(f.T.Context(), i, first)
				if i%3 == 0 { // and once more, though it was told
					f.push(f.T.Context(), i, first+1)
				}
			}
		})
	}()
	for k := 0; ; k++ {
		select {
		case <-finished:
			return
		case <-time.After(900 * time.Millisecond):
		}
		if k%3 == 2 {
			from := time.Now()
			f.backend.Stop()
			f.stops = append(f.stops, kill{from: from, to: time.Now()})
			time.Sleep(200 * time.Millisecond)
			f.backend.Start()
			continue
		}
		i := k % len(f.Nodes)
		f.up[i].Store(false)
		signal, from := signals[k/3%len(signals)], time.Now()
		f.Nodes[i].End(signal)
		if signal == syscall.SIGKILL {
			f.kills = append(f.kills, kill{f.Nodes[i].More, from, time.Now()})
		}
		f.Nodes[i].Start()
		f.up[i].Store(true)
		ends.Add(1)
	}
}

// require compares what WeChat was told with what arrived.
func (f *pushFleet) require() {
	t, b := f.T, f.backend
	t.Helper()
	// everything that was told is sent once more, by somebody who kept it
	b.mu.Lock()
	var told []int
	for id, d := range b.messages {
		if !d.told.IsZero() {
			var i int
			fmt.Sscanf(id, "m%d", &i)
			told = append(told, i)
		}
	}
	b.mu.Unlock()
	var next atomic.Int64
	gatewaytest.Parallel(32, func(int) {
		for i := int(next.Add(1)) - 1; i < len(told); i = int(next.Add(1)) - 1 {
			f.push(t.Context(), told[i], told[i])
		}
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	lost, again, unnoted, twice, died, early, stopped, asked, tries, late := 0, 0, 0, 0, 0, 0, 0, 0, 0, time.Duration(0)
	for id, d := range b.messages {
		asked += len(d.attempts)
		tries += d.tries
		accepted := d.accepted()
		if !d.told.IsZero() && (len(accepted) == 0 || accepted[0].accepted.After(d.told)) {
			lost++
			t.Errorf("%s was lost: %v", id, d)
		}
		if i := slices.IndexFunc(d.attempts, func(a *attempt) bool { return !d.told.IsZero() && a.asked.After(d.told) }); i >= 0 {
			if f.unnoted(d, d.attempts[i]) {
				unnoted++
				t.Logf("%s came again after the store had stalled: %v", id, d)
			} else {
				again++
				t.Errorf("%s came again after success was told: %v; kills %v", id, d, f.kills)
			}
		}
		// All but the last acceptance must be of a gateway that was killed before it could
		// note it: after it had asked, and before the next gateway did, which it would have
		// kept from it while it lived. One that lives has noted it after 4.5 s of patience
		// and 2 s for the store.
		for i := range max(len(accepted)-1, 0) {
			a, next := accepted[i], accepted[i+1]
			k := slices.IndexFunc(f.kills, func(k kill) bool {
				return k.gateway == a.gateway && k.to.After(a.asked) && k.from.Before(next.asked) && k.from.Sub(a.accepted) < 6500*time.Millisecond
			})
			if k < 0 && slices.ContainsFunc(f.stops, func(k kill) bool {
				return k.to.After(a.asked) && k.from.Before(a.accepted.Add(500*time.Millisecond))
			}) {
				stopped++ // its answer broke off: the gateway had to take it for none
				continue
			}
			if k < 0 {
				twice++
				t.Errorf("%s was accepted twice: %v; kills %v", id, d, f.kills)
				continue
			}
			died++
			switch after := f.kills[k].from.Sub(a.accepted); {
			case after < 0: // its answer went to nobody
				early++
			case after > late:
				late = after
				t.Logf("%s, killed %v after that: %v", id, after, d)
			}
		}
	}
	t.Logf("%d messages, %d requests of WeChat, %d of the backend: %d told success; %d lost, %d came again after that, %d more after the store had stalled; %d were accepted twice; %d more by a gateway that was killed in between: %d before the backend had accepted, the others %v after that at most; %d kills; %d more whose answer broke off as the backend stopped",
		len(b.messages), tries, asked, len(told), lost, again, unnoted, twice, died, early, late, len(f.kills), stopped)
	for _, fate := range slices.Sorted(maps.Keys(b.fates)) {
		t.Logf("%6d %s", b.fates[fate], cmp.Or(fate, "accepted"))
	}
	if len(told) < len(b.messages)*6/10 || len(b.fates) < len(backendFates) {
		t.Error("too little was tried for a verdict")
	}
	f.RequireNoRace()
}

// unnoted reports whether a message may come again though success was told: the store
// did not take the note for so long that WeChat was told without it, and the gateway that
// was still trying was killed.
func (f *pushFleet) unnoted(d *delivery, again *attempt) bool {
	accepted := d.accepted()
	if len(accepted) == 0 || d.told.Sub(accepted[0].accepted) < 1900*time.Millisecond { // of 2 s
		return false
	}
	return slices.ContainsFunc(f.kills, func(k kill) bool {
		return k.gateway == accepted[0].gateway && k.to.After(accepted[0].accepted) && k.from.Before(again.asked)
	})
}

// Two gateways on one Redis, which are ended kindly, and then also not. 150 messages each
// time; CADDY_WECHAT_TEST_CALLS=10000 pushes so many.
func TestPushIsExact(t *testing.T) {
	for name, signals := range map[string][]syscall.Signal{
		"ended kindly": {syscall.SIGTERM}, "killed": {syscall.SIGKILL, syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			f := newPushFleet(t, 2, "store redis redis://"+gatewaytest.StartRedis(t).Addr)
			f.run(gatewaytest.Many(t, 150), signals...)
			f.require()
		})
	}
}

// One gateway with store local, which is killed.
func TestPushIsExactAfterACrash(t *testing.T) {
	f := newPushFleet(t, 1, "store local <DIR>/sessions.db")
	f.run(gatewaytest.Many(t, 50), syscall.SIGKILL)
	f.require()
}
