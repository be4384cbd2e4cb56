// doc.go: what the package promises, the one error, the bounds.

// Package opendata proves and opens the user data a mini program hands over:
// rawData with its signature, and encryptedData with its iv.
//
// It promises that what it returns was made under one of the caller's session
// keys, is exactly one strict JSON object (valid UTF-8, no member name twice at
// any depth, nothing after it) and, for encrypted data, carries the caller's
// app id, an acceptable age and no identity but the caller's.
//
// AES-CBC without a MAC does not authenticate. Anyone with one honest
// ciphertext can choose the first 16 bytes of the plaintext by editing the iv,
// and can drop blocks from the front. So every answer is display or contact
// data about a user who is already known; it is never a source of identity.
//
// All functions are pure and safe for concurrent use. The package does no I/O,
// reads no clock, logs nothing, and refuses to say why it refused.
//
// Format: "open data" pages of the WeChat mini program documentation
// (framework/open-ability/signature.html).
package opendata

import "errors"

// ErrInvalid is the only error of this package, always this very value and
// never wrapped. A second one, or a cause in a log line, would be an oracle by
// which clients decrypt and even encrypt under their hidden session key
// (Rizzo and Duong 2010). Callers answer it the same way every time, and stop
// serving a session that collects many.
var ErrInvalid = errors.New("open data does not verify")

const (
	// maxKeys is how many session keys are tried: the newest and the one before.
	maxKeys = 2

	// maxObject bounds ciphertext and rawData, in bytes. 31 days of WeRun steps
	// are below 2 KiB.
	maxObject = 8 << 10

	// maxText bounds encryptedData before its line breaks are dropped, in bytes.
	maxText = 2 * maxObject
)

// first returns the index of the first 1 in pass, or -1.
func first(pass [maxKeys]int) int {
	for i, p := range pass {
		if p == 1 {
			return i
		}
	}
	return -1
}
