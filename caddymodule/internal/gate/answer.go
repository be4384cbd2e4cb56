// answer.go: the caller in the headers of an answer, for a proxy that asks.

package gate

import "net/http"

// Answer is what a check says of a request that may go on.
type Answer struct {
	Caller    *Caller // nil is nobody
	Dialects  Dialects
	Asserts   bool   // the answer has an assertion, an empty one for nobody
	Assertion string // of the caller
}

// Write puts every identity header of the dialects into an answer, an empty one
// where there is no value: proxies that copy what an answer has leave on the request
// a client's own header of a name that is missing. more are further headers, which
// share the memory of their values with the others.
func (a *Answer) Write(h http.Header, more ...[2]string) {
	headers := a.Dialects.headers()
	values := make([]string, 0, len(headers)+1+len(more))
	put := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for _, header := range headers {
		value := ""
		if a.Caller != nil {
			value = a.Caller.tell(header.tell)
		}
		put(header.name, value)
	}
	if a.Asserts {
		put(HeaderAssertion, a.Assertion)
	}
	for _, header := range more {
		put(header[0], header[1])
	}
}
