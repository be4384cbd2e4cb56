package message

import (
	"encoding/json"
	"net/url"
	"strconv"
	"testing"
	"time"
)

func at(t testing.TB, timestamp string) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(n, 0)
}

// All official vectors, each through the way that a request takes.
func TestOfficialVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 6 {
		t.Fatalf("%d vectors", len(all))
	}
	clear := receiver(t, "")

	v := all["official-push-url-check"]
	q := url.Values{"signature": {v.Signature}, "timestamp": {v.Timestamp}, "nonce": {v.Nonce}, "echostr": {v.Echostr}}
	if echo, err := clear.Echo(q, at(t, v.Timestamp)); err != nil || echo != "4375120948345356249" {
		t.Errorf("url check: %q, %v", echo, err)
	}
	if echo, err := receiver(t, testKey).Echo(q, at(t, v.Timestamp)); err != nil || echo != v.Echostr {
		t.Errorf("url check with a key: %q, %v", echo, err)
	}

	v = all["official-push-plain"]
	q = url.Values{"signature": {v.Signature}, "timestamp": {v.Timestamp}, "nonce": {v.Nonce}}
	body := `{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714037059,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}`
	m, err := clear.Open(q, "application/json", []byte(body), at(t, v.Timestamp))
	if err != nil || string(m.Body) != body || m.Type() != "event/debug_demo" || m.Encrypted {
		t.Errorf("plain: %+v, %v", m, err)
	}

	s, b := all["official-push-secure-msg_signature"], all["official-push-secure-body"]
	secure, err := NewReceiver(b.Receiver, s.Parts[0], b.EncodingAESKey)
	if err != nil {
		t.Fatal(err)
	}
	q = url.Values{"encrypt_type": {"aes"}, "msg_signature": {s.Signature}, "timestamp": {s.Parts[1]}, "nonce": {s.Parts[2]}}
	m, err = secure.Open(q, "application/json", []byte(inJSON(s.Parts[3])), at(t, s.Parts[1]))
	if err != nil || string(m.Body) != b.Plaintext || m.Type() != "event/debug_demo" || !m.Encrypted || s.Parts[3] != b.Encrypt {
		t.Fatalf("secure: %+v, %v", m, err)
	}
	if text := secure.secrets().key.encrypt([16]byte([]byte(b.Random)), []byte(b.Plaintext), b.Receiver); text != b.Encrypt {
		t.Errorf("encrypted again: %s", text)
	}

	rs, rb := all["official-push-reply-msg_signature"], all["official-push-secure-reply"]
	reply, contentType, err := m.seal([]byte(rb.Plaintext), [16]byte([]byte(rb.Random)), at(t, rs.Parts[1]))
	var got struct {
		Encrypt, MsgSignature, Nonce string
		TimeStamp                    json.Number
	}
	if err != nil || contentType != "application/json" || json.Unmarshal(reply, &got) != nil ||
		got.Encrypt != rb.Encrypt || got.MsgSignature != rs.Signature || got.Nonce != rs.Parts[2] || got.TimeStamp.String() != rs.Parts[1] {
		t.Errorf("reply: %s, %v", reply, err)
	}
	if plain, err := secure.secrets().key.decrypt(rb.Encrypt, rb.Receiver); err != nil || string(plain) != rb.Plaintext {
		t.Errorf("reply decrypted: %s, %v", plain, err)
	}
}
