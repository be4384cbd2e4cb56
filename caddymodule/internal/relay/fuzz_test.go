// fuzz_test.go: whatever WeChat answers, and whatever is sent as a token of the relay.

package relay

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// FuzzVerdict: what is read of the beginning of an answer is what a JSON reader finds in
// the whole, or nothing; a call must not be repeated for what only looks like a refusal.
func FuzzVerdict(f *testing.F) {
	for _, seed := range []string{
		`{"errcode":40001,"errmsg":"invalid credential rid: 1-2-3"}`, `{"errcode":0}`, `{"a":{"errcode":40001}}`, `{"a":"\"errcode\":40001"}`,
		`{"errcode":"40001"}`, `{"errcode":40001.0}`, `{"errcode":4e4}`, `{"errcode":42001,"errcode":0}`, `{"errcode":0,"errcode":42001}`, `{"errcode":`, `[{"errcode":40014}]`,
		"{\"errcode\":40001,\"errmsg\":\"\xff\"}", `{"errcode":99999999999}`, `{"ERRCODE":40001,"errcode":1}`, `{"\u0065rrcode":40001,"errcode":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := readVerdict(text)
		if len(v.rid) > 64 || strings.ContainsAny(v.rid, "\r\n\"") {
			t.Errorf("rid %q", v.rid)
		}
		if v.errcode == 0 {
			return
		}
		// the first errcode of the outermost object that is not 0
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if open, err := d.Token(); err != nil || open != json.Delim('{') {
			t.Fatalf("%q: errcode %d", text, v.errcode)
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				break
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				break
			}
			if name == "errcode" {
				var n int
				if json.Unmarshal(value, &n) == nil && n == v.errcode {
					return
				}
			}
		}
		t.Errorf("%q: errcode %d", text, v.errcode)
	})
}

// FuzzOwnToken: nobody makes a token but the relay, and none is good by another text.
func FuzzOwnToken(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	k, err := newKeys([]string{testKey, otherKey}, func() time.Time { return now })
	if err != nil {
		f.Fatal(err)
	}
	good := k.all[1].makeToken(mini.ID, now)
	for _, seed := range []string{good, good[:len(good)-1], good + "A", strings.ToUpper(good), tokenMark, "", tokenMark + strings.Repeat("A", 80), good + "\n", good[:20] + "\r\n" + good[20:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if appID, ok := k.openToken(token); ok && (token != good || appID != mini.ID) {
			t.Errorf("%q is a token for %q", token, appID)
		}
	})
}
