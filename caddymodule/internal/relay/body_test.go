// body_test.go: bodies go up and down whole or not at all, and nothing piles up.

package relay

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// zeros is a body of n bytes without holding them.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (w *world) upload(t testing.TB, body io.Reader, length int64) answer {
	t.Helper()
	req, err := http.NewRequest("POST", w.url+"/cgi-bin/media/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	req.Header.Set("Authorization", "Bearer "+testKey)
	return do(t, req)
}

func TestBodySizes(t *testing.T) {
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, r.ContentLength, r.TransferEncoding, err)
	})
	for _, length := range []int64{0, 1, maxKept - 1, maxKept, maxKept + 1, maxBody} {
		w.upload(t, zeros(length), length).want(t, 200, fmt.Sprintf("%d %d [] <nil>", length, length))
	}
	w.upload(t, zeros(maxBody+1), maxBody+1).want(t, 413, "32 MiB")
	// What comes chunked goes on with its length, as far as it can be held.
	for _, length := range []int64{0, 1, maxKept} {
		w.upload(t, zeros(length), -1).want(t, 200, fmt.Sprintf("%d %d [] <nil>", length, length))
	}
	w.upload(t, zeros(maxKept+1), -1).want(t, 413, "send its length")
	w.ask(t, "POST", "/wxa/x", "", "Content-Type", "a/b", "Content-Type", "a/b").want(t, 200, "")
	w.ask(t, "POST", "/wxa/x", "", "Content-Type", "a/b", "Content-Type", "c/d").want(t, 400, "Content-Type is given twice")
}

// A caller that says one length and stops before it: WeChat must not take the part for
// the whole, no call is left hanging, and a caller that still listens is told whose fault
// it is.
func TestBodyBreaksOff(t *testing.T) {
	var whole, asked atomic.Int32
	w := start(t, func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			whole.Add(1)
		}
	}, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	for _, length := range []int{1000, 2 << 20} {
		for _, tt := range []struct {
			name   string
			end    func(conn *net.TCPConn)
			status int
		}{
			{"hangs up", func(conn *net.TCPConn) { _ = conn.Close() }, 0},
			{"ends early", func(conn *net.TCPConn) { _ = conn.CloseWrite() }, 400},
			{"stops", func(*net.TCPConn) {}, 408},
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(conn, "POST /wxa/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\nhalf", testKey, length)
			before := len(w.counted())
			tt.end(conn.(*net.TCPConn))
			wait(t, "the call ends", func() bool { return len(w.counted()) > before })
			if got := w.counted()[before]; got != ResultInvalid && (tt.status != 0 || got != ResultCanceled) {
				t.Errorf("%d bytes, %s: counted as %s", length, tt.name, got)
			}
			if tt.status != 0 {
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatalf("%d bytes, %s: %v", length, tt.name, err)
				}
				text, _ := io.ReadAll(answer.Body)
				if answer.StatusCode != tt.status || !strings.Contains(string(text), `"invalid_request"`) || !answer.Close {
					t.Errorf("%d bytes, %s: %d %s, closes %v; want %d", length, tt.name, answer.StatusCode, text, answer.Close, tt.status)
				}
			}
			_ = conn.Close()
		}
	}
	if whole.Load() != 0 {
		t.Errorf("%d of %d halves were taken for wholes", whole.Load(), asked.Load())
	}
}

// An answer that breaks off does so for the caller too; none is passed on as a whole.
func TestAnswerBreaksOff(t *testing.T) {
	for _, tt := range []struct {
		name   string
		talk   func(w io.Writer)
		status int // 0: the answer is begun and broken off
	}{
		{"before the header", func(w io.Writer) {}, 503},
		{"in the header", func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Le") }, 502},
		{"no HTTP", func(w io.Writer) { _, _ = io.WriteString(w, "hello\r\n\r\n") }, 502},
		{"at the first byte", func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") }, 503},
		{"in a short JSON", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"errcode\":0,")
		}, 503},
		{"in a short picture", func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n\x89PNG") }, 0},
		{"in a long answer", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n{"+strings.Repeat("x", 100_000))
		}, 0},
		{"in a chunked answer", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n")
		}, 0},
		{"too long, and says so", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(maxBody+1)+"\r\n\r\nx")
		}, 502},
		{"too long, chunked", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strconv.FormatInt(maxBody+1, 16)+"\r\n")
			_, _ = io.Copy(w, zeros(maxBody+1))
			_, _ = io.WriteString(w, "\r\n0\r\n\r\n")
		}, 0},
		{"switching protocols", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		}, 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent := rawWeChat(t, func(conn net.Conn, _ int) bool { tt.talk(conn); return false })
			w := startAt(t, sent.url())
			a := w.ask(t, "POST", "/wxa/x", "m")
			if tt.status == 0 && (a.status != 200 && a.status != 0 || a.err == nil) || tt.status != 0 && a.status != tt.status {
				t.Errorf("%d, %d bytes, %v; want %d", a.status, len(a.body), a.err, tt.status)
			}
			if n := sent.requests.Load(); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
	// What is just as long as may be passes.
	w := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, zeros(maxBody)) })
	if a := w.ask(t, "GET", "/wxa/x", ""); a.status != 200 || len(a.body) != maxBody || a.err != nil {
		t.Errorf("%d, %d bytes, %v", a.status, len(a.body), a.err)
	}
}

// A caller that does not read what it asked for is cut off when its time is up.
func TestCallerStopsReading(t *testing.T) {
	w := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, zeros(maxBody)) }, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET /wxa/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", testKey)
	wait(t, "the call ends", func() bool { return len(w.counted()) == 1 && len(w.places) == 0 })
	if got := w.counted()[0]; got != ResultTimeout {
		t.Errorf("counted as %s", got)
	}
}

// Pieces of 32 MiB, up and down, and the memory stays what it was: a backup of all
// media must not need a machine of its own. RELAY_TEST_PIECES=32 sends 1 GiB each way.
func TestBigBodiesStream(t *testing.T) {
	pieces := 3
	if n, err := strconv.Atoi(os.Getenv("RELAY_TEST_PIECES")); err == nil {
		pieces = n
	}
	sum := func(r io.Reader) [sha256.Size]byte {
		h := sha256.New()
		_, _ = io.Copy(h, r)
		return [sha256.Size]byte(h.Sum(nil))
	}
	want := sum(zeros(maxBody))
	var wrong atomic.Int32
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		if sum(r.Body) != want {
			wrong.Add(1)
		}
		w.Header().Set("Content-Length", strconv.Itoa(maxBody))
		_, _ = io.Copy(w, zeros(maxBody))
	})
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&now)
				most.Store(max(most.Load(), now.HeapInuse))
			}
		}
	}()
	for range pieces {
		req, _ := http.NewRequest("POST", w.url+"/cgi-bin/media/upload", zeros(maxBody))
		req.ContentLength = maxBody
		req.Header.Set("Authorization", "Bearer "+testKey)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := sum(resp.Body); resp.StatusCode != 200 || got != want {
			t.Errorf("%d, another sum", resp.StatusCode)
		}
		_ = resp.Body.Close()
	}
	close(stop)
	<-done
	if wrong.Load() != 0 {
		t.Errorf("%d pieces arrived otherwise than they were sent", wrong.Load())
	}
	if grown := int64(most.Load()) - int64(before.HeapInuse); grown > 16<<20 {
		t.Errorf("%d pieces of 32 MiB took %d MiB of memory", pieces, grown>>20)
	} else {
		t.Logf("%d pieces of 32 MiB each way took %d KiB of memory", pieces, grown>>10)
	}
}
