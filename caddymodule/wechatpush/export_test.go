package wechatpush

import "time"

// NewAt is a handler that lives at another time: published pushes are of years ago.
func NewAt(now func() time.Time) *Handler { return &Handler{now: now} }
