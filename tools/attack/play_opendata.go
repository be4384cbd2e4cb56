// play_opendata.go: scenarios about encrypted data that the client brings.

package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// sealer makes open data as WeChat does, or otherwise. The attacker of the
// scenario has no session key; the runner has, so that each piece has one fault.
type sealer struct {
	key    []byte
	openid string
}

func (w *world) newSealer(openid string) (s sealer, err error) {
	code, err := w.code(appA, openid)
	if err != nil {
		return s, err
	}
	query := url.Values{"appid": {appA}, "secret": {secretA}, "js_code": {code}, "grant_type": {"authorization_code"}}
	r, err := http.NewRequest(http.MethodGet, w.sim+"/sns/jscode2session?"+query.Encode(), nil)
	if err != nil {
		return s, err
	}
	_, text, err := answerOf(r)
	if err != nil {
		return s, err
	}
	var answer struct {
		SessionKey []byte `json:"session_key"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.SessionKey) != 16 {
		return s, fmt.Errorf("no session key: %s", text)
	}
	return sealer{answer.SessionKey, openid}, nil
}

// plain is what the user info of this moment is.
func (s sealer) plain(openid, app string, when time.Time) string {
	return fmt.Sprintf(`{"openId":%q,"nickName":"n","nonce":%q,"watermark":{"timestamp":%d,"appid":%q}}`, openid, newNonce(), when.Unix(), app)
}

// pad is PKCS #7.
func pad(text string) []byte {
	n := 16 - len(text)%16
	return append([]byte(text), bytes.Repeat([]byte{byte(n)}, n)...)
}

// seal encrypts whole blocks.
func (s sealer) seal(blocks []byte) (data, iv []byte) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, nil
	}
	iv = make([]byte, 16)
	rand.Read(iv)
	data = make([]byte, len(blocks))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, blocks)
	return data, iv
}

func encrypted(data, iv []byte) string {
	return fmt.Sprintf(`{"encryptedData":%q,"iv":%q}`, base64.StdEncoding.EncodeToString(data), base64.StdEncoding.EncodeToString(iv))
}

func (s sealer) good() string { return encrypted(s.seal(pad(s.plain(s.openid, appA, time.Now())))) }

// wrong are pieces of open data, each with one fault.
func (s sealer) wrong() map[string]string {
	now := time.Now()
	sealed := func(blocks []byte) string { return encrypted(s.seal(blocks)) }
	text := s.plain(s.openid, appA, now)
	whole := text + strings.Repeat(" ", 16-len(text)%16)
	stranger := sealer{bytes.Repeat([]byte{7}, 16), s.openid}
	bent := func(at int, ofIV bool) string {
		data, iv := s.seal(pad(text))
		if ofIV {
			iv[at] ^= 1
		} else {
			data[(at+len(data))%len(data)] ^= 1
		}
		return encrypted(data, iv)
	}
	sum := func(raw string) string {
		h := sha1.Sum([]byte(raw + base64.StdEncoding.EncodeToString(s.key)))
		return hex.EncodeToString(h[:])
	}
	data, iv := s.seal(pad(text))
	return map[string]string{
		"another key": encrypted(stranger.seal(pad(text))), "another user": sealed(pad(s.plain(eve, appA, now))), "another app": sealed(pad(s.plain(s.openid, appB, now))),
		"an hour old": sealed(pad(s.plain(s.openid, appA, now.Add(-time.Hour)))), "from tomorrow": sealed(pad(s.plain(s.openid, appA, now.Add(24*time.Hour)))),
		"no watermark": sealed(pad(`{"openId":"` + s.openid + `"}`)), "no JSON": sealed(pad("hello")), "empty": sealed(pad("")), "two documents": sealed(pad(text + text)),
		"openId twice": sealed(pad(`{"openId":"` + eve + `",` + text[1:])),
		"padding 0":    sealed(append([]byte(whole[:len(whole)-1]), 0)), "padding 17": sealed(append([]byte(whole[:len(whole)-1]), 17)), "padding 255": sealed(append([]byte(whole[:len(whole)-1]), 255)),
		"padding 2 1": sealed(append([]byte(whole[:len(whole)-2]), 1, 2)), "no padding": sealed([]byte(whole)), "only padding": sealed(bytes.Repeat([]byte{16}, 16)),
		"the first byte bent": bent(0, true), "the name bent": bent(11, true), "the last byte bent": bent(-1, false), "the last block bent": bent(-17, false),
		"half a block": encrypted(data[:len(data)-8], iv), "a block less": encrypted(data[:len(data)-16], iv), "15 bytes": encrypted(data[:15], iv),
		"short IV": encrypted(data, iv[:8]), "long IV": encrypted(data, append(iv, 0)), "not base64": `{"encryptedData":"*","iv":"*"}`,
		"another signature": fmt.Sprintf(`{"rawData":"{}","signature":%q}`, sum("{ }")), "signature in capitals": fmt.Sprintf(`{"rawData":"{}","signature":%q}`, strings.ToUpper(sum("{}"))+"0"),
		"signature of nothing": `{"rawData":"{}","signature":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}`,
	}
}

// playOracle sends each fault in a session of its own, to each call.
func playOracle(_ context.Context, w *world, r *result) error {
	s := w.site("bearer")
	answers := make(map[string][]string)
	n := 0
	for _, call := range []string{"userinfo", "opendata", "phone"} {
		names := sealer{key: make([]byte, 16)}.wrong()
		var wg sync.WaitGroup
		limit := make(chan bool, 8)
		for name := range names {
			if call != "userinfo" && strings.Contains(names[name], "rawData") {
				continue
			}
			n++
			openid, protocol := person("Oracle", 100+n), allProtocols[n%len(allProtocols)]
			wg.Go(func() {
				limit <- true
				defer func() { <-limit }()
				token, err := w.login(s, s.app, openid)
				if err == nil {
					var mine sealer
					if mine, err = w.newSealer(openid); err == nil {
						x, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/" + call, token: token, body: mine.wrong()[name]})
						text := fmt.Sprint(a.status, a.header.Get("Content-Type"), a.header.Get("Cache-Control"), a.body)
						w.mu.Lock()
						answers[text] = append(answers[text], x.target+": "+name)
						w.mu.Unlock()
						return
					}
				}
				r.check(false, "%s: %v", name, err)
			})
		}
		wg.Wait()
	}
	r.check(len(answers) == 1, "open data that does not verify has %d answers: %.1500q", len(answers), answers)
	for text := range answers {
		r.check(strings.Contains(text, "invalid_data"), "open data that does not verify is answered %s", text)
	}

	// the control: what is right opens
	openid := person("Oracle", 1)
	token, err := w.login(s, s.app, openid)
	if err != nil {
		return err
	}
	mine, err := w.newSealer(openid)
	if err != nil {
		return err
	}
	for _, call := range []string{"userinfo", "opendata"} {
		body := mine.good()
		x, a := w.ask(r, question{site: s, protocol: "h2", method: "POST", target: "/wechat/" + call, token: token, body: body})
		r.expect(a, x, 200, "good open data")
		x, a = w.ask(r, question{site: s, protocol: "h2", method: "POST", target: "/wechat/" + call, token: token, body: body})
		r.expect(a, x, 400, "the same once more")
		// which is read, too, but is not another piece of data
		spelled := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(body)
		x, a = w.ask(r, question{site: s, protocol: "h2", method: "POST", target: "/wechat/" + call, token: token, body: spelled})
		r.expect(a, x, 400, "the same in base64url")
	}
	return nil
}

// playTries makes more tries than a session has, several at once.
func playTries(_ context.Context, w *world, r *result) error {
	s := w.site("bearer")
	for i, protocol := range allProtocols {
		openid := person("Tries", i)
		token, err := w.login(s, s.app, openid)
		if err != nil {
			return err
		}
		mine, err := w.newSealer(openid)
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				_, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/opendata", token: token, body: mine.wrong()["padding 0"]})
				r.check(a.status == 400, "%s: a try: %d %s", protocol, a.status, a.body)
			})
		}
		wg.Wait()
		x, a := w.ask(r, question{site: s, protocol: protocol, method: "POST", target: "/wechat/opendata", token: token, body: mine.good()})
		r.expect(a, x, 400, "good data after too many tries")
	}
	return nil
}
