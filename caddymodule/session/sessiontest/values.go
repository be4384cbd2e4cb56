// values.go: the rules about shared values.

package sessiontest

import (
	"bytes"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func valueChecks() []check {
	return []check{
		{"Value of what is not there is ErrNotFound", func(t tb, e env) {
			wantNoValue(t, e.store, name("v", 1), "never set")
		}},
		{"UpdateValue gives change nil when there is none, and then the present value", func(t tb, e env) {
			key := name("v", 1)
			for i, want := range []string{"", "1", "2"} {
				update(t, e, key, later(), func(old []byte) ([]byte, error) {
					if string(old) != want || (old == nil) != (i == 0) {
						t.Errorf("change %d was given %q (nil: %v), want %q", i+1, old, old == nil, want)
					}
					return plusOne(old)
				})
			}
			wantValue(t, e.store, key, "3")
			wantNoValue(t, e.store, name("v", 2), "another key")
		}},
		{"UpdateValue deletes when change returns nil", func(t tb, e env) {
			key := name("v", 1)
			gone := func([]byte) ([]byte, error) { return nil, nil }
			update(t, e, key, later(), gone)
			wantNoValue(t, e.store, key, "nil for what was not there")
			update(t, e, key, later(), set("here"))
			update(t, e, key, later(), gone)
			wantNoValue(t, e.store, key, "nil for what was there")
			update(t, e, key, later(), set("again"))
			wantValue(t, e.store, key, "again")
		}},
		{"UpdateValue keeps an empty value, which is not nil", func(t tb, e env) {
			update(t, e, name("v", 1), later(), func([]byte) ([]byte, error) { return []byte{}, nil })
			wantValue(t, e.store, name("v", 1), "")
		}},
		{"UpdateValue returns an error of change as it is and writes nothing", func(t tb, e env) {
			key := name("v", 1)
			for _, own := range []error{errors.New("no"), session.ErrNotFound, session.ErrFull} {
				refuse := func([]byte) ([]byte, error) { return []byte("written"), own }
				if err := e.store.UpdateValue(ctx, key, later(), refuse); err != own {
					t.Errorf("UpdateValue of none = %v, want change's own %v", err, own)
				}
				wantNoValue(t, e.store, key, "change refused")
				update(t, e, key, later(), set("kept"))
				if err := e.store.UpdateValue(ctx, key, later(), refuse); err != own {
					t.Errorf("UpdateValue = %v, want change's own %v", err, own)
				}
				wantValue(t, e.store, key, "kept")
				update(t, e, key, later(), func([]byte) ([]byte, error) { return nil, nil })
			}
		}},
		{"a value expires at the time of its last update", func(t tb, e env) {
			until := soon()
			longer, shorter := name("v", 1), name("v", 2)
			update(t, e, longer, until, set("a"))
			update(t, e, longer, later(), set("b"))
			update(t, e, shorter, later(), set("a"))
			update(t, e, shorter, until, set("b"))
			wantValue(t, e.store, shorter, "b")
			e.expire(until)
			wantValue(t, e.store, longer, "b")
			wantNoValue(t, e.store, shorter, "expired")
			update(t, e, shorter, later(), func(old []byte) ([]byte, error) {
				if old != nil {
					t.Errorf("change was given the expired %q, want nil", old)
				}
				return []byte("c"), nil
			})
			wantValue(t, e.store, shorter, "c")
		}},
		{"UpdateValue with a past expiry keeps nothing, least of all for ever", func(t tb, e env) {
			for i, until := range []time.Time{past(), time.Now(), time.Unix(0, 0)} {
				update(t, e, name("v", i), until, set("immortal"))
				wantNoValue(t, e.store, name("v", i), "expired when set")
				update(t, e, name("v", i), later(), set("here"))
				update(t, e, name("v", i), until, set("immortal"))
				wantNoValue(t, e.store, name("v", i), "replaced by an expired one")
			}
		}},
		{"UpdateValue loses none of many at once", func(t tb, e env) {
			key := name("v", 1)
			until := later()
			together(20, func(int) {
				for range 25 {
					if err := e.store.UpdateValue(ctx, key, until, plusOne); err != nil {
						t.Errorf("UpdateValue = %v, want nil", err)
					}
				}
			})
			wantValue(t, e.store, key, "500")
		}},
		{"values are kept whole up to 64 KiB and not modified", func(t tb, e env) {
			big := bytes.Repeat([]byte("\x00\xffvalue\n"), 8<<10)
			given := bytes.Clone(big)
			update(t, e, name("v", 1), later(), func([]byte) ([]byte, error) { return big, nil })
			out, err := e.store.Value(ctx, name("v", 1))
			if err != nil || !bytes.Equal(out, given) {
				t.Fatalf("Value = %d bytes, %v, want the %d given", len(out), err, len(given))
			}
			update(t, e, name("v", 1), later(), func(old []byte) ([]byte, error) { return old[:len(old)/2], nil })
			update(t, e, name("v", 1), later(), func([]byte) ([]byte, error) { return bytes.Repeat([]byte("x"), 64<<10), nil })
			update(t, e, name("v", 1), later(), func([]byte) ([]byte, error) { return nil, nil })
			if !bytes.Equal(big, given) || !bytes.Equal(out, given) {
				t.Errorf("a slice that went in or came out was modified")
			}
		}},
	}
}

func update(t tb, e env, key string, until time.Time, change func([]byte) ([]byte, error)) {
	t.Helper()
	if err := e.store.UpdateValue(ctx, key, until, change); err != nil {
		t.Fatalf("UpdateValue = %v, want nil", err)
	}
}

func wantValue(t tb, s session.Store, key, want string) {
	t.Helper()
	got, err := s.Value(ctx, key)
	if err != nil || string(got) != want {
		t.Errorf("Value(%q) = %q, %v, want %q, nil", key, got, err, want)
	}
}

func wantNoValue(t tb, s session.Store, key, why string) {
	t.Helper()
	if got, err := s.Value(ctx, key); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("%s: Value(%q) = %q, %v, want ErrNotFound", why, key, got, err)
	}
}
