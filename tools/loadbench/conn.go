// conn.go: a kept-alive HTTP/1.1 connection that costs next to nothing, so that
// two cores have time for the proxies.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// turnTimeout bounds everything that is done on a connection in one turn.
const turnTimeout = time.Minute

type conn struct {
	net.Conn
	reader *bufio.Reader
	body   []byte // of the last answer
}

// redirect is where an answer sends a browser, and the first cookie that it sets.
type redirect struct{ location, cookie string }

func dial(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, reader: bufio.NewReaderSize(c, 16<<10)}, nil
}

// do sends a request and reads the answer, whose status must be 200.
func (c *conn) do(request []byte) error { return c.expect("200", request, nil) }

// follow sends a request whose answer must be a 302.
func (c *conn) follow(request []byte) (to redirect, err error) {
	err = c.expect("302", request, func(line []byte) {
		name, value, _ := strings.Cut(string(line), ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "location":
			to.location = value
		case "set-cookie":
			if to.cookie == "" {
				to.cookie, _, _ = strings.Cut(value, ";")
			}
		}
	})
	return to, err
}

// expect shows each line of the answer's header to look, unless that is nil.
func (c *conn) expect(want string, request []byte, look func(line []byte)) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("reading the status: %w", err)
	}
	const version = len("HTTP/1.1 ")
	if len(line) < version+3 {
		return fmt.Errorf("this is no answer: %q", line)
	}
	ok, status := string(line[version:version+3]) == want, ""
	if !ok {
		status = string(bytes.TrimSpace(line))
	}
	length := -1
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return fmt.Errorf("reading the header: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		if look != nil {
			look(line)
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return err
			}
		}
	}
	if length < 0 || length > 1<<20 {
		return fmt.Errorf("an answer without a fit Content-Length (%s)", status)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.reader, c.body); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s: %.200s", status, c.body)
	}
	return nil
}

const userAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50 NetType/WIFI Language/zh_CN"

// getRequest is what the WeChat client sends for wx.request, with its usual headers, and
// with the credential as a header's field.
func getRequest(host, credential string) []byte {
	return []byte("GET /api/v1/orders?page=1 HTTP/1.1\r\n" +
		"Host: " + host + "\r\n" +
		credential + "\r\n" +
		"charset: utf-8\r\n" +
		"content-type: application/json\r\n" +
		"Accept-Encoding: gzip,compress,br,deflate\r\n" +
		"User-Agent: " + userAgent + "\r\n" +
		"Referer: https://servicewechat.com/" + appID + "/12/page-frame.html\r\n\r\n")
}

// checkRequest is what nginx asks for such a request.
func checkRequest(host, credential string) []byte {
	return []byte("GET / HTTP/1.1\r\nHost: " + host + "\r\n" + credential + "\r\n\r\n")
}

func loginRequest(host, code string) []byte {
	body := fmt.Sprintf(`{"code":%q,"appid":%q}`, code, appID)
	return fmt.Appendf(nil, "POST /wechat/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
}

// navigation is a page that a browser inside WeChat opens on a site. Its host is a name:
// browsers keep no secure cookies of an address.
func navigation(host, target, cookie string) []byte {
	if cookie != "" {
		cookie = "Cookie: " + cookie + "\r\n"
	}
	return []byte("GET " + target + " HTTP/1.1\r\nHost: " + strings.Replace(host, "127.0.0.1", "localhost", 1) + "\r\n" + cookie +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip,compress,br,deflate\r\nUser-Agent: " + userAgent + "\r\n\r\n")
}

// simCodeRequest asks the simulator for a code of a new user.
func simCodeRequest(host, path, app string) []byte {
	body := fmt.Sprintf(`{"appid":%q}`, app)
	return fmt.Appendf(nil, "POST "+path+" HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
}
