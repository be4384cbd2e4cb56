// push.go: message push: WeChat's side, which calls the developer's server, waits and calls again.

package wechattest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The modes of message push (page message-push), and the check of the address when it is set up.
const (
	PushPlain      = "plain"
	PushCompatible = "compatible" // in the clear and encrypted, in one body
	PushSecure     = "secure"     // encrypted
	PushSetup      = "setup"      // GET with echostr
)

// PushSecret is what an app and its server share for message push.
type PushSecret struct {
	// Token signs (WeChat: 3 to 32 letters and digits).
	Token string
	// AESKey is the EncodingAESKey, 43 characters. Default: none, so that only plain and setup are possible.
	AESKey string
}

// Push is one message to a server. Ours, not WeChat's.
type Push struct {
	// URL is where the server listens, http or https. Its query is kept.
	URL string
	// AppID is the app that pushes; it is inside what is encrypted.
	AppID string
	// Message is JSON, or XML if it begins with <, and is sent in these very bytes. It is not checked.
	Message []byte
	// Mode is one of the Push constants. Default: secure if there is an AESKey, else plain.
	Mode string
	// Secret signs and encrypts. Default: that of [Options].Pushes.
	Secret PushSecret
}

// PushResult is what came of a [Push].
type PushResult struct {
	// Delivered says that WeChat is content: a 2xx in time with success, with nothing, or with a reply it can read.
	Delivered bool `json:"delivered"`
	// Tries is how often the server was called, at most 3.
	Tries int `json:"tries"`
	// Status is that of the last answer; 0: there was none.
	Status int `json:"status"`
	// Body is the last answer as it came, its first 64 KiB.
	Body string `json:"body"`
	// Reply is what the answer says to the user, decrypted; empty for success and for nothing.
	Reply string `json:"reply,omitempty"`
	// Problem says why it was not delivered.
	Problem string `json:"problem,omitempty"`
}

// Bounds of a push: three tries are WeChat's, the others our choice.
const (
	pushTries     = 3
	maxPushes     = 256 // under way at a time
	maxPushAnswer = 64 << 10
)

// ErrBusy says that 256 pushes are under way already.
var ErrBusy = errors.New("256 pushes are under way already")

// newPushClient follows no redirect, and never repeats a call by itself: a connection is used once.
func newPushClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Push sends the message as WeChat does (page message-push): signed, encrypted if the mode says so, and up to three
// times until the server answers within [Options].PushPatience as it should. It returns when that is decided. An error
// says that the push itself is out of order; what the server did is in the result.
func (s *Server) Push(ctx context.Context, p Push) (PushResult, error) {
	if p.Secret == (PushSecret{}) {
		p.Secret = s.opts.Pushes[p.AppID]
	}
	if p.Mode == "" {
		p.Mode = PushPlain
		if p.Secret.AESKey != "" {
			p.Mode = PushSecure
		}
	}
	var key []byte
	target, err := p.check(&key)
	if err != nil {
		return PushResult{}, err
	}
	select {
	case s.pushes <- struct{}{}:
		defer func() { <-s.pushes }()
	default:
		return PushResult{}, ErrBusy
	}

	var result PushResult
	for try := 1; ; try++ {
		next := time.NewTimer(s.opts.PushPatience)
		result, err = s.pushOnce(ctx, p, key, *target)
		result.Tries = try
		if err != nil || result.Delivered || try == pushTries || p.Mode == PushSetup {
			next.Stop()
			return result, err
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return result, nil
		}
	}
}

// check names no part of the secret in its errors.
func (p Push) check(key *[]byte) (*url.URL, error) {
	target, err := url.Parse(p.URL)
	switch {
	case p.URL == "":
		return nil, errors.New("url is required: where the server takes pushes")
	case err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" || target.User != nil:
		return nil, errors.New("url must be http or https, with a host and without a user")
	case !isAppID(p.AppID):
		return nil, errors.New("appid must be wx and 16 hex digits")
	case p.Secret.Token == "":
		return nil, errors.New("no push token is known for this appid: start wechatsim with -push, or send token (and aes_key)")
	}
	switch p.Mode {
	case PushPlain, PushSetup:
	case PushCompatible, PushSecure:
		if *key, err = pushKey(p.Secret.AESKey); err != nil {
			return nil, err
		}
		if p.Mode == PushCompatible {
			if _, err := both(p.Message, ""); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errors.New("mode must be plain, compatible, secure or setup")
	}
	if len(p.Message) == 0 && p.Mode != PushSetup {
		return nil, errors.New("message is required: a JSON object, or a text with JSON or XML")
	}
	target.Fragment = ""
	return target, nil
}

// pushOnce signs and encrypts anew each time: so nothing but the message tells a repeat.
func (s *Server) pushOnce(ctx context.Context, p Push, key []byte, target url.URL) (PushResult, error) {
	timestamp, nonce := strconv.FormatInt(s.opts.Now().Unix(), 10), randomText("123456789", 10)
	query := "signature=" + pushSignature(p.Secret.Token, timestamp, nonce) + "&timestamp=" + timestamp + "&nonce=" + nonce
	method, body, echo := http.MethodPost, p.Message, ""
	if p.Mode == PushSetup {
		method, body, echo = http.MethodGet, nil, randomText("123456789", 19)
		query += "&echostr=" + echo
	} else {
		query += "&openid=" + url.QueryEscape(endsOf(p.Message).FromUserName)
	}
	if key != nil {
		encrypted := sealPush(key, randomText(alphanumeric, 16), p.Message, p.AppID)
		query += "&encrypt_type=aes&msg_signature=" + pushSignature(p.Secret.Token, timestamp, nonce, encrypted)
		if p.Mode == PushSecure {
			body = envelope(p.Message, encrypted)
		} else {
			body, _ = both(p.Message, encrypted) // check has seen that it can be done
		}
	}
	if target.RawQuery != "" {
		query = target.RawQuery + "&" + query
	}
	target.RawQuery = query

	ctx, cancel := context.WithTimeout(ctx, s.opts.PushPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return PushResult{}, errors.New("url cannot be called")
	}
	r.Header.Set("User-Agent", "Mozilla/4.0")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		if isXML(p.Message) {
			r.Header.Set("Content-Type", "text/xml")
		}
	}
	result := PushResult{}
	response, err := s.pushClient.Do(r)
	var answer []byte
	if err == nil {
		result.Status = response.StatusCode
		answer, err = io.ReadAll(io.LimitReader(response.Body, maxPushAnswer))
		response.Body.Close()
		result.Body = string(answer)
	}
	switch {
	case ctx.Err() != nil:
		result.Problem = fmt.Sprintf("no whole answer within %s", s.opts.PushPatience)
	case err != nil:
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // it would name the address with its signature
		}
		result.Problem = err.Error()
	case p.Mode == PushSetup && (result.Status != http.StatusOK || result.Body != echo):
		result.Problem = "the answer is not 200 with the echostr alone"
	case p.Mode == PushSetup:
	case result.Status < 200 || result.Status > 299:
		result.Problem = "the status is not 2xx"
	default:
		result.Reply, result.Problem = p.readReply(key, answer)
	}
	result.Delivered = result.Problem == ""
	return result, nil
}

// readReply takes what WeChat takes: success, nothing, or a reply as open as the message was.
func (p Push) readReply(key, body []byte) (reply, problem string) {
	if len(body) == 0 || string(body) == "success" {
		return "", ""
	}
	asXML := isXML(p.Message)
	sealed, ok := readSealed(body, asXML)
	switch {
	case ok && key != nil:
		if pushSignature(p.Secret.Token, sealed.TimeStamp, sealed.Nonce, sealed.Encrypt) != sealed.MsgSignature {
			return "", "the reply's MsgSignature is wrong"
		}
		plain, err := openPush(key, sealed.Encrypt, p.AppID)
		if err != nil {
			return "", "the reply cannot be read: " + err.Error()
		}
		return string(plain), ""
	case p.Mode != PushSecure && isDocument(body, asXML):
		return string(body), ""
	case p.Mode == PushSecure:
		return "", "the answer is neither success, nor empty, nor an encrypted reply in the message's form"
	}
	return "", "the answer is neither success, nor empty, nor a reply in the message's form"
}
