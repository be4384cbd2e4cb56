// fuzz_test.go: no input panics; what is accepted is what was sealed.

package opendata

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

func seed(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Alg == "AES-128-CBC-PKCS7" {
			f.Add(v.EncryptedData, v.IV, v.SessionKey, keyA)
		}
	}
	f.Add("", "", "", "")
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA==", "")
	f.Add(" -_+/\r\n\t====", "AAAAAAAAAAA=", keyB, keyB)
}

func FuzzDecrypt(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data, iv, k0, k1 string) {
		text, i, err := decrypt(data, iv, k0, k1)
		if err != nil {
			refused(t, err)
			if text != nil || i != -1 {
				t.Fatal("a result beside an error")
			}
			return
		}
		in, ok := unseal(Request{data, iv}, []string{k0})
		if !ok {
			t.Fatal("opened, and has no shape")
		}
		// as it was sealed, halves of characters and padding and all
		sealed := cbc(t, []string{k0, k1}[i], in)
		plain := sealed[:len(sealed)-int(sealed[len(sealed)-1])]
		if !bytes.Equal(encrypt(t, []string{k0, k1}[i], in.iv, pkcs7(plain)), in.blocks) || !bytes.Equal(mended(string(plain)), text) {
			t.Fatalf("%q is not what was sealed, %q", text, plain)
		}
	})
}

// FuzzOpen seals the fuzzer's own text, so that it reaches the JSON reader.
func FuzzOpen(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Plaintext), testUser, testUnion, int64(0))
	}
	f.Add([]byte(`{`+testMark+`}`), "", "", int64(1))
	f.Add([]byte(`{"a":1,"\u0077atermark":{"appid":"wx0123456789abcdef","timestamp":1}}`), testUser, "", int64(-1))
	f.Fuzz(func(t *testing.T, plain []byte, openID, unionID string, age int64) {
		req := request(testIV, encrypt(t, keyA, testIV, pkcs7(plain)))
		w := sessionOf(openID)
		w.UnionID, w.MaxAge = unionID, w.MaxAge*10000*sign64(age)
		o, err := Open(req, w, keyB, keyA)
		_, _, phoneErr := OpenPhone(req, w, keyB, keyA)
		if err != nil {
			refused(t, err)
			refused(t, phoneErr)
			return
		}
		var in, out map[string]json.RawMessage
		if json.Unmarshal(mended(string(plain)), &in) != nil || json.Unmarshal(o.Object, &out) != nil {
			t.Fatalf("accepted %q as %q; encoding/json disagrees", plain, o.Object)
		}
		delete(in, "watermark")
		if len(in) != len(out) || o.Key != 1 {
			t.Fatalf("%q became %q", plain, o.Object)
		}
		for name, v := range in {
			if !bytes.Equal(v, out[name]) {
				t.Fatalf("member %q: %s became %s", name, v, out[name])
			}
		}
	})
}

func sign64(n int64) time.Duration {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func FuzzVerify(f *testing.F) {
	v := vectorNamed(f, "official-rawdata")
	f.Add(v.RawData, v.Signature, v.SessionKey)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, raw, sig, key string) {
		if _, err := verify(raw, sig, key); err != nil {
			refused(t, err)
		} else if sig != sign(raw, key) || !json.Valid([]byte(raw)) || len(key) != 24 {
			t.Fatalf("accepted %q, %q", raw, sig)
		}
		_, _ = parsePhone([]byte(raw))
		_, _ = OpenUserInfo(UserInfoRequest{raw, sig, raw, key}, sessionOf(testUser), key, keyA)
	})
}
