// npm_test.go: SDKs from npm, played by node/suite.mjs.

package sdk

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestFromNPM(t *testing.T) {
	w := startWorld(t)
	if _, err := os.Stat("node/node_modules/node-easywechat"); errors.Is(err, os.ErrNotExist) {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = "node"
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci in tools/sdk/node: %v\n%s", err, out)
		}
	}
	const said = "/cgi-bin/message/custom/send"
	before := w.done(t, said)
	suite := exec.CommandContext(t.Context(), "node", "suite.mjs", w.relay, w.sim, appMini, relayKey, picture(t))
	suite.Dir = "node"
	suite.Stderr = os.Stderr
	out, err := suite.Output()
	if err != nil {
		t.Fatal(err)
	}
	var results map[string]map[string]string
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for sdk, want := range map[string][]string{
		"node-easywechat": {"token", "call", "picture", "upload", "dead"},
		"co-wechat-api":   {"token", "call", "picture", "upload", "dead"},
		"wechat-api":      {"token", "call", "upload", "dead"},
	} {
		for _, what := range want {
			if got := results[sdk][what]; got != "ok" {
				t.Errorf("%s, %s: %q", sdk, what, got)
			}
		}
		if ended := results[sdk]["ended"]; ended == "" || ended == "ok" && sdk != "co-wechat-api" {
			t.Errorf("%s takes a token that the relay does not know for good: %q", sdk, ended)
		}
		if strings.Contains(string(out), relayKey) {
			t.Error("the output shows the key")
		}
	}
	// two SDKs have sent two messages each; co-wechat-api a third if it could renew
	extra := 0
	if results["co-wechat-api"]["ended"] == "ok" {
		extra = 1
	}
	if after := w.done(t, said); after.Count-before.Count != 4+extra {
		t.Errorf("WeChat has sent %d messages; want %d", after.Count-before.Count, 4+extra)
	}
}
