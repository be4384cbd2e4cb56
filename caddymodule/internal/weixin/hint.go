// hint.go: what to do about a refusal, where only its number is left.

package weixin

// Hint tells an operator what to do about an errcode by which WeChat refused the
// gateway.
func Hint(errcode int) string { return (&Error{Kind: KindRefused, Errcode: errcode}).hint() }
