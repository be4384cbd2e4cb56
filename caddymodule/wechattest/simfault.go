// simfault.go: trouble on order, and what came of it, over HTTP: /sim/fault and /sim/received.

package wechattest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

func (s *Server) simFault(body []byte) (any, error) {
	var in struct {
		Path    string   `json:"path"`
		ErrCode int      `json:"errcode"`
		ErrMsg  string   `json:"errmsg"`
		Status  int      `json:"status"`
		Body    *string  `json:"body"`
		Delay   simDelay `json:"delay"`
		Drop    bool     `json:"drop"`
		Times   int      `json:"times"`
	}
	if err := decodeSim(body, &in); err != nil {
		return nil, err
	}
	f := Fault{Path: in.Path, ErrCode: in.ErrCode, ErrMsg: in.ErrMsg, Status: in.Status, Body: in.Body,
		Delay: time.Duration(in.Delay), Drop: in.Drop, Times: in.Times}
	// A zero is what a client sends that writes all the members it knows. Elsewhere an empty body is an answer.
	if f.Body != nil && *f.Body == "" && (f.ErrCode != 0 || f.Drop) {
		f.Body = nil
	}
	return nil, s.Fault(f)
}

// simReceived is a GET: it is a look, and a test's tool can have it with an address alone.
func (s *Server) simReceived(r *http.Request, _ []byte) (any, error) {
	return s.Received(r.URL.Query().Get("path"))
}

// simDelay is a Go duration text such as "1.5s", or a number: of seconds up to maxSeconds, of milliseconds above.
type simDelay time.Duration

// maxSeconds tells the two apart. For more than a minute, or for 60ms and less, there is the text.
const maxSeconds = 60

// UnmarshalJSON reads both forms; null and "" are no delay. Ours, not WeChat's.
func (d *simDelay) UnmarshalJSON(b []byte) error {
	errForm := fmt.Errorf(`delay must be a text such as "1.5s" or a number of seconds up to %d, of milliseconds above; at most %s`, maxSeconds, MaxDelay)
	var number float64 // which null leaves at 0
	if json.Unmarshal(b, &number) == nil {
		unit := time.Second
		if number > maxSeconds {
			unit = time.Millisecond
		}
		// Compared as a float: a huge number would not survive the conversion.
		delay := number * float64(unit)
		if delay < 0 || delay > float64(MaxDelay) {
			return errForm
		}
		*d = simDelay(delay)
		return nil
	}
	var text string
	if json.Unmarshal(b, &text) != nil {
		return errForm
	}
	if text == "" {
		return nil
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return errForm
	}
	*d = simDelay(parsed)
	return nil
}
