// signer.go: which key a node signs with.

package gatewaytest

import (
	"encoding/json"
	"testing"
)

// Signer is the kid of the key by which the node signs.
func (n *Node) Signer(t *testing.T) string {
	t.Helper()
	got := n.Request("GET", "http://"+n.Admin+"/wechat/keys", "", "")
	var answer struct {
		Keys []struct{ Kid, State string }
	}
	if err := json.Unmarshal([]byte(got.Body), &answer); got.Err != nil || err != nil {
		t.Fatalf("listing keys: %v, %v", got, err)
	}
	for _, key := range answer.Keys {
		if key.State == "signing" {
			return key.Kid
		}
	}
	t.Fatalf("no key signs: %v", got)
	return ""
}
