// relay.go: what a relayed call and a push cost beside the same request through plain
// reverse_proxy, to the same stand-in (-relay).

package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	wechatRole = "serve-as-wechat"
	relayKey   = "relay-key-0123456789abcdef"
	pushToken  = "PushToken123"
	pushAESKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	large      = 10 << 20
)

// serveWeChat answers as WeChat and as a backend, and costs little.
func serveWeChat(address string) error {
	token := []byte(`{"access_token":"90_0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789","expires_in":7200}`)
	ok := []byte(`{"errcode":0,"errmsg":"ok","msgid":294402298110051942}`)
	down := make([]byte, large)
	send := func(w http.ResponseWriter, kind string, body []byte) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = []string{kind}, []string{strconv.Itoa(len(body))}
		_, _ = w.Write(body)
	}
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/cgi-bin/stable_token":
			send(w, "application/json", token)
		case "/cgi-bin/media/get":
			send(w, "video/mp4", down)
		case "/push":
			send(w, "text/plain", []byte("success"))
		default:
			send(w, "application/json", ok)
		}
	}))
}

// request is one of them: its head, and how many bytes of body follow that are zero.
type request struct {
	head []byte
	up   int
}

var zeros = make([]byte, 64<<10)

// send sends a request and throws the answer away, whose status must be 200.
func (c *conn) send(r request) error {
	if _, err := c.Write(r.head); err != nil {
		return err
	}
	for left := r.up; left > 0; {
		n, err := c.Write(zeros[:min(left, len(zeros))])
		if err != nil {
			return err
		}
		left -= n
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{response.Body}, make([]byte, 64<<10))
	return err
}

func post(host, target, kind, body string, more ...string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
		target, host, relayKey, kind, strings.Join(more, ""), len(body), body)
}

const smallBody = `{"touser":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","template_id":"TEMPLATE_ID","page":"index?foo=bar","data":{"number01":{"value":"339208499"},"date01":{"value":"2015-01-05"},"site01":{"value":"TIT"}}}`

func pushMessage(i int) string {
	return fmt.Sprintf(`{"ToUserName":"gh_97417a04a28d","FromUserName":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","CreateTime":%d,"MsgType":"text","Content":"hello world, this is what somebody wrote","MsgId":%d}`, time.Now().Unix(), 7_000_000_000_000_000_000+i)
}

// sealedPush is a push as WeChat makes it in the secure mode.
func sealedPush(host string, i int) []byte {
	key, _ := base64.StdEncoding.DecodeString(pushAESKey + "=")
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key is a constant
	}
	data := make([]byte, 16, 512)
	_, _ = rand.Read(data)
	message := pushMessage(i)
	data = append(binary.BigEndian.AppendUint32(data, uint32(len(message))), message+appID...)
	pad := 32 - len(data)%32
	data = append(data, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(data, data)
	text := base64.StdEncoding.EncodeToString(data)
	stamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), strconv.Itoa(1_000_000_000+i)
	sign := func(parts ...string) string {
		slices.Sort(parts)
		sum := sha1.Sum([]byte(strings.Join(parts, "")))
		return hex.EncodeToString(sum[:])
	}
	return post(host, "/push?signature="+sign(pushToken, stamp, nonce)+"&timestamp="+stamp+"&nonce="+nonce+"&openid=oGZUI0egBJY1zhBYw2KhdUfwVJJE&encrypt_type=aes&msg_signature="+sign(pushToken, stamp, nonce, text),
		"application/json", `{"ToUserName":"gh_97417a04a28d","Encrypt":"`+text+`"}`)
}

// relayProcesses are the Caddyfiles of the processes, without what all have.
var relayProcesses = map[string]struct{ global, site string }{
	"plain":       {"", "reverse_proxy <STANDIN>"},
	"relay":       {"store memory", "wechat_api {\n key " + relayKey + "\n}"},
	"push-memory": {"store memory", "wechat_push\n reverse_proxy <STANDIN>"},
	"push-local":  {"store local", "wechat_push\n reverse_proxy <STANDIN>"},
}

// relayCase is one comparison: each process of it gets the request of its side.
type relayCase struct {
	name        string
	processes   []string // the first is the base
	turn, conns int
	make        func(process, host string, i int) request
}

var relayCases = []relayCase{
	{"small JSON call", []string{"plain", "relay"}, 600, 16, func(_, host string, _ int) request {
		return request{head: post(host, "/cgi-bin/message/subscribe/send", "application/json", smallBody)}
	}},
	{"10 MiB up", []string{"plain", "relay"}, 8, 4, func(_, host string, _ int) request {
		head := post(host, "/cgi-bin/media/upload?type=video", "application/octet-stream", "")
		return request{bytes.Replace(head, []byte("Content-Length: 0"), fmt.Appendf(nil, "Content-Length: %d", large), 1), large}
	}},
	{"10 MiB down", []string{"plain", "relay"}, 8, 4, func(_, host string, _ int) request {
		return request{head: fmt.Appendf(nil, "GET /cgi-bin/media/get?media_id=x HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", host, relayKey)}
	}},
	{"push, sealed", []string{"plain", "push-memory", "push-local"}, 400, 16, func(process, host string, i int) request {
		if process == "plain" {
			return request{head: post(host, "/push", "application/json", pushMessage(i))}
		}
		return request{head: sealedPush(host, i)}
	}},
}

// relayBench measures all cases in rounds; a round is one turn of each.
func relayBench(ctx context.Context, s *settings, b *binaries, dir string, out io.Writer) error {
	f := &fleet{dir: dir, bins: b}
	defer f.stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	standIn, err := freeAddress()
	if err != nil {
		return err
	}
	if _, err := f.launch(ctx, "wechat", standIn, nil, self, wechatRole, standIn); err != nil {
		return err
	}
	pids, sites := make(map[string]int), make(map[string]string)
	for name := range relayProcesses {
		if pids[name], sites[name], err = f.openRelay(ctx, name, standIn); err != nil {
			return err
		}
	}
	costs := make(map[string][]float64) // by case and process
	conns := make(map[string][]*conn)
	defer func() {
		for _, list := range conns {
			closeAll(list)
		}
	}()
	sent := 0
	turn := func(c *relayCase, process string) (float64, error) {
		key := c.name + process
		for len(conns[key]) < c.conns {
			one, err := dial(sites[process])
			if err != nil {
				return 0, err
			}
			conns[key] = append(conns[key], one)
		}
		requests := make([]request, c.turn)
		for i := range requests {
			requests[i] = c.make(process, sites[process], sent)
			sent++
		}
		before, err := cpuTime(pids[process])
		if err != nil {
			return 0, err
		}
		if err := each(ctx, conns[key], c.turn, func(one *conn, i int) error { return one.send(requests[i]) }); err != nil {
			return 0, fmt.Errorf("%s, %s: %w", c.name, process, err)
		}
		after, err := cpuTime(pids[process])
		return micros(after-before) / float64(c.turn), err
	}
	began, load := time.Now(), loadAverage()
	rounds := 0
	for ; rounds < s.rounds+1 && (rounds < 2 || time.Since(began) < s.budget); rounds++ {
		fmt.Fprint(os.Stderr, ".")
		for i := range relayCases {
			c := &relayCases[i]
			order := slices.Clone(c.processes)
			if rounds%2 == 1 {
				slices.Reverse(order)
			}
			for _, process := range order {
				cost, err := turn(c, process)
				if err != nil {
					return err
				}
				if rounds > 0 { // the first is to get warm
					costs[c.name+process] = append(costs[c.name+process], cost)
				}
			}
		}
	}
	fmt.Fprintf(out, "\n%d rounds, load average %.1f before and %.1f after, %.0f s\n\n", rounds-1, load, loadAverage(), time.Since(began).Seconds())
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "request\tthrough\tCPU µs\t±\trange\tto reverse_proxy\tmore, µs\t±\t")
	for _, c := range relayCases {
		base := costs[c.name+c.processes[0]]
		for i, process := range c.processes {
			own := costs[c.name+process]
			d := describe(own)
			fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%.0f-%.0f\t", c.name, strings.Replace(process, "plain", "reverse_proxy", 1), d.Median, d.MAD, d.Min, d.Max)
			if i == 0 {
				fmt.Fprintln(t, "-\t-\t-\t")
				continue
			}
			more := make([]float64, len(own))
			for j := range own {
				more[j] = own[j] - base[j]
			}
			m := describe(more)
			fmt.Fprintf(t, "%s\t%.1f\t%.1f\t\n", ratio(describe(ratios(own, base))), m.Median, m.Error)
		}
	}
	return t.Flush()
}

// openRelay starts one of the processes.
func (f *fleet) openRelay(ctx context.Context, name, standIn string) (pid int, site string, err error) {
	if site, err = freeAddress(); err != nil {
		return 0, "", err
	}
	dir, err := f.place(name)
	if err != nil {
		return 0, "", err
	}
	p := relayProcesses[name]
	_, port, _ := strings.Cut(site, ":")
	text := "{\n\tadmin off\n\tpersist_config off\n\tskip_install_trust\n\tauto_https off\n\tgrace_period 1s\n"
	if p.global != "" {
		text += fmt.Sprintf("\twechat {\n\t\tapp %s %s {\n\t\t\tpush %s %s\n\t\t}\n\t\tapi_base http://%s\n\t\t%s\n\t}\n", appID, secret, pushToken, pushAESKey, standIn, p.global)
	}
	text += fmt.Sprintf("\t{$LOADBENCH_GLOBAL}\n}\nhttp://:%s {\n\tbind 127.0.0.1\n\t%s\n}\n", port, strings.ReplaceAll(p.site, "<STANDIN>", standIn))
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(text), 0o600); err != nil {
		return 0, "", err
	}
	c, err := f.launchIn(ctx, dir, name, site, nil, f.bins.caddy, "run", "--config", "config", "--adapter", "caddyfile")
	if err != nil {
		return 0, "", err
	}
	return c.PID(), site, nil
}
