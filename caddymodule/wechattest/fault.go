// fault.go: trouble on order: refusals, slow answers, lost connections, nonsense.

package wechattest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxDelay is the longest delay of a [Fault], our choice; a server in front of a Server must be ready to write later
// than that.
const MaxDelay = 2 * time.Minute

// maxFaults bounds the queue of each path, maxTimes each entry, both our choice.
const (
	maxFaults = 100
	maxTimes  = 1_000_000
)

// Fault makes the next calls of one path go wrong. Faults of a path queue up in the order they were given. They are
// ours, not WeChat's, but each plays something callers have met.
//
// The call is done first and then spoiled: a login code behind a -1, a lost connection, an error status or a raw body
// is consumed, as callers have seen with -1. Only an ErrCode other than -1 refuses before anything is done.
type Fault struct {
	// Path is one of the WeChat paths.
	Path string
	// ErrCode is answered with HTTP 200 unless Status says otherwise, below /connect/ as a page. Default: none.
	ErrCode int
	// ErrMsg comes before ", rid: ..." beside ErrCode. Default: WeChat's words for the code.
	ErrMsg string
	// Status is the HTTP status, 200 to 599. Alone it comes with a small HTML page, as from a proxy on the way, and
	// with a Location of /redirected if it is a redirect. Default: 200.
	Status int
	// Body is the whole answer, sent as it is; it may be empty. Default: nil, none.
	Body *string
	// Delay holds the answer back, at most MaxDelay. Alone it leaves the answer as it is. Default: none.
	Delay time.Duration
	// Drop closes the connection without an answer. It goes with Delay only. Default: false.
	Drop bool
	// Times is how many calls it hits. Default: 1.
	Times int
}

// Fault puts a [Fault] in the queue of its path; an error says what is wrong with it.
func (s *Server) Fault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults[f.Path]) >= maxFaults {
		return fmt.Errorf("path %s has %d faults waiting already", f.Path, maxFaults)
	}
	s.faults[f.Path] = append(s.faults[f.Path], f)
	return nil
}

// ClearFaults forgets every [Fault] that waits.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
}

func (f Fault) check() error {
	if _, ok := wechatCalls[f.Path]; !ok {
		paths := strings.Join(slices.Sorted(maps.Keys(wechatCalls)), ", ")
		if f.Path == "" {
			return errors.New("path is required, one of " + paths)
		}
		return fmt.Errorf("path %q is none of %s", f.Path, paths)
	}
	answers := f.ErrCode != 0 || f.Status != 0 || f.Body != nil
	switch {
	case !answers && f.Delay == 0 && !f.Drop:
		return errors.New("nothing goes wrong: give one of errcode, status, body, delay, drop")
	case f.Drop && answers:
		return errors.New("drop gives no answer, so it goes with delay only: leave out drop, or errcode, status and body")
	case f.Body != nil && f.ErrCode != 0:
		return errors.New("body is the whole answer, so it does not go with errcode: leave out one of them")
	case f.ErrMsg != "" && f.ErrCode == 0:
		return errors.New("errmsg goes with errcode only: add errcode, or leave out errmsg")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("status must be between 200 and 599")
	case f.Delay < 0 || f.Delay > MaxDelay:
		return fmt.Errorf("delay must be between 0 and %s", MaxDelay)
	case f.Times < 0 || f.Times > maxTimes:
		return fmt.Errorf("times must be between 1 and %d", maxTimes)
	}
	return nil
}

// takeFault counts one call against the first fault of the path; the zero Fault is no trouble at all.
func (s *Server) takeFault(path string) Fault {
	queue := s.faults[path]
	if len(queue) == 0 {
		return Fault{}
	}
	f := queue[0]
	if queue[0].Times--; queue[0].Times == 0 {
		s.faults[path] = slices.Delete(queue, 0, 1)
	}
	return f
}

func (f Fault) refusesFirst() bool { return f.ErrCode != 0 && f.ErrCode != errSystem }

// overlay turns the answer the call would have got into the one it gets.
func (f Fault) overlay(now time.Time, a answer) answer {
	switch {
	case f.Body != nil:
		a = answer{status: http.StatusOK, contentType: wechatType, body: []byte(*f.Body)}
	case f.ErrCode != 0 && strings.HasPrefix(f.Path, "/connect/"):
		a = f.page()
	case f.ErrCode != 0:
		errmsg := f.ErrMsg
		if errmsg == "" {
			errmsg = errmsgs[f.ErrCode]
		}
		a = refuseWith(now, f.ErrCode, errmsg)
	case f.Status != 0:
		text := fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status))
		a = answer{contentType: "text/html", body: []byte("<html><head><title>" + text + "</title></head></html>\n")}
	}
	if f.Status != 0 {
		a.status = f.Status
	}
	if f.Status >= 300 && f.Status < 400 {
		a.location = "/redirected" // on this Server, so that a client that follows is seen in Calls
	}
	return a
}

// page is an errcode where people see it. An errcode without a page keeps its number.
func (f Fault) page() answer {
	problem, ok := linkProblems[f.ErrCode]
	if !ok {
		problem = problemUnknownErrcode
		problem.errcode = f.ErrCode
	}
	if f.ErrMsg != "" {
		problem.zh, problem.en = "", f.ErrMsg
	}
	return problem.answer()
}

// name is for the log: what the fault did, none of what it said.
func (f Fault) name() string {
	var parts []string
	for part, present := range map[string]bool{"errcode": f.ErrCode != 0, "status": f.Status != 0, "body": f.Body != nil, "delay": f.Delay > 0} {
		if present {
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "+")
}
