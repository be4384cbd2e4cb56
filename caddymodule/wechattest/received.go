// received.go: what WeChat took, for tests that must know whether a message was sent twice.

package wechattest

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Received says what WeChat took on one path: calls that it did, whether or not the caller got the answer (see
// [Fault]). Calls that it refused are not among them. Ours, not WeChat's.
type Received struct {
	// Count is how many.
	Count int `json:"count"`
	// Repeated is how many of them had a body that had come before, on the paths that send or keep something: a test
	// that gives each message a text of its own sees here what was sent twice. Of the last 200000 bodies.
	Repeated int `json:"repeated"`
}

// bodiesMatter are the paths on which a second call does a second thing.
var bodiesMatter = []string{PathSubscribeSend, PathCustomSend, PathMsgSecCheck, PathWxaCode, PathMediaUpload}

type received struct {
	paths  map[string]*Received
	bodies *ledger[struct{}]
}

func newReceived() received {
	return received{paths: make(map[string]*Received), bodies: newLedger[struct{}](maxCodes, 0)}
}

func (rec *received) add(r request, path string) {
	n, ok := rec.paths[path]
	if !ok {
		n = new(Received)
		rec.paths[path] = n
	}
	n.Count++
	if !slices.Contains(bodiesMatter, path) {
		return
	}
	sum := sha256.Sum256(r.body)
	key := path + string(sum[:])
	if _, again := rec.bodies.use(key); again {
		n.Repeated++
		return
	}
	rec.bodies.put(r.now, key, struct{}{})
}

// Received tells what WeChat took on the path since the start or the last [Server.ResetCalls]; an error names a path
// that it does not have.
func (s *Server) Received(path string) (Received, error) {
	if _, known := wechatCalls[path]; !known {
		return Received{}, fmt.Errorf("path %q is none of WeChat's here", path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.received.paths[path]; ok {
		return *n, nil
	}
	return Received{}, nil
}
