// validated.go: what `caddy validate` says of a configuration that is valid.

package wechat

import (
	"context"

	"go.uber.org/zap"
)

// validationEnded is the cause of the end of a configuration that Caddy only validated.
// Caddy has no name for it.
const validationEnded = "validation complete"

// tellValidated says at the end of `caddy validate` and `caddy adapt --validate` what the
// log of a start would: what is open, and what Start would refuse. The servers can be
// looked at when all of them are provisioned, and of a configuration that is not going
// to start only Cleanup is told that.
func (a *App) tellValidated() {
	if a.engine == nil || a.ctx.Context == nil { // not provisioned
		return
	}
	if cause := context.Cause(a.ctx); cause == nil || cause.Error() != validationEnded {
		return
	}
	err := a.checkServers()
	if err == nil {
		err = a.tellOpenings()
	}
	if err != nil {
		a.logger.Error("this configuration will not start", zap.Error(err))
	}
}
