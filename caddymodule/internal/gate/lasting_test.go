package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestLasting(t *testing.T) {
	for value, want := range map[string]bool{
		"text/event-stream": true, "Text/Event-Stream": true, "text/html, text/event-stream;q=0.9": true, "*/*, text/event-stream": true,
		"*/*": false, "": false, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false, "text/event-streams": false, "text/event-strea\u212a": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header = http.Header{"Accept": {"application/json", value}}
		if got := Scrub(r).Lasting; got != want {
			t.Errorf("Accept %q: %v; want %v", value, got, want)
		}
	}
	for value, want := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "Application/GRPC; x=y": true, "application/grpc-web-text": true,
		"application/json": false, "application/grp": false, "": false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header = http.Header{"Content-Type": {value}}
		if got := Scrub(r).Lasting; got != want {
			t.Errorf("Content-Type %q: %v; want %v", value, got, want)
		}
	}
}

// Nearly all requests have no stream behind them; those pay nothing for the ones that do.
func TestPlainRequestsAllocateNothing(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{
		"Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, "Content-Type": {"application/json"},
		"User-Agent": {"x"}, "X-Forwarded-For": {"192.0.2.1"}, "Www-Nothing": {"x"},
	}
	if n := testing.AllocsPerRun(100, func() {
		if Scrub(r).Lasting {
			t.Error("a plain request lasts")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a plain request", n)
	}
}
