// change.go: nodes that share less, and change.

package gatewaytest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Apart starts one more gateway of the fleet, with a storage of its own.
func (f *Fleet) Apart(wechat string) *Node {
	f.T.Helper()
	dir := f.T.TempDir()
	own := *f
	own.Dir, own.Nodes = dir, nil
	own.Fill = strings.NewReplacer("<SIM>", f.Fill.Replace("<SIM>"), "<UPSTREAM>", f.Fill.Replace("<UPSTREAM>"), "<DIR>", dir)
	n := own.Add(wechat)
	f.Nodes = append(f.Nodes, n)
	return n
}

// Change puts another text in the place of one in a running gateway's Caddyfile.
func (n *Node) Change(before, after string) {
	t := n.f.T
	t.Helper()
	text, err := os.ReadFile(n.config)
	if err != nil || !strings.Contains(string(text), before) {
		t.Fatalf("%v, or no %q in the Caddyfile", err, before)
	}
	text = []byte(strings.Replace(string(text), before, after, 1))
	if err := os.WriteFile(n.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := Adapt(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Request("POST", "http://"+n.Admin+"/load", "", string(config)); got.Status != http.StatusOK {
		t.Fatalf("reloading: %v", got)
	}
	n.f.Http.CloseIdleConnections()
	time.Sleep(300 * time.Millisecond) // what the old server takes last gets no answer
}

// RequireUse fails unless a gateway answers a user's request so.
func (n *Node) RequireUse(token, openid string, want int) {
	n.f.T.Helper()
	if got := n.Use(token); got.Status != want || want == http.StatusOK && got.Body != openid {
		n.f.T.Errorf("%s at %s: %v; want %d", openid, n.config, got, want)
	}
}

// RequireLogin logs somebody in, or ends the test.
func (n *Node) RequireLogin(openid string) string {
	n.f.T.Helper()
	token, got := n.Login(openid)
	if token == "" {
		n.f.T.Fatalf("login of %s = %v", openid, got)
	}
	return token
}

// Listed reports whether a gateway's operator sees a user's session.
func (n *Node) Listed(openid, id string) bool {
	n.f.T.Helper()
	got := n.Request("GET", "http://"+n.Admin+"/wechat/sessions?appid="+AppA+"&openid="+openid, "", "")
	if got.Status != http.StatusOK {
		n.f.T.Errorf("the list of sessions: %v", got)
	}
	return strings.Contains(got.Body, `"`+id+`"`)
}

// RequireNoKeptSealKey fails if a gateway keeps a seal key in its storage.
func (n *Node) RequireNoKeptSealKey() {
	n.f.T.Helper()
	if _, err := os.Stat(filepath.Join(n.f.Dir, "storage", "wechat", "seal_keys.json")); !os.IsNotExist(err) {
		n.f.T.Errorf("a seal key in storage beside the key files: %v", err)
	}
}
