// answer.go: what counts as an answer of WeChat. Pure functions from bytes to values.

package weixin

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// SessionAnswer is a successful code exchange.
type SessionAnswer struct {
	// The user's id inside the app: ^[A-Za-z0-9_-]{1,64}$.
	OpenID string
	// The user's id across the apps of one Open Platform account, same form. Empty
	// when the app is not bound to one.
	UnionID string
	// Standard base64 of 16 bytes. It must stay on the server; it is left out of
	// printed and encoded forms of this struct.
	SessionKey string `json:"-"`
}

// Format keeps the session_key out of prints.
func (a SessionAnswer) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{OpenID:%s UnionID:%s SessionKey:%s}", a.OpenID, a.UnionID, redacted)
}

var (
	idForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	codeForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	tokenForm = regexp.MustCompile(`^[\x21-\x7e]+$`)
)

// ValidCode reports whether a login or phone code has the form WeChat uses,
// ^[A-Za-z0-9_-]{1,128}$. Callers refuse others without asking WeChat.
func ValidCode(code string) bool { return codeForm.MatchString(code) }

// validToken allows four times the 512 characters that WeChat tells one to store.
func validToken(token string) bool { return len(token) <= 2048 && tokenForm.MatchString(token) }

// wire holds every member this package reads. The values stay raw, so that a member
// of the wrong type matters only where the member matters.
type wire struct {
	Errcode     jsontext.Value `json:"errcode"`
	Errmsg      jsontext.Value `json:"errmsg"`
	OpenID      jsontext.Value `json:"openid"`
	UnionID     jsontext.Value `json:"unionid"`
	SessionKey  jsontext.Value `json:"session_key"`
	AccessToken jsontext.Value `json:"access_token"`
	ExpiresIn   jsontext.Value `json:"expires_in"`
	PhoneInfo   jsontext.Value `json:"phone_info"`
	Scope       jsontext.Value `json:"scope"`
	Snapshot    jsontext.Value `json:"is_snapshotuser"`
	Ticket      jsontext.Value `json:"ticket"`
}

// answer is what the transport hands over.
type answer struct {
	status int
	body   []byte
}

// read accepts exactly: status 200, one JSON object in UTF-8, nothing after it, no
// name twice at any depth, errcode absent or a whole number. Names are compared with
// their case ("OPENID" is an unknown member) and unknown members are ignored. The
// Content-Type is not looked at: WeChat sends text/plain.
//
// An errcode other than 0 becomes the error it means. sawErrcode tells calls whose
// success has no other mark that a 0 was really there.
func read(call Call, a answer) (w wire, sawErrcode bool, err error) {
	if a.status != http.StatusOK {
		return w, false, malformed(call, "status "+strconv.Itoa(a.status))
	}
	if len(a.body) == 0 {
		return w, false, malformed(call, "empty body")
	}
	// The decoder's own message quotes the input, so it is dropped.
	if err := json.Unmarshal(a.body, &w); err != nil {
		return wire{}, false, malformed(call, "not one strict JSON object")
	}
	// Unmarshal takes null for an empty struct.
	if jsontext.Value(a.body).Kind() != '{' {
		return wire{}, false, malformed(call, "not a JSON object")
	}
	if w.Errcode == nil {
		return w, false, nil
	}
	errcode, ok := wholeNumber(w.Errcode)
	if !ok || errcode != int64(int32(errcode)) {
		return wire{}, false, malformed(call, "errcode is not a whole number")
	}
	if errcode != 0 {
		errmsg, _ := text(w.Errmsg)
		return wire{}, true, errcodeError(call, int(errcode), errmsg)
	}
	return w, true, nil
}

// readSession reads the answer to code2Session, and of other calls that return an
// openid with a session_key.
func readSession(call Call, a answer) (SessionAnswer, error) {
	w, _, err := read(call, a)
	if err != nil {
		return SessionAnswer{}, err
	}
	openID, unionID, err := readIDs(call, w)
	if err != nil {
		return SessionAnswer{}, err
	}
	key, ok := text(w.SessionKey)
	if !ok || !validSessionKey(key) {
		return SessionAnswer{}, malformed(call, "session_key is missing or not of its form")
	}
	return SessionAnswer{OpenID: openID, UnionID: unionID, SessionKey: key}, nil
}

// readIDs reads who an answer is about: an openid, and a unionid if there is one.
func readIDs(call Call, w wire) (openID, unionID string, err error) {
	openID, ok := text(w.OpenID)
	if !ok || !idForm.MatchString(openID) {
		return "", "", malformed(call, "openid is missing or not of its form")
	}
	if w.UnionID != nil {
		if unionID, ok = text(w.UnionID); !ok || (unionID != "" && !idForm.MatchString(unionID)) {
			return "", "", malformed(call, "unionid is not of its form")
		}
	}
	return openID, unionID, nil
}

// readToken reads the answer to stable_token.
func readToken(call Call, a answer) (string, time.Duration, error) {
	w, _, err := read(call, a)
	if err != nil {
		return "", 0, err
	}
	return readKept(call, w.AccessToken, w.ExpiresIn)
}

// readTicket reads the answer to getticket.
func readTicket(call Call, a answer) (string, time.Duration, error) {
	w, _, err := read(call, a)
	if err != nil {
		return "", 0, err
	}
	return readKept(call, w.Ticket, w.ExpiresIn)
}

// readKept reads a secret that WeChat gives for a time.
func readKept(call Call, secret, expiresIn jsontext.Value) (string, time.Duration, error) {
	token, ok := text(secret)
	if !ok || !validToken(token) {
		return "", 0, malformed(call, "the token or ticket is missing or not of its form")
	}
	seconds, ok := wholeNumber(expiresIn)
	// WeChat documents at most 7200; a day leaves room and keeps the sum in range.
	if !ok || seconds <= 0 || seconds > 86400 {
		return "", 0, malformed(call, "expires_in is missing or out of range")
	}
	return token, time.Duration(seconds) * time.Second, nil
}

// readOK reads an answer whose only content is errcode 0, which must be there: an
// empty object says nothing.
func readOK(call Call, a answer) error {
	_, sawErrcode, err := read(call, a)
	if err == nil && !sawErrcode {
		return malformed(call, "errcode is missing")
	}
	return err
}

// validSessionKey wants 24 characters of standard base64 that decode to 16 bytes.
// The length is compared first because Go's decoder skips line breaks.
func validSessionKey(key string) bool {
	if len(key) != 24 {
		return false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && len(raw) == 16
}

func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(v, &s)
	return s, err == nil
}

// wholeNumber refuses strings, fractions and exponents: WeChat writes plain integers.
func wholeNumber(v jsontext.Value) (int64, bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

func malformed(call Call, why string) *Error {
	return &Error{Call: call, Kind: KindMalformed, Cause: errors.New(why)}
}
