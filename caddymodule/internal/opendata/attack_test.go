// attack_test.go: the attacks of a client who owns honest ciphertexts but no key.

package opendata

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// xor returns a with b and c folded in, over one block.
func xor(a []byte, b, c string) []byte {
	out := bytes.Clone(a[:16])
	for i := range out {
		out[i] ^= b[i] ^ c[i]
	}
	return out
}

func unsealed(tb testing.TB, req Request) (iv, blocks []byte) {
	tb.Helper()
	in, ok := unseal(req, []string{keyA})
	if !ok {
		tb.Fatal("test request has no shape")
	}
	return in.iv, in.blocks
}

// C14: Eve turns her own openId into Bob's by editing the iv alone. CBC lets
// her; decrypt cannot know. Eve's session must refuse, and so must a session
// that expects nobody.
func TestIVEditForgesOpenID(t *testing.T) {
	v := vectorNamed(t, "official-userinfo")
	iv, blocks := unsealed(t, Request{v.EncryptedData, v.IV})
	forged := request(xor(iv, `{"openId":"oGZUI`, `{"openId":"oBOBB`), blocks)

	text, _, err := decrypt(forged.EncryptedData, forged.IV, v.SessionKey)
	if err != nil || !bytes.HasPrefix(text, []byte(`{"openId":"`+otherUser+`"`)) {
		t.Fatalf("the attack itself failed: %q, %v", text, err)
	}
	for _, openID := range []string{testUser, ""} {
		o, err := Open(forged, Expect{AppID: v.AppID, OpenID: openID}, v.SessionKey)
		refused(t, err)
		if o.Object != nil {
			t.Errorf("Open gave away %q", o.Object)
		}
		_, err = OpenUserInfo(UserInfoRequest{EncryptedData: forged.EncryptedData, IV: forged.IV},
			Expect{AppID: v.AppID, OpenID: openID}, v.SessionKey)
		refused(t, err)
	}

	// Renaming the member instead hides the openId from the check. What is left
	// is an object about nobody: no user info, no unionId.
	hidden := request(xor(iv, `{"openId":"oGZUI`, `{"opemId":"oGZUI`), blocks)
	w := Expect{AppID: v.AppID, OpenID: testUser}
	_, err = OpenUserInfo(UserInfoRequest{EncryptedData: hidden.EncryptedData, IV: hidden.IV}, w, v.SessionKey)
	refused(t, err)
	o, err := Open(hidden, w, v.SessionKey)
	if err != nil || o.UnionID != "" {
		t.Errorf("Open = unionId %q, %v; want none, accepted", o.UnionID, err)
	}
}

// splice drops all blocks before the one that starts at the marker and lets the
// iv turn the block in front of it into head.
func splice(tb testing.TB, req Request, plain, marker, head string) Request {
	tb.Helper()
	at := bytes.Index([]byte(plain), []byte(marker))
	if at < 32 || at%16 != 0 || len(head) != 16 {
		tb.Fatalf("marker at %d, head of %d: fix the test", at, len(head))
	}
	_, blocks := unsealed(tb, req)
	iv := xor(blocks[at-32:at-16], plain[at-16:at], head)
	return request(iv, blocks[at-16:])
}

// Eve names herself with digits, drops the blocks before them and writes
// {"phoneNumber":" into the one block the iv controls. Age and appid are honest,
// openId is gone. It must not become a phone number, nor a unionId.
func TestSpliceOfNickname(t *testing.T) {
	userInfo := func(nick string) string {
		// openId 41 bytes with comma; the nickname starts at 53, the next block at 64.
		return `{"openId":"` + testUser + `","nickName":"` + nick + `","gender":0,` + testMark + `}`
	}
	const number = "13800001111"
	plain := userInfo("xxxxxxxxxxx" + number)
	forged := splice(t, seal(t, keyA, plain), plain, number, `{"phoneNumber":"`)
	o, err := Open(forged, sessionOf(testUser), keyA)
	if err != nil || string(o.Object) != `{"phoneNumber":"`+number+`","gender":0}` {
		t.Fatalf("the attack itself failed: %q, %v", o.Object, err)
	}
	_, _, err = OpenPhone(forged, sessionOf(testUser), keyA)
	refused(t, err)

	plain = userInfo("xxxxxxxxxxx" + testUnion[4:])
	forged = splice(t, seal(t, keyA, plain), plain, testUnion[4:], `{"unionId":"`+testUnion[:4])
	o, err = Open(forged, sessionOf(testUser), keyA)
	if err != nil || string(o.Object) != `{"unionId":"`+testUnion+`","gender":0}` {
		t.Fatalf("the attack itself failed: %q, %v", o.Object, err)
	}
	if o.UnionID != "" {
		t.Errorf("UnionID = %q from data without the session's openId; want none", o.UnionID)
	}
}

// Phone data holds no openId: the iv can rename its first member, and no more.
// The number itself lies in blocks that only the key can change.
func TestIVEditOfPhone(t *testing.T) {
	v := vectorNamed(t, "made-phone")
	req := Request{v.EncryptedData, v.IV}
	iv, blocks := unsealed(t, req)
	for _, head := range []string{
		`{"phoneNumbex":"`, `{"a":1,"b":"+86 `, `{"phoneNumber":1`, `{"phoneNumber":"`[:15] + `9`,
		`{"countryCode":"`, `               "`, `{"x":"13800001",`,
	} {
		_, _, err := OpenPhone(request(xor(iv, `{"phoneNumber":"`, head), blocks), sessionOf(testUser), v.SessionKey)
		refused(t, err)
	}
	// Dropping blocks leaves fewer than the three members.
	for n := 16; n < len(blocks); n += 16 {
		for _, head := range []string{`{"phoneNumber":"`, `{"a":"666666","pu`[:16], `{"aaaaaa":1,"pur`, `{"a":"6666","cou`} {
			r := request(xor(blocks[n-16:n], v.Plaintext[n:min(n+16, len(v.Plaintext))]+"................", head), blocks[n:])
			_, _, err := OpenPhone(r, sessionOf(testUser), v.SessionKey)
			refused(t, err)
		}
	}
}

// C15, first half of CBC-R: Eve asks about C'|C for all last bytes of C' and
// learns, from a server with an oracle, one byte of D(C). Here 1 or 2 of the 256
// have right padding, so the oracle is there to be found; error, result and the
// work done must not differ. The same with honest blocks in front, so that the
// JSON reader comes far before it stops.
func TestNoPaddingOracle(t *testing.T) {
	v := vectorNamed(t, "official-userinfo")
	_, blocks := unsealed(t, Request{v.EncryptedData, v.IV})
	iv, _ := unsealed(t, Request{v.EncryptedData, v.IV})
	rng := rand.New(rand.NewPCG(1, 2))
	for _, front := range []int{0, 64, len(blocks) - 32} {
		rightPadding, reads := 0, map[int]bool{}
		tail := make([]byte, 16)
		for i := range tail {
			tail[i] = byte(rng.Uint32())
		}
		for last := range 256 {
			tail[15] = byte(last)
			forged := append(append(bytes.Clone(blocks[:front]), tail...), blocks[len(blocks)-16:]...)
			r := request(iv, forged)
			o, err := Open(r, Expect{AppID: v.AppID, OpenID: testUser}, v.SessionKey, keyA)
			refused(t, err)
			if o.Object != nil || o.Key != 0 {
				t.Fatalf("%+v beside an error", o)
			}
			in, _ := unseal(r, []string{v.SessionKey})
			a := in.try(v.SessionKey)
			reads[a.read/64] = true
			if _, ok := unpad(cbc(t, v.SessionKey, in)); ok == 1 {
				rightPadding++
			}
		}
		if rightPadding == 0 {
			t.Errorf("front %d: no right padding among 256; the test proves nothing", front)
		}
		if len(reads) > 2 {
			t.Errorf("front %d: work differs: %v (in 64 bytes)", front, reads)
		}
	}
}

// decrypt returns the text with its padding still on.
func cbc(tb testing.TB, key string, in sealed) []byte {
	tb.Helper()
	k, _ := parseKey(key)
	block, err := aes.NewCipher(k[:])
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]byte, len(in.blocks))
	cipher.NewCBCDecrypter(block, in.iv).CryptBlocks(out, in.blocks)
	return out
}

// Every cause of failure: same error, and every byte of the text is worked
// through once per key, in the text or in the decoy.
func TestSameWorkForEveryCause(t *testing.T) {
	const user = `{"openId":"` + testUser + `","nickName":"Band",`
	good := user + testMark + `}`
	padded := pkcs7([]byte(good))
	badPad := bytes.Clone(padded)
	badPad[len(badPad)-1] = 0
	garbage := bytes.Repeat([]byte{0xe7}, len(padded))
	garbage[len(garbage)-1] = 1
	edit := func(old, repl string) []byte {
		return bytes.Replace(bytes.Clone(padded), []byte(old), []byte(repl), 1)
	}
	for _, c := range []struct {
		name string
		text []byte
		want checks
	}{
		{"padding", badPad, checks{0, 1, 1, 1, 1}},
		{"all garbage, padding right", garbage, checks{0, 0, 1, 1, 0}},
		{"JSON at the start", edit(`{`, `[`), checks{0, 0, 1, 1, 0}},
		{"JSON in the middle", edit(`:"Band"`, `:"Band\`), checks{0, 0, 1, 1, 0}},
		{"JSON at the end", edit(`"}}`, `"]}`), checks{0, 1, 1, 1, 1}},
		{"appid", edit(testApp, "wx0000000000000000"), checks{1, 0, 1, 1, 1}},
		{"openId", edit(testUser, otherUser), checks{1, 1, 0, 1, 1}},
		{"unionId", edit(`"nickName":"Band"`, `"unionId":"oBand"`), checks{1, 1, 1, 0, 1}},
		{"age", edit("1700000000", "1600000000"), checks{1, 1, 1, 1, 0}},
		{"none", padded, checks{1, 1, 1, 1, 1}},
	} {
		req := request(testIV, encrypt(t, keyA, testIV, c.text))
		w := sessionOf(testUser)
		w.UnionID = testUnion
		in, ok := unseal(req, []string{keyA, keyB})
		if !ok {
			t.Fatal(c.name)
		}
		tries, bits := in.openAll(w, []string{keyA, keyB})
		if bits[0] != c.want {
			t.Errorf("%s: checks %+v; want %+v", c.name, bits[0], c.want)
		}
		for i := range tries {
			if n := tries[i].read; n < len(c.text)-64 || n > len(c.text) {
				t.Errorf("%s: key %d worked through %d bytes of %d", c.name, i, n, len(c.text))
			}
		}
		_, err := Open(req, w, keyA, keyB)
		if c.want.all() == 0 {
			refused(t, err)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// H3: an accepted piece comes again, respelled, with another iv, or without its
// first blocks. The caller's list of fingerprints must recognise it.
func TestFingerprintOutlastsEditing(t *testing.T) {
	v := vectorNamed(t, "official-userinfo")
	req := Request{v.EncryptedData, v.IV}
	iv, blocks := unsealed(t, req)
	want, err := fingerprintOf(req)
	if err != nil || len(want) != 22 {
		t.Fatalf("Fingerprint = %q, %v; want 22 characters", want, err)
	}
	for name, r := range map[string]Request{
		"respelled":      {base64.RawURLEncoding.EncodeToString(blocks), v.IV + "\n"},
		"other iv":       request(xor(iv, `{"openId":"oGZUI`, `{"opemId":"oGZUI`), blocks),
		"without blocks": request(iv, blocks[64:]),
	} {
		if got, err := fingerprintOf(r); err != nil || got != want {
			t.Errorf("%s: Fingerprint = %q, %v; want %q", name, got, err, want)
		}
	}
	if o, _ := Open(req, Expect{AppID: v.AppID, OpenID: testUser}, v.SessionKey); o.Fingerprint != want {
		t.Errorf("Opened.Fingerprint = %q; want %q", o.Fingerprint, want)
	}
	// One honest text sealed under two ivs is two pieces.
	a, _ := fingerprintOf(request(testIV, encrypt(t, keyA, testIV, pkcs7([]byte(v.Plaintext)))))
	b, _ := fingerprintOf(request(iv, encrypt(t, keyA, iv, pkcs7([]byte(v.Plaintext)))))
	if a == b {
		t.Error("two honest pieces share a fingerprint")
	}
	_, err = fingerprintOf(Request{})
	refused(t, err)
}
