// push.go: the secrets of an app's message push.

package gatewaytest

const (
	PushToken = "PushToken123"
	PushKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)
