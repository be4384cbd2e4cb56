// frames.go: as much of RFC 6455 as short text messages need.

package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
)

const textFrame, closeFrame = 0x81, 0x88 // whole messages

var errClosed = errors.New("the WebSocket was closed")

// acceptOf answers the key of a handshake.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// writeFrame sends a text of at most 125 bytes; what a client sends is masked.
func writeFrame(w io.Writer, text []byte, masked bool) error {
	frame := []byte{textFrame, byte(len(text))}
	if masked {
		frame[1] |= 0x80
		frame = append(frame, 0, 0, 0, 0) // a mask of zeros changes nothing
	}
	_, err := w.Write(append(frame, text...))
	return err
}

// readFrame reads one such message.
func readFrame(r *bufio.Reader) ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if head[0] == closeFrame {
		return nil, errClosed
	}
	masked := head[1]&0x80 != 0
	size := int(head[1] & 0x7f)
	if head[0] != textFrame || size > 125 {
		return nil, errors.New("an unexpected WebSocket frame")
	}
	if masked {
		size += 4
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	if !masked {
		return body, nil
	}
	for i := range body[4:] {
		body[4+i] ^= body[i%4]
	}
	return body[4:], nil
}
