// opendata_test.go: signatures and encryption, against the published vectors and an own decrypt.

package wechattest_test

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func TestUserInfo(t *testing.T) {
	w := newWorld(t, wechattest.Options{SessionKeyMinRefresh: -1})
	if _, err := w.UserInfo(appA, alice); !errors.Is(err, wechattest.ErrNoSession) {
		t.Fatalf("before any login: %v; want ErrNoSession", err)
	}
	session := w.exchange(appA, secretA, w.Login(appA, alice))
	key := text(t, session, "session_key")
	info, err := w.UserInfo(appA, alice)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(info.RawData + key))
	if info.Signature != hex.EncodeToString(sum[:]) {
		t.Fatal("the signature is not sha1(rawData + session_key)")
	}
	raw, full := object(t, info.RawData), object(t, open(t, key, info.EncryptedData, info.IV))
	mark, _ := full["watermark"].(map[string]any)
	if full["openId"] != alice || full["unionId"] != session["unionid"] || mark["appid"] != appA || mark["timestamp"] != float64(1_700_000_000) {
		t.Fatalf("plaintext %v", full)
	}
	if raw["nickName"] != "微信用户" || raw["gender"] != float64(0) || raw["language"] != "zh_CN" || len(raw) != 7 {
		t.Fatalf("rawData %v is not of the 2022 shape", raw)
	}
	for name := range raw {
		if raw[name] != full[name] {
			t.Fatalf("%s differs between rawData and plaintext", name)
		}
	}

	// The trap of the signature page: the client logs in again after it got the data, and the key is gone.
	w.Login(appA, alice)
	if w.SessionKey(appA, alice) == key {
		t.Fatal("the key stayed")
	}
	again, err := w.UserInfo(appA, alice)
	if err != nil {
		t.Fatal(err)
	}
	if again.IV == info.IV || again.Signature == info.Signature {
		t.Fatal("the same iv or signature under another key")
	}
}

func TestPhoneData(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	w.Login(appA, alice)
	w.clock.advance(time.Hour)
	phone, err := w.Phone(appA, alice)
	if err != nil {
		t.Fatal(err)
	}
	got := object(t, open(t, w.SessionKey(appA, alice), phone.EncryptedData, phone.IV))
	mark, _ := got["watermark"].(map[string]any)
	number, _ := got["phoneNumber"].(string)
	if len(number) != 11 || !strings.HasPrefix(number, "138") || got["purePhoneNumber"] != number || got["countryCode"] != "86" ||
		mark["timestamp"] != float64(1_700_003_600) || mark["appid"] != appA {
		t.Fatalf("plaintext %v", got)
	}
	w.SetSessionKey(appA, alice, "not a key")
	if _, err := w.Phone(appA, alice); err == nil || errors.Is(err, wechattest.ErrNoSession) {
		t.Fatalf("with a broken key: %v", err)
	}
}

// Open data of any plaintext, under the key a vector prescribes, must be readable for the vector-proved decrypt.
func TestEncryptUnderVectorKeys(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	for _, v := range wechattest.Vectors(t, "decrypt") {
		if got := open(t, v.SessionKey, v.EncryptedData, v.IV); got != v.Plaintext {
			t.Fatalf("%s: this test's own decrypt is wrong: %q", v.Name, got)
		}
		w.SetSessionKey(appA, alice, v.SessionKey)
		data, iv, err := w.Encrypt(appA, alice, []byte(v.Plaintext))
		if err != nil {
			t.Fatal(err)
		}
		if got := open(t, v.SessionKey, data, iv); got != v.Plaintext {
			t.Fatalf("%s: decrypted to %q", v.Name, got)
		}
	}
}

// The profile has the members of the 2022 vector, in no more and no fewer fields.
func TestUserInfoHasTheVectorsFields(t *testing.T) {
	w := newWorld(t, wechattest.Options{NoUnionID: true})
	for _, v := range wechattest.Vectors(t, "decrypt") {
		if v.Name != "made-userinfo-2022-shape" {
			continue
		}
		w.SetSessionKey(v.AppID, alice, v.SessionKey)
		info, err := w.UserInfo(v.AppID, alice)
		if err != nil {
			t.Fatal(err)
		}
		want, got := object(t, v.Plaintext), object(t, open(t, v.SessionKey, info.EncryptedData, info.IV))
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			t.Fatalf("fields of %v; want those of %v", got, want)
		}
		return
	}
	t.Fatal("the vector is missing")
}
