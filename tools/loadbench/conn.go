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
	"time"
)

// turnTimeout bounds everything that is done on a connection in one turn.
const turnTimeout = time.Minute

type conn struct {
	net.Conn
	reader *bufio.Reader
	body   []byte // of the last answer
}

func dial(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, reader: bufio.NewReaderSize(c, 16<<10)}, nil
}

// do sends a request and reads the answer, whose status must be 200.
func (c *conn) do(request []byte) error {
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
	ok, status := string(line[version:version+3]) == "200", ""
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

// getRequest is what the WeChat client sends for wx.request, with its usual headers.
func getRequest(host, token string) []byte {
	return []byte("GET /api/v1/orders?page=1 HTTP/1.1\r\n" +
		"Host: " + host + "\r\n" +
		"Authorization: Bearer " + token + "\r\n" +
		"charset: utf-8\r\n" +
		"content-type: application/json\r\n" +
		"Accept-Encoding: gzip,compress,br,deflate\r\n" +
		"User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50 NetType/WIFI Language/zh_CN\r\n" +
		"Referer: https://servicewechat.com/" + appID + "/12/page-frame.html\r\n\r\n")
}

func loginRequest(host, code string) []byte {
	body := fmt.Sprintf(`{"code":%q}`, code)
	return fmt.Appendf(nil, "POST /wechat/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
}

func simLoginRequest(host string) []byte {
	body := fmt.Sprintf(`{"appid":%q}`, appID)
	return fmt.Appendf(nil, "POST /sim/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
}
