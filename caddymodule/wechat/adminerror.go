// adminerror.go: what the admin endpoint's /wechat/ says when it cannot do what was asked.

package wechat

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

// adminError is an error with its answer, in the form of all others of the gateway:
// a code for programs, a description for people.
func adminError(status int, format string, args ...any) error {
	code := "invalid_request"
	if status == http.StatusServiceUnavailable {
		code = "temporarily_unavailable"
	}
	return &problem.RequestError{Status: status, Code: code, Description: fmt.Sprintf(format, args...)}
}

// adminStoreError tells an operator why the store did not answer: unlike a
// client, an operator may know.
func adminStoreError(err error) error {
	return adminError(http.StatusServiceUnavailable, "the session store cannot answer: %v", err)
}

// answerAdmin writes the answer of an adminError, and logs it as Caddy does its own.
// Other errors are left to Caddy.
func answerAdmin(w http.ResponseWriter, err error) error {
	var refused *problem.RequestError
	if !errors.As(err, &refused) {
		return err
	}
	caddy.Log().Named("admin.api").Error("request error", zap.Error(err), zap.Int("status_code", refused.Status))
	return problem.Classify(refused).Write(w)
}
