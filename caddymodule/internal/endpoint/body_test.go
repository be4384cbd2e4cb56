package endpoint

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

// post makes a request with a body as a client would send it.
func post(body io.Reader, contentType ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/wechat/login", body)
	if len(contentType) > 0 {
		r.Header["Content-Type"] = contentType
	}
	return r
}

const jsonType = "application/json"

// refusalOf returns the status that err is answered with, 0 for no error.
func refusalOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var re *problem.RequestError
	if !errors.As(err, &re) {
		t.Fatalf("error %v is no RequestError", err)
	}
	if re.Description == "" {
		t.Error("the refusal says nothing")
	}
	return re.Status
}

// readAs reads a body as each endpoint does.
func readAs(r *http.Request) (loginRequest, error) {
	var req loginRequest
	err := readJSON(httptest.NewRecorder(), r, &req)
	return req, err
}

func TestReadJSON(t *testing.T) {
	utf16le := func(text string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(text)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	var many strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&many, `"%x":0,`, n)
	}
	const nested = 30_000 // what fits into a body; a decoder that recurses must not follow

	tests := []struct {
		name, body string
		code       string // what is read; refused when "-"
	}{
		{"code", `{"code":"c"}`, "c"},
		{"all members", `{"code":"c","appid":"a","rawData":"r","signature":"s","encryptedData":"e","iv":"i"}`, "c"},
		{"white space", " \t\r\n{ \"code\" :\n\"c\" }\r\n ", "c"},
		{"escapes", `{"c\u006fde":"\u0063\/"}`, "c/"},
		{"unknown members", `{"code":"c","scene":1001,"x":{"code":"other","y":[1,{"z":null}]}}`, "c"},
		{"member of another case", `{"CODE":"other","Code":"other","code":"c"}`, "c"},
		{"only another case", `{"CODE":"other"}`, ""},
		{"no members", `{}`, ""},
		{"null member", `{"code":null}`, ""},
		{"10000 members", "{" + many.String() + `"code":"c"}`, "-"}, // more than fit into a body

		{"empty", "", "-"},
		{"white space only", " \n ", "-"},
		{"repeated member", `{"code":"c","code":"c"}`, "-"},
		{"repeated by escape", `{"code":"c","c\u006fde":"d"}`, "-"},
		{"repeated unknown member", `{"code":"c","x":1,"x":1}`, "-"},
		{"repeated below", `{"code":"c","x":{"y":1,"y":2}}`, "-"},
		{"repeated in a list", `{"code":"c","x":[{"y":1},{"y":1,"y":2}]}`, "-"},
		{"repeated far below", `{"code":"c","x":{"x":{"x":[[{"y":1,"y":2}]]}}}`, "-"},
		{"something behind", `{"code":"c"}x`, "-"},
		{"another object behind", `{"code":"c"}{"code":"d"}`, "-"},
		{"another object on the next line", "{\"code\":\"c\"}\n{\"code\":\"d\"}", "-"},
		{"comma behind", `{"code":"c"},`, "-"},
		{"NUL behind", "{\"code\":\"c\"}\x00", "-"},
		{"byte order mark", "\xef\xbb\xbf" + `{"code":"c"}`, "-"},
		{"UTF-16", utf16le(`{"code":"c"}`), "-"},
		{"UTF-7", `+AHs-"code":"c"+AH0-`, "-"},
		{"broken UTF-8", "{\"code\":\"c\xff\"}", "-"},
		{"broken UTF-8 in a name", "{\"code\":\"c\",\"\xff\":1}", "-"},
		{"half a surrogate pair", `{"code":"a\ud800b\udc00"}`, "a\ufffdb\ufffd"},
		{"a whole one", `{"code":"\ud83d\ude00\\ud800"}`, "\U0001f600\\ud800"},
		{"halves as names", `{"\ud800":1,"\udc00":2}`, "-"}, // one name, twice
		{"raw control character", "{\"code\":\"c\n\"}", "-"},
		{"null", `null`, "-"},
		{"list", `[{"code":"c"}]`, "-"},
		{"empty list", `[]`, "-"},
		{"text", `"code"`, "-"},
		{"number", `1`, "-"},
		{"true", `true`, "-"},
		{"number for text", `{"code":1}`, "-"},
		{"list for text", `{"code":["c"]}`, "-"},
		{"object for text", `{"code":{}}`, "-"},
		{"true for text", `{"code":true}`, "-"},
		{"unfinished", `{"code":"c"`, "-"},
		{"single quotes", `{'code':'c'}`, "-"},
		{"no quotes", `{code:"c"}`, "-"},
		{"comment", `{"code":"c"/**/}`, "-"},
		{"comma before the end", `{"code":"c",}`, "-"},
		{"form", `code=c`, "-"},
		{"nested lists", `{"code":"c","x":` + strings.Repeat("[", nested) + strings.Repeat("]", nested) + `}`, "-"},
		{"nested objects", `{"code":"c","x":` + strings.Repeat(`{"x":`, 10_500) + "1" + strings.Repeat("}", 10_500) + `}`, "-"},
		{"nested lists that never end", `{"x":` + strings.Repeat("[", 2*nested), "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			req, err := readAs(post(strings.NewReader(tt.body), jsonType))
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			status := refusalOf(t, err)
			if tt.code == "-" {
				if want := http.StatusBadRequest; status != want && !(len(tt.body) > maxBody && status == http.StatusRequestEntityTooLarge) {
					t.Errorf("status %d; want %d", status, want)
				}
				// codes and open data are nobody else's business
				if err != nil && strings.Contains(err.Error(), "other") {
					t.Errorf("the refusal quotes the body: %v", err)
				}
				return
			}
			if status != 0 || req.Code != tt.code {
				t.Errorf("read code %q, %v; want %q", req.Code, err, tt.code)
			}
		})
	}
}

// As many members as a body can hold are read in no time; a decoder that compared
// each with each would take seconds.
func TestReadJSONManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"code":"c"`)
	for n := 0; b.Len() < maxBody-20; n++ {
		fmt.Fprintf(&b, `,"%x":0`, n)
	}
	b.WriteString("}")
	start := time.Now()
	req, err := readAs(post(strings.NewReader(b.String()), jsonType))
	if err != nil || req.Code != "c" {
		t.Errorf("a body of %d bytes: code %q, %v", b.Len(), req.Code, err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestReadJSONContentType(t *testing.T) {
	for _, contentType := range [][]string{
		{"application/json"}, {"Application/JSON"}, {" application/json "},
		{"application/json; charset=utf-8"}, {"application/json;charset=UTF-8"}, {`application/json; charset="utf-8"`},
		{"application/json; profile=x"}, {"application/json;"}, {"application/json \t; charset=utf-8"},
		// two layers that each add it, and a proxy that makes one field of them
		{"application/json", "application/json"}, {"application/json, application/json"},
		{"application/json; charset=utf-8", "application/json; charset=utf-8"},
	} {
		if _, err := readAs(post(strings.NewReader(`{}`), contentType...)); err != nil {
			t.Errorf("Content-Type %q: %v", contentType, err)
		}
	}
	for _, contentType := range [][]string{
		nil, {""}, {" "}, {"json"}, {"text/json"}, {"text/plain"}, {"application/x-www-form-urlencoded"},
		{"multipart/form-data; boundary=x"}, {"application/jsonp"}, {"application/problem+json"}, {"application/json+x"},
		{"application/json, text/plain"}, {"text/plain, application/json"}, {"text/plain; x=application/json"},
		{"application/json; charset=utf-16"}, {"application/json; charset=gbk"}, {"application/json; charset=iso-8859-1"},
		{"application/json; charset=utf-8; charset=utf-16"}, {"application/json; charset"}, {"application/json;;"},
		{"application/json", "text/plain"}, {"application/json", "application/json; charset=utf-8"}, {"", "application/json"}, {"application/json,"},
		// blank or the same letter for Unicode alone
		{"\u00a0application/json"}, {"application/json\u2000"}, {"application/j\u017fon"}, {"\xa0application/json"}, {"application/json\v"}, {"text/plain", "application/json"},
		{"application/json", ""},
	} {
		_, err := readAs(post(strings.NewReader(`{}`), contentType...))
		if got := refusalOf(t, err); got != http.StatusUnsupportedMediaType {
			t.Errorf("Content-Type %q: status %d; want 415", contentType, got)
		}
	}
	for _, encoding := range []string{"gzip", "br", "identity", "gzip, identity"} {
		r := post(strings.NewReader(`{}`), jsonType)
		r.Header.Set("Content-Encoding", encoding)
		_, err := readAs(r)
		if got := refusalOf(t, err); got != http.StatusUnsupportedMediaType {
			t.Errorf("Content-Encoding %q: status %d; want 415", encoding, got)
		}
	}
}

func TestReadJSONSize(t *testing.T) {
	body := func(size int) string {
		const frame = `{"code":""}`
		return `{"code":"` + strings.Repeat("c", size-len(frame)) + `"}`
	}
	for _, tt := range []struct {
		name     string
		size     int
		declared int64 // -1 is chunked
		status   int
	}{
		{"the most", maxBody, maxBody, 0},
		{"the most, chunked", maxBody, -1, 0},
		{"one more", maxBody + 1, maxBody + 1, http.StatusRequestEntityTooLarge},
		{"one more, chunked", maxBody + 1, -1, http.StatusRequestEntityTooLarge},
		{"much more, chunked", 10 * maxBody, -1, http.StatusRequestEntityTooLarge},
		{"more than it says", 2 * maxBody, 10, http.StatusRequestEntityTooLarge},
		{"less than it says", 100, maxBody, 0}, // net/http ends such a body with an error
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := post(strings.NewReader(body(tt.size)), jsonType)
			r.ContentLength = tt.declared
			req, err := readAs(r)
			if got := refusalOf(t, err); got != tt.status {
				t.Errorf("status %d; want %d", got, tt.status)
			}
			if tt.status == 0 && len(req.Code) != tt.size-len(`{"code":""}`) {
				t.Errorf("read %d characters", len(req.Code))
			}
		})
	}
}

// noReader fails the test when anybody reads.
type noReader struct{ t *testing.T }

func (r noReader) Read([]byte) (int, error) {
	r.t.Error("the body is read")
	return 0, io.EOF
}

// What is refused by its headers alone is not read: a client with "Expect:
// 100-continue" need not send it.
func TestReadJSONRefusesBeforeReading(t *testing.T) {
	large := post(noReader{t}, jsonType)
	large.ContentLength = maxBody + 1
	gzip := post(noReader{t}, jsonType)
	gzip.Header.Set("Content-Encoding", "gzip")
	for _, r := range []*http.Request{large, gzip, post(noReader{t}, "text/plain"), post(noReader{t})} {
		_, err := readAs(r)
		if err == nil {
			t.Error("accepted")
		}
		var re *problem.RequestError
		if errors.As(err, &re) && !re.Closes {
			t.Errorf("%v: the connection stays open for a body that nobody reads", err)
		}
	}
}

// brokenBody gives some bytes and then an error.
type brokenBody struct {
	text string
	err  error
}

func (b *brokenBody) Read(p []byte) (int, error) {
	n := copy(p, b.text)
	if b.text = b.text[n:]; n > 0 {
		return n, nil
	}
	return 0, b.err
}

func TestReadJSONBrokenBody(t *testing.T) {
	for _, err := range []error{io.ErrUnexpectedEOF, net.ErrClosed, errors.New("reset")} {
		_, got := readAs(post(&brokenBody{`{"code":"c"}`, err}, jsonType))
		if status := refusalOf(t, got); status != http.StatusBadRequest {
			t.Errorf("after %v: status %d; want 400, though what came was complete JSON", err, status)
		}
	}
}

// talk sends raw bytes to a server whose handler reads JSON, and returns the
// status it answers with and how long that took.
func talk(send func(net.Conn)) (status int, took time.Duration, err error) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req loginRequest
		if err := readJSON(w, r, &req); err != nil {
			_ = problem.Classify(err).Write(w)
		}
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	start := time.Now()
	go send(conn)
	if err := conn.SetReadDeadline(start.Add(15 * time.Second)); err != nil {
		return 0, 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, time.Since(start), err
	}
	defer resp.Body.Close()
	return resp.StatusCode, time.Since(start), nil
}

const rawHead = "POST /wechat/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// Content-Length says 20, and the connection ends after twelve.
func TestReadJSONBodyThatEndsEarly(t *testing.T) {
	status, _, err := talk(func(conn net.Conn) {
		fmt.Fprintf(conn, "%sContent-Length: 20\r\n\r\n%s", rawHead, `{"code":"c"}`)
		_ = conn.(*net.TCPConn).CloseWrite()
	})
	if err != nil || status != http.StatusBadRequest {
		t.Errorf("status %d, %v; want 400", status, err)
	}
}

// A client that sends a byte now and then, or nothing, must not hold a connection
// for longer than the bound, with each way of framing a body.
func TestReadJSONSlowBody(t *testing.T) {
	t.Parallel()
	drip := func(conn net.Conn, chunk string) {
		for range 60 {
			time.Sleep(200 * time.Millisecond)
			if _, err := io.WriteString(conn, chunk); err != nil {
				return
			}
		}
	}
	within := func(name string, status int, took time.Duration) {
		if status != http.StatusRequestTimeout {
			t.Errorf("%s: status %d; want 408", name, status)
		}
		if took < bodyTimeout-time.Second || took > bodyTimeout+5*time.Second {
			t.Errorf("%s: it took %v; want %v", name, took, bodyTimeout)
		}
	}
	// at once and not as subtests: of those, few run in parallel on a small machine
	var wg sync.WaitGroup
	for name, send := range map[string]func(net.Conn){
		"drip": func(c net.Conn) { fmt.Fprintf(c, "%sContent-Length: 1000\r\n\r\n", rawHead); drip(c, " ") },
		"chunked drip": func(c net.Conn) {
			fmt.Fprintf(c, "%sTransfer-Encoding: chunked\r\n\r\n", rawHead)
			drip(c, "1\r\n \r\n")
		},
		"silence": func(c net.Conn) { fmt.Fprintf(c, "%sContent-Length: 1000\r\n\r\n{", rawHead) },
	} {
		wg.Go(func() {
			status, took, err := talk(send)
			if err != nil {
				t.Errorf("%s: after %v: %v", name, took, err)
				return
			}
			within(name, status, took)
		})
	}

	// a connection that takes no deadline: the clock is looked at as well
	wg.Go(func() {
		body, writer := io.Pipe()
		defer body.Close()
		go func() {
			for {
				if _, err := io.WriteString(writer, " "); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
		start := time.Now()
		_, err := readAs(post(body, jsonType))
		var re *problem.RequestError
		if !errors.As(err, &re) {
			t.Errorf("no deadline: error %v", err)
			return
		}
		within("no deadline", re.Status, time.Since(start))
	})
	wg.Wait()
}

// A body that was read in time leaves no deadline behind: the next request on the
// connection, or the answer to this one, may take longer.
func TestReadJSONLeavesNoDeadline(t *testing.T) {
	t.Parallel()
	conn := &deadlines{ResponseWriter: httptest.NewRecorder()}
	var req loginRequest
	if err := readJSON(conn, post(strings.NewReader(`{}`), jsonType), &req); err != nil {
		t.Fatal(err)
	}
	if len(conn.set) != 2 || time.Until(conn.set[0]) > bodyTimeout || !conn.set[1].IsZero() {
		t.Errorf("deadlines were set to %v; want one within %v, then none", conn.set, bodyTimeout)
	}
}

// deadlines is a connection that notes its deadlines.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// FuzzReadJSON looks for a body that makes the reader panic, or that it reads
// otherwise than encoding/json does, member by member: such a difference is what
// a check before us and a backend behind us would fall over.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{"code":"c"}`, `{"code":"c","appid":"a","rawData":"{\"nickName\":\"n\"}","signature":"s","encryptedData":"e","iv":"i"}`,
		`{"code":"c","code":"d"}`, `{"CODE":"c"}`, `{"code":null}`, `null`, `[]`, ` {} `, ``, `{"code":"\ud83d\ude00"}`,
		`{"code":"\ud800"}`, "\xef\xbb\xbf{}", `{"x":{"y":[1,2.5e3,true,null,{"z":"\u0000"}]},"code":"c"}`,
		`{"code":"c"}{}`, `{"c\u006fde":"c"}`, "{\"code\":\"\xff\"}", `{"":"","code":""}`, `{"code":1}`, `{"x":1e999999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := readAs(post(bytes.NewReader(body), jsonType))
		if err != nil {
			refusalOf(t, err)
			return
		}
		if len(body) > maxBody {
			t.Fatalf("%d bytes are accepted", len(body))
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil || members == nil {
			t.Fatalf("%q is accepted, but not by encoding/json: %v", body, err)
		}
		want := make(map[string]string)
		for _, name := range []string{"code", "appid", "rawData", "signature", "encryptedData", "iv"} {
			var text *string
			if raw, ok := members[name]; ok {
				if err := json.Unmarshal(raw, &text); err != nil {
					t.Fatalf("%q: member %s is accepted, but not by encoding/json: %v", body, name, err)
				}
			}
			want[name] = ""
			if text != nil {
				want[name] = *text
			}
		}
		got := map[string]string{
			"code": req.Code, "appid": req.AppID, "rawData": req.RawData, "signature": req.Signature,
			"encryptedData": req.EncryptedData, "iv": req.IV,
		}
		if !maps.Equal(got, want) {
			t.Errorf("%q is read as %q; want %q", body, got, want)
		}
	})
}
