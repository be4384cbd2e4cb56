// wechat.go: the simulator of WeChat, the phones of its users, and its bad days.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// wechat is the simulator's process. It is never stopped: it plays being away.
type wechat struct {
	url  string
	http *http.Client
}

func startWeChat(ctx context.Context, w *world) (*wechat, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	process, err := start(filepath.Join(w.dir, "wechatsim"), "wechatsim", filepath.Join(w.bin, "wechatsim"),
		"-listen", address, "-quiet", "-key-refresh", "15s", "-app", appID+":"+secret, "-app", officialID+":"+secret+":official")
	if err != nil {
		return nil, err
	}
	w.ends = append(w.ends, func() { process.End() })
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	return &wechat{url: "http://" + address, http: client}, process.Listens(ctx, address)
}

// phone asks the phone's side of the simulator, which always works.
func (c *wechat) phone(path string, ask, answer any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	response, err := c.http.Post(c.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		return fmt.Errorf("the simulator's %s: %d %s %v", path, response.StatusCode, text, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

type simUser struct {
	OpenID string `json:"openid"`
}

// code is what wx.login gives a user.
func (c *wechat) code(openid string) (string, error) {
	var answer struct{ Code string }
	err := c.phone("/sim/login", simUser{openid}, &answer)
	return answer.Code, err
}

// webCode is what WeChat's page sends back with the browser of a user, or of one who
// looks at a snapshot of the page.
func (c *wechat) webCode(openid string, snapshot bool) (string, error) {
	var answer struct{ Code string }
	err := c.phone("/sim/oauth", map[string]any{"appid": officialID, "openid": openid, "snapshot": snapshot}, &answer)
	return answer.Code, err
}

// data is what wx.getUserInfo or the phone button gives.
type data struct {
	RawData       string `json:"rawData,omitempty"`
	Signature     string `json:"signature,omitempty"`
	EncryptedData string `json:"encryptedData,omitempty"`
	IV            string `json:"iv,omitempty"`
	Code          string `json:"code,omitempty"`
}

func (c *wechat) userInfo(openid string) (d data, err error) {
	return d, c.phone("/sim/userinfo", simUser{openid}, &d)
}

func (c *wechat) phoneNumber(openid string) (d data, err error) {
	return d, c.phone("/sim/phone", simUser{openid}, &d)
}

// fault is a bad day of one call; see /sim/fault.
type fault struct {
	Path    string `json:"path"`
	ErrCode int    `json:"errcode,omitempty"`
	Status  int    `json:"status,omitempty"`
	Delay   string `json:"delay,omitempty"`
	Drop    bool   `json:"drop,omitempty"`
	Times   int    `json:"times,omitempty"`
}

// faultyPaths are the calls that gateways make.
var faultyPaths = []string{"/sns/jscode2session", "/sns/oauth2/access_token", "/wxa/business/getuserphonenumber", "/cgi-bin/stable_token"}

// suffer lets the calls go wrong, some at a time, for as long as it shall last, and
// then uses up what nobody met.
func (c *wechat) suffer(ctx context.Context, f fault, d time.Duration) error {
	f.Times = 4
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 150*time.Millisecond) {
		for _, f.Path = range faultyPaths {
			if err := c.phone("/sim/fault", f, nil); err != nil {
				return err
			}
		}
	}
	var drains sync.WaitGroup
	for _, path := range faultyPaths {
		for range 8 {
			drains.Go(func() {
				for clean := 0; clean < 3 && ctx.Err() == nil; clean++ {
					if !c.faultless(path) {
						clean = -1
					}
				}
			})
		}
	}
	drains.Wait()
	return nil
}

// faultless makes a call without arguments, which is refused with 41002 or 41001 or
// 4300x when nothing is spoiled. Faults that only take time are used up all the same.
func (c *wechat) faultless(path string) bool {
	client := http.Client{Timeout: 200 * time.Millisecond, Transport: c.http.Transport}
	response, err := client.Get(c.url + path)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var answer struct{ ErrCode int }
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode == http.StatusOK && json.Unmarshal(text, &answer) == nil && answer.ErrCode > 41000 && answer.ErrCode < 44000
}
