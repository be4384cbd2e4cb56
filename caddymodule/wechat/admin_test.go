// admin_test.go: what the admin endpoint does before there is a configuration.

package wechat

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// The admin endpoint answers before there is a configuration. A script that ends a
// stolen session must not read "not found", which would mean that it is done.
func TestAdminBeforeTheFirstConfiguration(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodDelete, "/wechat/sessions/ba1UFA9IXPZ2ySAMi0OfEg", nil)
	err := serveAdmin(w, r, "/wechat/sessions/", map[string]adminCall{http.MethodDelete: adminEndSession})
	var answer caddy.APIError
	if !errors.As(err, &answer) || answer.HTTPStatus != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("answer %v, headers %v; want 503 with Retry-After", err, w.Header())
	}
}
