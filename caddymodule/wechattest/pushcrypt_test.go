// pushcrypt_test.go: the published examples of message push, through the primitives.

package wechattest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPushIsThePublishedOne(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "push.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Kind, Signature                                string
		Parts                                                []string
		EncodingAESKey, Encrypt, Random, Plaintext, Receiver string
	}
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) != 6 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			if v.Kind == "signature" {
				if got := pushSignature(v.Parts...); got != v.Signature {
					t.Errorf("got %s; want %s", got, v.Signature)
				}
				return
			}
			key, err := pushKey(v.EncodingAESKey)
			if err != nil {
				t.Fatal(err)
			}
			if got := sealPush(key, v.Random, []byte(v.Plaintext), v.Receiver); got != v.Encrypt {
				t.Errorf("sealed %s; want %s", got, v.Encrypt)
			}
			if got, err := openPush(key, v.Encrypt, v.Receiver); err != nil || string(got) != v.Plaintext {
				t.Errorf("opened %q, %v; want %q", got, err, v.Plaintext)
			}
			for says, broken := range map[string]struct{ encrypt, appid string }{
				"another one": {v.Encrypt, "wx0000000000000000"},
				"blocks":      {v.Encrypt[4:], v.Receiver},
				"padding":     {sealPush(key, v.Random, []byte(v.Plaintext), v.Receiver)[:64], v.Receiver},
			} {
				if _, err := openPush(key, broken.encrypt, broken.appid); err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%v; want %q", err, says)
				}
			}
		})
	}
	for _, length := range []int{0, 1, 11, 12, 13, 43, 44, 45, 1000} { // a whole block of padding among them
		key, _ := pushKey(strings.Repeat("A", 42) + "B") // whose last bits are not 0
		message := []byte(strings.Repeat("x", length))
		if got, err := openPush(key, sealPush(key, "0123456789abcdef", message, "wxba5fad812f8e6fb9"), "wxba5fad812f8e6fb9"); err != nil || string(got) != string(message) {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 42) + "!", strings.Repeat("A", 42) + "\n"} {
		if _, err := pushKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}
