// helper_test.go: the other side: sealing data as WeChat would, and reading vectors.json.

package opendata

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"
)

const (
	testApp   = "wx0123456789abcdef"
	testUser  = "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
	otherUser = "oBOBB0egBJY1zhBYw2KhdUfwVJJE"
	testUnion = "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"
	testMark  = `"watermark":{"timestamp":1700000000,"appid":"wx0123456789abcdef"}`
	keyA      = "AAECAwQFBgcICQoLDA0ODw=="
	keyB      = "tiihtNczf5v6AKRyjwEUhQ=="
	keyC      = "HyVFkGl5F5OQWJZZaNzBBg=="
)

var testIV = []byte("0123456789abcdef")

// sessionOf is what a session knows a minute after testMark was stamped.
func sessionOf(openID string) Expect {
	return Expect{AppID: testApp, OpenID: openID, MaxAge: 5 * time.Minute, Now: time.Unix(1700000060, 0)}
}

func pkcs7(plain []byte) []byte {
	n := aes.BlockSize - len(plain)%aes.BlockSize
	return append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
}

// encrypt runs CBC over text that is padded already, well or badly.
func encrypt(tb testing.TB, key string, iv, padded []byte) []byte {
	tb.Helper()
	k, ok := parseKey(key)
	if ok != 1 {
		tb.Fatal("test key is bad")
	}
	block, err := aes.NewCipher(k[:])
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]byte, len(padded))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, padded)
	return out
}

func request(iv, blocks []byte) Request {
	return Request{
		EncryptedData: base64.StdEncoding.EncodeToString(blocks),
		IV:            base64.StdEncoding.EncodeToString(iv),
	}
}

func seal(tb testing.TB, key, plain string) Request {
	tb.Helper()
	return request(testIV, encrypt(tb, key, testIV, pkcs7([]byte(plain))))
}

func sign(rawData, key string) string {
	sum := sha1.Sum([]byte(rawData + key))
	return hex.EncodeToString(sum[:])
}

type vector struct {
	Name, Kind, Alg, Expect             string
	SessionKey                          string `json:"session_key"`
	IV, EncryptedData, AppID, Plaintext string
	RawData, Signature                  string
}

func vectors(tb testing.TB) []vector {
	tb.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		tb.Fatal(err)
	}
	return list
}

func vectorNamed(tb testing.TB, name string) vector {
	tb.Helper()
	for _, v := range vectors(tb) {
		if v.Name == name {
			return v
		}
	}
	tb.Fatalf("no vector %q", name)
	return vector{}
}

// refused fails unless err is the one error, unwrapped.
func refused(tb testing.TB, err error) {
	tb.Helper()
	if err != ErrInvalid { // not errors.Is: nothing may be wrapped around it
		tb.Errorf("err = %v; want exactly ErrInvalid", err)
	}
}

// decrypt returns what a key opened, and which one, as one attempt does it.
func decrypt(encryptedData, iv string, keys ...string) (plaintext []byte, key int, err error) {
	in, ok := unseal(Request{EncryptedData: encryptedData, IV: iv}, keys)
	if !ok {
		return nil, -1, ErrInvalid
	}
	tries := in.tryAll(keys)
	i := first([maxKeys]int{tries[0].ok, tries[1].ok})
	if i < 0 {
		return nil, -1, ErrInvalid
	}
	return tries[i].text, i, nil
}

// verify returns the key under which rawData verifies.
func verify(rawData, signature string, keys ...string) (key int, err error) {
	key = first(verifyAll(rawData, signature, keys))
	if key < 0 {
		return -1, ErrInvalid
	}
	return key, nil
}

// fingerprintOf is that of encrypted data, whatever key opens it.
func fingerprintOf(req Request) (string, error) {
	in, ok := unseal(req, make([]string, 1)) // shape only: any one key will do
	if !ok {
		return "", ErrInvalid
	}
	return in.fingerprint(), nil
}
