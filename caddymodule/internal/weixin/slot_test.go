// slot_test.go: the exchange in two steps, the queue, and what a flood does (M2, M5).

package weixin

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// 10 000 clients log in at once while WeChat is slow: it must never see more than the
// limit, what does not fit in the queue is told so, and nobody hangs.
func TestFloodIsBounded(t *testing.T) {
	const limit, queue, logins = 8, 64, 10_000
	var now, most, served atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		served.Add(1)
		time.Sleep(2 * time.Millisecond)
		_, _ = w.Write([]byte(goodAnswer))
	}, func(o *Options) { o.MaxConcurrent, o.MaxQueue = limit, queue })

	ctx := deadline(t, 30*time.Second)
	var ok, shed atomic.Int64
	var wg sync.WaitGroup
	for range logins {
		wg.Go(func() {
			switch _, err := exchange(ctx, c, testCode); KindOf(err) {
			case "":
				ok.Add(1)
			case KindOverloaded:
				shed.Add(1)
				if d := err.(*Error).RetryAfter(); d < time.Second {
					t.Errorf("retry after %v", d)
				}
			default:
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if most.Load() > limit {
		t.Errorf("%d calls at once, limit %d", most.Load(), limit)
	}
	if ok.Load()+shed.Load() != logins || ok.Load() < limit+queue || shed.Load() == 0 || ok.Load() != served.Load() {
		t.Errorf("ok %d, shed %d, served %d", ok.Load(), shed.Load(), served.Load())
	}
	if taken, queued := c.gate.taken(), c.gate.queue.Len(); taken != 0 || queued != 0 {
		t.Errorf("%d places and %d waiting are left behind", taken, queued)
	}
}

// Time spent in the queue ends like any other, and nothing is sent.
func TestQueueObeysContext(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) }, func(o *Options) { o.MaxConcurrent = 1 })
	slot, err := c.Acquire(t.Context(), CallCode2Session, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Acquire(deadline(t, 10*time.Millisecond), CallCode2Session, "", nil)
	wantKind(t, err, KindOverloaded)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = c.Acquire(ctx, CallCode2Session, "", nil)
	wantKind(t, err, KindCanceled)
	slot.Release()
	slot.Release()
	if again, err := c.Acquire(t.Context(), CallCode2Session, "", nil); err != nil {
		t.Error(err)
	} else {
		again.Release()
	}
	if taken := c.gate.taken(); calls.Load() != 0 || taken != 0 {
		t.Errorf("%d calls, %d places taken", calls.Load(), taken)
	}
}

func TestQueueCanBeOff(t *testing.T) {
	c := newClient(t, "http://127.0.0.1:1", func(o *Options) { o.MaxConcurrent, o.MaxQueue = 1, -1 })
	slot, err := c.Acquire(t.Context(), CallCode2Session, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slot.Release()
	_, err = c.Acquire(t.Context(), CallCode2Session, "", nil)
	wantKind(t, err, KindOverloaded)
}

// A caller that loops over a slot would send a code twice.
func TestSlotIsForOneCall(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = w.Write([]byte(`{"errcode":-1}`))
	})
	slot, err := c.Acquire(t.Context(), CallCode2Session, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slot.Release()
	_, err = slot.Code2Session(t.Context(), testApp, testCode)
	wantKind(t, err, KindBusy)
	_, err = slot.Code2Session(t.Context(), testApp, testCode)
	wantKind(t, err, KindShed)
	slot.Release()
	_, err = slot.Code2Session(t.Context(), testApp, testCode)
	wantKind(t, err, KindShed)
	unused, err := c.Acquire(t.Context(), CallCode2Session, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	unused.Release()
	_, err = unused.Code2Session(t.Context(), testApp, testCode)
	wantKind(t, err, KindShed)
	if calls.Load() != 1 {
		t.Errorf("%d requests, want 1", calls.Load())
	}
}

func TestObserver(t *testing.T) {
	type seen struct{ call, result string }
	var got []seen
	o := &Observer{Observe: func(call, result string, d time.Duration) {
		if d < 0 {
			t.Errorf("duration %v", d)
		}
		got = append(got, seen{call, result})
	}}
	body := goodAnswer
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) },
		func(o *Options) { o.MaxConcurrent, o.MaxQueue = 1, -1 })
	slot, _ := c.Acquire(t.Context(), CallCode2Session, "", o)
	_, _ = c.Acquire(t.Context(), CallCode2Session, "", o)
	_, _ = slot.Code2Session(t.Context(), testApp, testCode)
	slot.Release()
	body = `{"errcode":87009}`
	_ = c.CheckSession(t.Context(), "", "T", "o", testKey, o)
	_ = c.CheckSession(t.Context(), "", "T", "o", testKey, nil)
	_ = c.CheckSession(t.Context(), "", "T", "o", testKey, &Observer{})
	body = `{"errcode":40029}`
	_, _ = c.PhoneNumber(t.Context(), "", "T", "c", "o", o)
	body = `{"errcode":0,"openid":"o",` + key + `}`
	_, _ = c.ResetSessionKey(t.Context(), "", "T", "o", testKey, o)
	body = `{"access_token":"T","expires_in":7200}`
	_, _, _ = c.stableToken(t.Context(), testApp, false, o)
	want := []seen{{"code2session", "overloaded"}, {"code2session", "ok"}, {"check_session", "bad_signature"},
		{"phone_number", "bad_code"}, {"reset_session_key", "ok"}, {"stable_token", "ok"}}
	if len(got) != len(want) {
		t.Fatalf("observed %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("observed %v, want %v", got[i], want[i])
		}
	}
}
