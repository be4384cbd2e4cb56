package gate

import (
	"testing"
	"time"
)

const testCookie = "__Host-sid"

func TestCookieName(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"sid", "__Host-sid"},
		{"__Host-sid", "__Host-sid"},
		{"__Secure-sid", "__Host-__Secure-sid"},
		{"__host-sid", "__Host-__host-sid"}, // browsers take any case, Go and we do not
		{"a.b_c-d", "__Host-a.b_c-d"},
	} {
		if got, err := CookieName(tt.name); err != nil || got != tt.want {
			t.Errorf("CookieName(%q) = %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	for _, name := range []string{"", "__Host-", "a b", "a=b", "a;b", "a,b", "a\r\nb", "a\x00", "é", `"a"`, "a/b", "{a}"} {
		if got, err := CookieName(name); err == nil {
			t.Errorf("CookieName(%q) = %q; want an error", name, got)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	for _, tt := range []struct {
		token    string
		lifetime time.Duration
		want     string
	}{
		{"a.b.c", 90 * time.Second, "__Host-sid=a.b.c; Path=/; Max-Age=90; HttpOnly; Secure; SameSite=Lax"},
		{"", 0, "__Host-sid=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		if got := SessionCookie(testCookie, tt.token, tt.lifetime).String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
