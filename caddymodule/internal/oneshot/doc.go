// doc.go: what the package promises and what it refuses.

// Package oneshot is an HTTP/1.1 transport that sends each request at most once.
// net/http repeats some requests by itself when a kept-alive connection dies; WeChat
// spends a login code and sends a message each time that it is asked.
//
// It also tells network errors in words that hold no byte of a URL, a request or a
// response. It knows no WeChat, follows no redirect and repeats nothing.
package oneshot
