// admin_test.go: what the admin endpoint does before there is a configuration.

package wechat

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The admin endpoint answers before there is a configuration. A script that ends a
// stolen session must not read "not found", which would mean that it is done.
func TestAdminBeforeTheFirstConfiguration(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodDelete, "/wechat/sessions/ba1UFA9IXPZ2ySAMi0OfEg", nil)
	err := answerAdmin(w, serveAdmin(w, r, "/wechat/sessions/", map[string]adminCall{http.MethodDelete: adminEndSession}))
	if err != nil || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"error":"temporarily_unavailable"`) {
		t.Errorf("%d, %v, %s, headers %v; want 503 with Retry-After", w.Code, err, w.Body, w.Header())
	}
}
