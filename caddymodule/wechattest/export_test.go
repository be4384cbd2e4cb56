// export_test.go: the published vectors, run against the primitives and lent to the outside tests.

package wechattest

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Vector is one case of testdata/vectors.json, which names its source.
type Vector struct {
	Name          string
	Kind          string
	Alg           string
	AppID         string
	SessionKey    string `json:"session_key"`
	IV            string
	EncryptedData string
	Plaintext     string
	RawData       string
	Message       string
	Signature     string
}

// Vectors returns the cases of a kind and fails when there are none.
func Vectors(t *testing.T, kind string) []Vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all, picked []Vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Kind == kind {
			picked = append(picked, v)
		}
	}
	if len(picked) == 0 {
		t.Fatalf("no vector of kind %q", kind)
	}
	return picked
}

// CBC is deterministic, so the published ciphertext itself must come out.
func TestSealGivesThePublishedCiphertext(t *testing.T) {
	for _, v := range Vectors(t, "decrypt") {
		iv, err := base64.StdEncoding.DecodeString(v.IV)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sealWith(v.SessionKey, iv, []byte(v.Plaintext))
		if err != nil || got != v.EncryptedData {
			t.Errorf("%s: got %q, %v; want %q", v.Name, got, err, v.EncryptedData)
		}
	}
}

func TestSignaturesAreThePublishedOnes(t *testing.T) {
	for _, v := range Vectors(t, "signature") {
		var got string
		if v.RawData != "" {
			got = sha1Hex(v.RawData + v.SessionKey)
		} else {
			got = hmacHex(v.SessionKey, v.Message)
		}
		if got != v.Signature {
			t.Errorf("%s: got %s; want %s", v.Name, got, v.Signature)
		}
	}
}

func TestLedgerLetsTheOldestGo(t *testing.T) {
	now := time.Unix(0, 0)
	byAge := newLedger[int](100, time.Minute)
	byAge.put(now, "a", 1)
	byAge.put(now.Add(time.Second), "b", 2)
	if _, ok := byAge.get(now.Add(time.Minute-1), "a"); !ok {
		t.Error("a went before its time")
	}
	if _, ok := byAge.get(now.Add(time.Minute), "a"); ok || len(byAge.items) != 1 || byAge.order.Len() != 1 {
		t.Error("a stayed, or b went with it")
	}

	bySize := newLedger[int](2, 0)
	bySize.put(now, "a", 1)
	bySize.put(now, "b", 2)
	bySize.use("a")
	bySize.put(now, "c", 3)
	bySize.put(now, "c", 4)
	_, a := bySize.use("a")
	_, b := bySize.use("b")
	c, _ := bySize.use("c")
	if !a || b || c != 4 || len(bySize.items) != 2 || bySize.order.Len() != 2 {
		t.Errorf("a %t, b %t, c %d of %d; want the unused b gone", a, b, c, len(bySize.items))
	}
}
