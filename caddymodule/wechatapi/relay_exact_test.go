// relay_exact_test.go: relayed messages while tokens die, connections break at every
// byte and gateways are restarted: none is sent twice, none is lost without a word.

package wechatapi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const relaySite = "http://:<MORE> {\n bind 127.0.0.1\n wechat_api {\n key " + relayKey + "\n}\n}"

// counting is WeChat, which counts what it is sent, and breaks.
type counting struct {
	*gatewaytest.Wire
	mu       sync.Mutex
	n        int // requests for messages
	version  int // of the access_token that is good
	asked    int // for it
	deaths   int
	cuts     map[int]bool // after how many bytes an answer was cut off
	answer   int          // its length
	messages map[string]*sending
	fates    map[string]int
}

// sending is what arrived of one message.
type sending struct {
	begun int // its first bytes at least
	dead  int // answered, to the last byte, that the token is dead
	done  int // whole, with a good token: WeChat sends it
}

// The fates of the requests, in turn; all others are answered well.
var fates = map[int]string{
	1: "hung up before the head", 3: "hung up in the head", 5: "hung up before the body", 7: "hung up in the body", 9: "hung up before the answer",
	2: "hung up in the answer", 8: "hung up in the answer", 14: "hung up in the answer", 20: "hung up in the answer",
	11: "the token dies", 13: "hung up in the answer that it is dead", 16: "hung up after the answer",
}

const fatesTurn = 24

func newCounting(t *testing.T) *counting {
	s := &counting{cuts: make(map[int]bool), messages: make(map[string]*sending), fates: make(map[string]int)}
	s.Wire = gatewaytest.NewWire(t, s.play)
	return s
}

func (s *counting) play(x *gatewaytest.WireCall) bool {
	const token = "POST /cgi-bin/stable_token"
	if first, _ := x.In.Peek(len(token)); string(first) == token {
		r, err := x.Head()
		if err != nil {
			return false
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return false
		}
		s.mu.Lock()
		s.asked++
		text := fmt.Sprintf(`{"access_token":"T%d","expires_in":7200}`, s.version)
		s.mu.Unlock()
		return x.Answer(gatewaytest.Response(200, "application/json", text))
	}

	s.mu.Lock()
	turn := s.n / fatesTurn
	fate := fates[s.n%fatesTurn]
	if strings.Contains(fate, "dead") && turn%6 != 0 || strings.Contains(fate, "dies") && turn%6 != 3 {
		fate = "" // those who have the old one need a while to get the new one
	}
	s.n++
	s.fates[fate]++
	s.mu.Unlock()

	if fate == "hung up in the head" {
		_, _ = x.In.Peek(turn % 200) // so much has come
	}
	m := s.begin(gatewaytest.ParamOf(x.Seen(), "msgid"))
	if fate == "hung up before the head" || fate == "hung up in the head" {
		return false
	}
	r, err := x.Head()
	if err != nil {
		return false
	}
	if m == nil {
		m = s.begin(r.URL.Query().Get("msgid"))
	}
	switch fate {
	case "hung up before the body":
		return false
	case "hung up in the body":
		x.Drop(int(r.ContentLength / 2))
		return false
	}
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n != max(0, r.ContentLength) {
		return false
	}
	s.mu.Lock()
	if fate == "the token dies" || fate == "hung up in the answer that it is dead" {
		s.version++
		s.deaths++
	}
	good := r.URL.Query().Get("access_token") == fmt.Sprintf("T%d", s.version)
	text := fmt.Sprintf(`{"errcode":%d,"errmsg":"invalid credential, rid: 1-2-3"}`, []int{40001, 42001, 40014}[s.deaths%3])
	if good {
		m.done++
		text = `{"errcode":0,"errmsg":"ok"}`
	}
	text = gatewaytest.Response(200, "application/json", text)
	whole := text
	if fate == "hung up in the answer" || fate == "hung up in the answer that it is dead" {
		cut := turn % len(text)
		if good {
			for cut = 0; cut < len(text)-1 && s.cuts[cut]; cut++ { // at each byte, before one comes again
			}
			s.cuts[cut], s.answer = true, len(text)
		}
		text = text[:cut]
	}
	s.mu.Unlock()

	if fate == "hung up before the answer" || !x.Answer(text) || text != whole {
		return false
	}
	if !good {
		s.mu.Lock()
		m.dead++
		s.mu.Unlock()
	}
	return fate != "hung up after the answer"
}

// begin notes that a message begins to arrive.
func (s *counting) begin(id string) *sending {
	if id == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages[id]
	if m == nil {
		m = new(sending)
		s.messages[id] = m
	}
	m.begun++
	return m
}

// message is a call of a backend, small, or large enough to be under way for a while, or
// so large that it is not kept to be repeated.
func message(i int) string {
	id := fmt.Sprintf("m%d", i)
	if i%5 == 0 { // net/http would be glad to repeat a GET
		return fmt.Sprintf("GET /cgi-bin/get_api_domain_ip?msgid=%s HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\nConnection: close\r\n\r\n", id, relayKey, id)
	}
	body := `{"touser":"` + gatewaytest.Alice + `","msgtype":"text","text":{"content":"` + id + `"}}`
	switch {
	case i%41 == 1:
		body += strings.Repeat(" ", 300<<10)
	case i%97 == 2:
		body += strings.Repeat(" ", 1200<<10)
	}
	return fmt.Sprintf("POST /cgi-bin/message/custom/send?msgid=%s HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", id, relayKey, id, len(body), body)
}

// Backends send messages through two gateways on one Redis, which are ended, kindly and
// not, in turn. WeChat breaks connections before, in and behind the head and the body, at
// each byte of the answer and between two calls, and its tokens die. 1500 messages;
// CADDY_WECHAT_TEST_CALLS=10000 sends so many.
func TestRelayIsExact(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	wechat := newCounting(t)
	f := gatewaytest.NewFleet(t)
	f.Fill = strings.NewReplacer("<SIM>", "http://"+wechat.Addr, "<UPSTREAM>", "127.0.0.1:1", "<DIR>", f.Dir)
	store := "store redis redis://" + redis.Addr
	nodes := []*gatewaytest.Node{f.Add(store, relaySite), f.Add(store, relaySite)}

	want := int64(gatewaytest.Many(t, 1500))
	const leastEnds = 4
	var next, ends atomic.Int64
	results := make(map[int]string)
	var mu sync.Mutex
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		gatewaytest.Parallel(16, func(worker int) {
			for {
				i := int(next.Add(1))
				if int64(i) > want && ends.Load() >= leastEnds || t.Failed() {
					return
				}
				result := relayedBy(t, nodes, worker+i, message(i))
				mu.Lock()
				results[i] = result
				mu.Unlock()
			}
		})
	}()
	for i, going := 0, true; going; i++ {
		select {
		case <-finished:
			going = false
			continue
		case <-time.After(600 * time.Millisecond):
		}
		n := nodes[i%2]
		n.End([]syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[i/2%2])
		n.Start()
		ends.Add(1)
	}
	f.RequireNoRace()
	wechat.require(t, results)
	t.Logf("%d ends of gateways", ends.Load())
}

// relayedBy sends a call to the gateways, the other one where one does not listen, and
// tells what its caller was told.
func relayedBy(t *testing.T, nodes []*gatewaytest.Node, first int, request string) string {
	for end := time.Now().Add(30 * time.Second); ; first++ {
		status, body, err := gatewaytest.AskRaw(nodes[first%len(nodes)].More, request)
		if err == gatewaytest.ErrNotSent {
			if time.Now().After(end) {
				t.Error("no gateway listens")
				return "not sent"
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		var answer struct {
			Error   string
			Errcode int
		}
		switch {
		case err != nil:
			return "no answer"
		case json.Unmarshal([]byte(body), &answer) != nil:
			t.Errorf("answered %d %.200q", status, body)
		case status == 200 && answer.Errcode == 0:
			return "done"
		case status == 200 && (answer.Errcode == 40001 || answer.Errcode == 42001 || answer.Errcode == 40014):
			return "refused"
		case status >= 502 && status <= 504 && answer.Error != "":
			return fmt.Sprint("error ", status)
		default:
			t.Errorf("answered %d %.200q", status, body)
		}
		return "something else"
	}
}

// require compares what callers were told with what WeChat did.
func (s *counting) require(t *testing.T, results map[int]string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	told := make(map[string]int)
	sent, twice, lost := 0, 0, 0
	for i, result := range results {
		told[result]++
		m := s.messages[fmt.Sprintf("m%d", i)]
		if m == nil {
			m = new(sending)
		}
		sent += m.done
		switch {
		case m.done > 1 || m.begun-m.dead > 1 || m.begun > 2:
			twice++
			t.Errorf("message %d was sent again: %+v, its caller was told %q", i, *m, result)
		case result == "done" && m.done != 1:
			lost++
			t.Errorf("message %d was lost, and its caller told that it was sent: %+v", i, *m)
		case result == "refused" && m.done != 0:
			t.Errorf("message %d was sent, and its caller told that it was not: %+v", i, *m)
		}
	}
	t.Logf("%d messages, told %v; WeChat sent %d, %d twice, %d lost without an error; %d tokens died, %d were asked for; answers cut at %d bytes of %d",
		len(results), told, sent, twice, lost, s.deaths, s.asked, len(s.cuts), s.answer)
	for _, fate := range slices.Sorted(maps.Keys(s.fates)) {
		t.Logf("%6d %s", s.fates[fate], cmp.Or(fate, "answered well"))
	}
	if told["done"] < len(results)/3 || told["error 503"] == 0 || s.deaths < 10 || len(s.cuts) != s.answer || len(s.fates) < 10 {
		t.Error("too little was tried for a verdict")
	}
}

// ledgerOfTokens is WeChat, which counts what is done to the one access_token.
type ledgerOfTokens struct {
	mu sync.Mutex
	tokenLedger
}

type tokenLedger struct {
	version, forced       int
	asked, made           int
	dead                  bool // the newest one, until it is forced
	calls, storm, refused int
}

func (s *ledgerOfTokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/cgi-bin/stable_token" {
		var ask struct {
			Force bool `json:"force_refresh"`
		}
		_ = json.Unmarshal(body, &ask)
		s.asked++
		if ask.Force {
			s.forced++
			s.version++
			s.dead = false
		}
		fmt.Fprintf(w, `{"access_token":"T%d","expires_in":7200}`, s.version)
		return
	}
	switch {
	case r.URL.Path == "/wxa/storm":
		s.storm++
		io.WriteString(w, `{"errcode":40001,"errmsg":"invalid credential"}`)
	case s.dead || r.URL.Query().Get("access_token") != fmt.Sprintf("T%d", s.version):
		s.refused++
		io.WriteString(w, `{"errcode":42001,"errmsg":"access_token expired"}`)
	default:
		s.calls++
		io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}
}

// Two gateways on one Redis have one access_token. When it dies, be it that another took
// its place or that WeChat has to be forced, it is renewed once for both; and an API
// that answers 40001 for reasons of its own, however often, has it forced no more.
func TestRelayRenewsOnceForTwoNodes(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	wechat := new(ledgerOfTokens)
	f := gatewaytest.NewFleet(t)
	addr := gatewaytest.ServeHTTP(t, wechat)
	f.Fill = strings.NewReplacer("<SIM>", "http://"+addr, "<UPSTREAM>", "127.0.0.1:1", "<DIR>", f.Dir)
	store := "store redis redis://" + redis.Addr
	nodes := []*gatewaytest.Node{f.Add(store, relaySite), f.Add(store, relaySite)}

	for _, step := range []struct {
		name          string
		before        func()
		path          string
		calls         int
		asked, forced int // at most, and exactly
		told          string
	}{
		{"nobody has a token", func() {}, "/wxa/x", 100, 2, 0, "done"},
		{"another took its place", func() { wechat.version++ }, "/wxa/x", 200, 2, 0, "done"},
		{"it is dead until it is forced", func() { wechat.dead = true }, "/wxa/x", 200, 3, 1, "done"},
		{"a storm of 40001", func() {}, "/wxa/storm", 400, 4, 0, "refused"},
		{"after the storm", func() {}, "/wxa/x", 100, 2, 0, "done"},
	} {
		wechat.mu.Lock()
		step.before()
		was := wechat.tokenLedger
		wechat.mu.Unlock()
		var told sync.Map
		gatewaytest.Parallel(step.calls/10, func(i int) {
			for j := range 10 {
				told.Store(relayedBy(t, nodes, i+j, "POST "+step.path+" HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer "+relayKey+"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), true)
			}
		})
		wechat.mu.Lock()
		asked, forced, calls, storm := wechat.asked-was.asked, wechat.forced-was.forced, wechat.calls-was.calls, wechat.storm-was.storm
		refused := wechat.refused - was.refused
		wechat.mu.Unlock()
		t.Logf("%s: %d calls, %d refused by WeChat; the token was asked for %d times, forced %d times", step.name, step.calls, refused+storm, asked, forced)
		told.Range(func(what, _ any) bool {
			if what != step.told {
				t.Errorf("%s: a caller was told %q, want %q", step.name, what, step.told)
			}
			return true
		})
		if asked > step.asked || forced != step.forced {
			t.Errorf("%s: asked for the token %d times, of these %d by force; want at most %d, and %d", step.name, asked, forced, step.asked, step.forced)
		}
		if step.told == "done" && calls != step.calls || storm > 2*step.calls {
			t.Errorf("%s: %d and %d calls were done for %d", step.name, calls, storm, step.calls)
		}
	}
	f.RequireNoRace()
}
