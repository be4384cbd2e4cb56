// headers.go: the only code that writes identity headers to a request.

package gate

// Identify tells the backend who is calling, in the dialects' headers, and by an
// assertion unless that is empty. The headers of any earlier word on that were
// scrubbed.
func (r Clean) Identify(c *Caller, d Dialects, assertion string) {
	headers := d.headers()
	n := len(headers)
	if assertion != "" {
		n++
	}
	// one array for all values; each header gets a slice that cannot grow into
	// its neighbour's, and that only this request may modify
	values := make([]string, n)
	for i, h := range headers {
		if value := c.tell(h.tell); value != "" {
			values[i] = value
			r.Header[h.name] = values[i : i+1 : i+1]
		}
	}
	if assertion != "" {
		values[n-1] = assertion
		r.Header[HeaderAssertion] = values[n-1 : n : n]
	}
}
