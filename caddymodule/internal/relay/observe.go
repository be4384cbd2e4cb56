// observe.go: how a call ended, for the caller, the metric and the log.

package relay

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// finish answers a call that was not answered yet, counts it and writes its one line.
func (c *call) finish(err error) {
	result, cause := ResultOK, error(nil)
	var p *problem
	switch {
	case errors.As(err, &p):
		p.write(c.w)
		c.status, c.verdict.errcode = p.status, p.Errcode
		result, cause = p.result, p.cause
	case errors.Is(err, errTimeUp):
		result = ResultTimeout
	case errors.Is(err, context.Canceled):
		result = ResultCanceled
	case err != nil:
		result = ResultBroken
	case c.path != "" && (fold(c.path) == tokenPath || fold(c.path) == stableTokenPath):
		result = ResultToken
	case c.status >= http.StatusBadRequest || c.verdict.errcode != 0:
		result = ResultErrcode
	}
	c.relay.observe(c.app.ID, result)
	line := c.relay.logger.Check(levelOf(result), "relayed")
	if line == nil {
		return
	}
	fields := []zap.Field{
		zap.String("appid", c.app.ID), zap.String("method", c.req.Method), zap.String("path", c.path),
		zap.String("result", string(result)), zap.Int("status", c.status), zap.Duration("duration", time.Since(c.start)),
	}
	if c.verdict.errcode != 0 {
		fields = append(fields, zap.Int("errcode", c.verdict.errcode))
	}
	if c.verdict.rid != "" {
		fields = append(fields, zap.String("rid", c.verdict.rid))
	}
	if cause != nil {
		fields = append(fields, zap.Error(cause))
	}
	line.Write(fields...)
}

// levelOf is how loud a result is: quiet where all went well, louder where the operator
// can mend something. Refused keys are told too; they come slowly.
func levelOf(result Result) zapcore.Level {
	switch result {
	case ResultOK, ResultToken, ResultCanceled, ResultInvalid, ResultDenied:
		return zapcore.DebugLevel // a stranger must not be able to fill the log
	case ResultNoToken, ResultMalformed:
		return zapcore.ErrorLevel
	case ResultUnreachable, ResultTimeout, ResultOverloaded, ResultBroken:
		return zapcore.WarnLevel
	default:
		return zapcore.InfoLevel
	}
}
