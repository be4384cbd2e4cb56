// helpers_test.go: WeChat's side of a push, for tests.

package message

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	testToken = "AAAAA"
	testApp   = "wxba5fad812f8e6fb9"
)

var (
	testKey = strings.Repeat("A", 43)
	now     = time.Unix(1_714_112_445, 0)
)

func receiver(t testing.TB, key string) *Receiver {
	t.Helper()
	r, err := NewReceiver(testApp, testToken, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func unixText(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// clearQuery signs as WeChat does in the clear.
func clearQuery(at time.Time) url.Values {
	return url.Values{"timestamp": {unixText(at)}, "nonce": {"415670741"}, "signature": {sign(testToken, unixText(at), "415670741")}}
}

// push encrypts and signs as WeChat does. around makes the body of the encrypted text.
func push(t testing.TB, message, appID string, at time.Time, around func(text string) string) (url.Values, []byte) {
	t.Helper()
	text := encryptText(t, testKey, message, appID)
	return signedQuery(text, at), []byte(around(text))
}

func encryptText(t testing.TB, key, message, appID string) string {
	t.Helper()
	k, err := newKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return k.encrypt([randomSize]byte{'r', 'a', 'n', 'd', 'o', 'm'}, []byte(message), appID)
}

func signedQuery(text string, at time.Time) url.Values {
	q := clearQuery(at)
	q["encrypt_type"] = []string{"aes"}
	q["openid"] = []string{"anybody"}
	q["msg_signature"] = []string{sign(testToken, unixText(at), "415670741", text)}
	return q
}

func inJSON(text string) string { return `{"ToUserName":"gh_97417a04a28d","Encrypt":"` + text + `"}` }
func inXML(text string) string {
	return "<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName><Encrypt><![CDATA[" + text + "]]></Encrypt></xml>"
}

func wantForged(t testing.TB, name string, m any, err error) {
	t.Helper()
	if !errors.Is(err, ErrForged) {
		t.Errorf("%s: %+v, %v; want ErrForged", name, m, err)
	}
}

type vector struct {
	Name, Token, Timestamp, Nonce, Echostr, Signature string
	Encrypt, EncodingAESKey, Random, Plaintext        string
	Receiver                                          string
	Parts                                             []string
}

func vectors(t testing.TB) map[string]vector {
	t.Helper()
	data, err := os.ReadFile("testdata/official.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	all := map[string]vector{}
	for _, v := range list {
		all[v.Name] = v
	}
	return all
}
