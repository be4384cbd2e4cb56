// vectors_test.go: official and made vectors, decrypted and verified.

package opendata

import (
	"strings"
	"testing"
)

func TestVectorsDecrypt(t *testing.T) {
	ran := 0
	for _, v := range vectors(t) {
		if v.Kind != "decrypt" || v.Alg != "AES-128-CBC-PKCS7" {
			continue
		}
		ran++
		t.Run(v.Name, func(t *testing.T) {
			req := Request{EncryptedData: v.EncryptedData, IV: v.IV}
			text, key, err := decrypt(req.EncryptedData, req.IV, v.SessionKey)
			if v.Expect == "error" {
				refused(t, err)
				if text != nil || key != -1 {
					t.Errorf("Decrypt = %q, %d beside an error; want nothing", text, key)
				}
			} else if err != nil || string(text) != v.Plaintext || key != 0 {
				t.Errorf("Decrypt = %q, %d, %v; want %q, 0, nil", text, key, err, v.Plaintext)
			}

			want := Expect{AppID: v.AppID, OpenID: testUser}
			if v.Name == "made-userinfo-2022-shape" {
				want.OpenID = "oMadeHere0000000000000000000"
			}
			o, err := Open(req, want, v.SessionKey)
			if !strings.HasPrefix(v.Expect, "ok") {
				refused(t, err)
				return
			}
			rest := v.Plaintext[:strings.LastIndex(v.Plaintext, `,"watermark"`)] + "}"
			if err != nil || string(o.Object) != rest {
				t.Errorf("Open = %q, %v; want %q, nil", o.Object, err, rest)
			}
		})
	}
	if ran != 13 {
		t.Errorf("ran %d decryption vectors; want 13", ran)
	}
}

func TestVectorsSignature(t *testing.T) {
	ran := 0
	for _, v := range vectors(t) {
		if v.Alg != "sha1(rawData+session_key)" {
			continue
		}
		ran++
		if key, err := verify(v.RawData, v.Signature, v.SessionKey); err != nil || key != 0 {
			t.Errorf("%s: Verify = %d, %v; want 0, nil", v.Name, key, err)
		}
	}
	if ran != 1 {
		t.Errorf("ran %d signature vectors; want 1", ran)
	}
}

// The official example tells its unionId and time as well.
func TestVectorOfficialDetails(t *testing.T) {
	v := vectorNamed(t, "official-userinfo")
	o, err := Open(Request{v.EncryptedData, v.IV}, Expect{AppID: v.AppID, OpenID: testUser, UnionID: testUnion}, keyA, v.SessionKey)
	if err != nil {
		t.Fatal(err)
	}
	if o.UnionID != testUnion || o.Time.Unix() != 1477314187 || o.Key != 1 {
		t.Errorf("Open = %q, %d, key %d; want %q, 1477314187, key 1", o.UnionID, o.Time.Unix(), o.Key, testUnion)
	}
}
