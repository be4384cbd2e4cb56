// relay_memory_test.go: large pieces through the relay, and the memory of its process.

package wechatapi_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const pieceSize = 32 << 20 // the most that is relayed

// piece is 32 MiB without holding them: the numbers of its blocks.
func piece() io.Reader { return io.LimitReader(new(blocks), pieceSize) }

type blocks struct{ n byte }

func (b *blocks) Read(p []byte) (int, error) {
	p = p[:min(len(p), 4<<10)]
	for i := range p {
		p[i] = b.n
	}
	b.n++
	return len(p), nil
}

func sumOf(r io.Reader) ([sha256.Size]byte, error) {
	h := sha256.New()
	_, err := io.CopyBuffer(h, struct{ io.Reader }{r}, make([]byte, 4<<10))
	return [sha256.Size]byte(h.Sum(nil)), err
}

// residentMiB reads a line of /proc/<pid>/status: VmRSS, or VmHWM, the most so far.
func residentMiB(t *testing.T, n *gatewaytest.Node, line string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatalf("/proc has no %s", line)
	return 0
}

// Four at a time, pieces of 32 MiB go up and others come down. Held whole, four of them
// would take 128 MiB; the process takes what it took for a small call, and its buffers.
// CADDY_WECHAT_TEST_PIECES=32 sends 1 GiB each way.
func TestRelayMemoryIsFlat(t *testing.T) {
	const atOnce = 4
	pieces := 8
	if n, err := strconv.Atoi(os.Getenv("CADDY_WECHAT_TEST_PIECES")); err == nil {
		pieces = max(n, atOnce)
	}
	want, err := sumOf(piece())
	if err != nil {
		t.Fatal(err)
	}
	var wrong, arrived atomic.Int64
	wechat := gatewaytest.ServeHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cgi-bin/stable_token":
			io.WriteString(w, `{"access_token":"T0","expires_in":7200}`)
		case "/cgi-bin/media/upload":
			if got, err := sumOf(r.Body); err != nil || got != want || r.ContentLength != pieceSize {
				wrong.Add(1)
			}
			arrived.Add(1)
			io.WriteString(w, `{"errcode":0}`)
		case "/cgi-bin/media/get":
			w.Header().Set("Content-Type", "video/mp4")
			if r.URL.Query().Get("chunked") == "" {
				w.Header().Set("Content-Length", strconv.Itoa(pieceSize))
			}
			_, _ = io.CopyBuffer(struct{ io.Writer }{w}, piece(), make([]byte, 4<<10))
		default:
			io.WriteString(w, `{"errcode":0}`)
		}
	}))
	f := gatewaytest.NewFleet(t)
	f.Fill = strings.NewReplacer("<SIM>", "http://"+wechat, "<UPSTREAM>", "127.0.0.1:1", "<DIR>", f.Dir)
	n := f.Add("store memory", relaySite)
	f.Http.Timeout = 5 * time.Minute

	send := func(method, target string, body io.Reader, length int64) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.More+target, body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+relayKey)
		r.ContentLength = length
		return f.Http.Do(r)
	}
	for range 200 { // buffers, connections, the heap of a busy process
		response, err := send("POST", "/wxa/x", strings.NewReader("{}"), 2)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	before := residentMiB(t, n, "VmRSS")
	for way, one := range map[string]func(i int) error{
		"up": func(int) error {
			response, err := send("POST", "/cgi-bin/media/upload", piece(), pieceSize)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if response.StatusCode != 200 {
				err = fmt.Errorf("%d %s %v", response.StatusCode, text, err)
			}
			return err
		},
		"down": func(i int) error {
			response, err := send("GET", "/cgi-bin/media/get?chunked="+[]string{"", "1"}[i%2], nil, 0)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if got, err := sumOf(response.Body); err != nil || got != want || response.StatusCode != 200 {
				return fmt.Errorf("%d, another sum, %v", response.StatusCode, err)
			}
			return nil
		},
	} {
		var next atomic.Int64
		began := time.Now()
		gatewaytest.Parallel(atOnce, func(int) {
			for {
				i := int(next.Add(1))
				if i > pieces {
					return
				}
				if err := one(i); err != nil {
					t.Errorf("%s: %v", way, err)
				}
			}
		})
		most := residentMiB(t, n, "VmHWM")
		t.Logf("%s: %d MiB in pieces of 32 MiB, %d at a time, in %v: %d MiB before, %d MiB at most so far", way, pieces*32, atOnce, time.Since(began).Round(time.Millisecond), before, most)
		if most-before > 48 {
			t.Errorf("%s: the process grew by %d MiB", way, most-before)
		}
	}
	if arrived.Load() != int64(pieces) || wrong.Load() != 0 {
		t.Errorf("%d pieces arrived, %d of them otherwise than they were sent", arrived.Load(), wrong.Load())
	}
	f.RequireNoRace()
}
