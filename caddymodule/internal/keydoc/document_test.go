// document_test.go: reading, changing and looking for, with a document of names.

package keydoc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// memory is a storage that fails on command and takes its time.
type memory struct {
	certmagic.Storage // nil: what is not here is not used
	mu                sync.Mutex
	data              string
	loadErr, storeErr error
	delay             time.Duration
	onLoad            func()
	loads, stores     int
	locked            int
	overwrite         string // what another node writes right after us
}

func (m *memory) Load(ctx context.Context, _ string) ([]byte, error) {
	m.mu.Lock()
	m.loads++
	data, err, delay, hook := m.data, m.loadErr, m.delay, m.onLoad
	m.onLoad = nil
	m.mu.Unlock()
	if hook != nil {
		hook()
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err == nil && data == "" {
		err = fs.ErrNotExist
	}
	return []byte(data), err
}

func (m *memory) Store(_ context.Context, _ string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return m.storeErr
	}
	m.stores++
	m.data = string(data)
	if m.overwrite != "" {
		m.data = m.overwrite
	}
	return nil
}

func (m *memory) Lock(context.Context, string) error   { m.locked++; return nil }
func (m *memory) Unlock(context.Context, string) error { m.locked--; return nil }

func (m *memory) set(data string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data = data
}

type names struct{ list []string }

var decodes atomic.Int32

func document(m *memory) *Document[names] {
	return New(Form[names]{
		Storage: m, Path: "names.txt", Lock: "names", What: "names", Ends: "everything",
		Decode: func(data []byte, _ names) (names, error) {
			decodes.Add(1)
			if strings.Contains(string(data), "!") {
				return names{}, errors.New("it is damaged")
			}
			return names{strings.Fields(string(data))}, nil
		},
		Encode: func(n names) ([]byte, error) { return []byte(strings.Join(n.list, " ")), nil },
		Has:    func(n names, id string) bool { return slices.Contains(n.list, id) },
	})
}

func add(name string) func(names) (names, bool, error) {
	return func(n names) (names, bool, error) { return names{append(slices.Clone(n.list), name)}, true, nil }
}

func wantHeld(t *testing.T, d *Document[names], want string) {
	t.Helper()
	if got := strings.Join(d.Held().list, " "); got != want {
		t.Errorf("held: %q, want %q", got, want)
	}
}

func TestAbsenceIsNoFailure(t *testing.T) {
	m := &memory{}
	d := document(m)
	if err := d.Follow(t.Context()); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "names.txt") {
		t.Errorf("Follow = %v, want ErrAbsent and where", err)
	}
	if err := d.Change(t.Context(), false, add("a")); !errors.Is(err, ErrAbsent) || m.stores != 0 {
		t.Errorf("Change = %v, %d writes, want ErrAbsent and none", err, m.stores)
	}
	for _, bad := range []struct {
		data string
		err  error
	}{{"!", nil}, {"a", errors.New("connection refused")}} {
		m.data, m.loadErr = bad.data, bad.err
		if err := d.Change(t.Context(), true, add("a")); err == nil || errors.Is(err, ErrAbsent) || m.stores != 0 {
			t.Errorf("%v: Change = %v, %d writes: what cannot be read must not be replaced", bad, err, m.stores)
		}
	}
	m.data, m.loadErr = "", nil
	if err := d.Change(t.Context(), true, add("a")); err != nil {
		t.Errorf("Change = %v, want nil", err)
	}
	wantHeld(t, d, "a")
	m.data = ""
	if err := d.Follow(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Errorf("Follow = %v, want ErrAbsent", err)
	}
	wantHeld(t, d, "a")
	if m.locked != 0 {
		t.Error("a lock was left")
	}
}

// What storage holds afterwards counts, also when another node has written it.
func TestChangeTakesOverWhatStorageHolds(t *testing.T) {
	m := &memory{data: "a"}
	d := document(m)
	m.overwrite = "a theirs"
	if err := d.Change(t.Context(), false, add("ours")); err != nil {
		t.Errorf("Change = %v, want nil", err)
	}
	wantHeld(t, d, "a theirs")
	m.overwrite, m.storeErr = "", errors.New("read-only")
	if err := d.Change(t.Context(), false, add("ours")); err == nil {
		t.Error("Change = nil, want an error")
	}
	wantHeld(t, d, "a theirs")
	m.storeErr = nil
	if err := d.Change(t.Context(), false, add("!")); err == nil || m.data != "a theirs" {
		t.Errorf("Change = %v, storage has %q: what nobody could read must not be written", err, m.data)
	}
	before := m.stores
	if err := d.Change(t.Context(), false, func(n names) (names, bool, error) { return n, false, nil }); err != nil || m.stores != before {
		t.Errorf("a change of nothing: %v, %d writes", err, m.stores-before)
	}
}

// A document that has not changed is read every few seconds by every node: it is not
// decoded again.
func TestUnchangedIsNotDecoded(t *testing.T) {
	m := &memory{data: "a b"}
	d := document(m)
	d.Follow(t.Context())
	before := decodes.Load()
	for range 5 {
		if err := d.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := decodes.Load() - before; n != 0 {
		t.Errorf("decoded %d times, want none", n)
	}
	m.data = "a c"
	if err := d.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, d, "a c")
}

// A slow reader has read the old document when another Follow takes over the new one.
func TestFollowDoesNotGoBack(t *testing.T) {
	m := &memory{data: "old"}
	d := document(m)
	m.onLoad = func() {
		m.set("new")
		if err := d.Follow(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := d.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, d, "new")
}

// Somebody sends a thousand other ids a second. Storage is read once a second, what
// is remembered and who waits is bounded, and a new key is found all the same.
func TestFindInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{data: "a", delay: 50 * time.Millisecond}
		d := document(m)
		if err := d.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.loads = 0
		var wg sync.WaitGroup
		for i := range 10_000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if _, found, err := d.Find(t.Context(), fmt.Sprint("stray", i)); found || err != nil {
					t.Errorf("Find = %v, %v, want false, nil", found, err)
				}
			})
		}
		time.Sleep(3500 * time.Millisecond)
		m.set("a new")
		if v, found, err := d.Find(t.Context(), "new"); !found || err != nil || len(v.list) != 2 {
			t.Errorf("Find = %v, %v, %v, want the new key", v, found, err)
		}
		wg.Wait()
		if m.loads < 5 || m.loads > 12 {
			t.Errorf("%d reads in ten seconds", m.loads)
		}
		if n := len(d.asks.missing); n > maxMissing || d.asks.waiting != 0 {
			t.Errorf("%d ids are remembered, %d calls wait", n, d.asks.waiting)
		}
	})
}

func TestWaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{data: "a", delay: time.Second}
		d := document(m)
		var busy atomic.Int32
		var wg sync.WaitGroup
		for i := range 2 * maxWaiting {
			wg.Go(func() {
				if _, _, err := d.Find(t.Context(), fmt.Sprint("stray", i)); errors.Is(err, ErrBusy) {
					busy.Add(1)
				}
			})
		}
		wg.Wait()
		if n := busy.Load(); n != maxWaiting {
			t.Errorf("%d were told at once, want %d", n, maxWaiting)
		}
		if _, found, err := d.Find(t.Context(), "a"); !found || err != nil {
			t.Errorf("Find = %v, %v, want true, nil", found, err)
		}
	})
}

// Storage is away: that is no answer, it is not asked again for a second, and who
// leaves does not end the look of the others.
func TestFindInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{data: "a", loadErr: errors.New("connection refused")}
		d := document(m)
		for range 5 {
			if _, found, err := d.Find(t.Context(), "a"); found || err == nil {
				t.Errorf("Find = %v, %v, want an error", found, err)
			}
		}
		if m.loads != 1 {
			t.Errorf("%d reads, want 1", m.loads)
		}
		time.Sleep(findInterval)
		m.loadErr, m.delay = nil, time.Second
		left, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := d.Find(left, "a"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Find = %v, want context.DeadlineExceeded", err)
			}
		})
		time.Sleep(time.Millisecond)
		if _, found, err := d.Find(t.Context(), "a"); !found || err != nil {
			t.Errorf("Find = %v, %v, want true, nil", found, err)
		}
		wg.Wait()
		m.delay = time.Hour
		began := time.Now()
		if _, _, err := d.Find(t.Context(), "b"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > findTimeout+findInterval {
			t.Errorf("Find = %v after %v, want an end after %v", err, time.Since(began), findTimeout)
		}
	})
}

// While a look reads the old document, a Follow takes over the new one: the look must
// neither bring the old one back nor call a key nobody's.
func TestLookIsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{data: "old"}
		d := document(m)
		m.onLoad = func() {
			m.set("old new")
			if err := d.Follow(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, found, err := d.Find(t.Context(), "new"); !found || err != nil {
			t.Errorf("Find = %v, %v, want true, nil", found, err)
		}
		wantHeld(t, d, "old new")
		if len(d.asks.missing) != 0 {
			t.Errorf("missing: %v", d.asks.missing)
		}
	})
}

func TestSecretIsShownInJSONOnly(t *testing.T) {
	s := Secret("hunter2")
	if got := fmt.Sprintf("%v %s %x %+v %#v", s, s, s, struct{ S Secret }{s}, &s); strings.Contains(got, "hunter2") || strings.Contains(got, "68756e") {
		t.Errorf("shown: %s", got)
	}
	data, err := Marshal(struct{ S Secret }{s})
	var back struct{ S Secret }
	if err2 := Unmarshal(data, &back); err != nil || err2 != nil || string(back.S) != "hunter2" {
		t.Errorf("%s: %v, %v", data, err, err2)
	}
	for _, bad := range []string{"", "{", `{"S":""}x`, `{"T":1}`, `{"S":"hunter2"`} {
		if err := Unmarshal([]byte(bad), &back); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
