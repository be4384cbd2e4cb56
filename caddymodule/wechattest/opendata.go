// opendata.go: what the phone hands to the mini program, signed and encrypted with the session key.

package wechattest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// UserInfo is what wx.getUserInfo gives a mini program that asks with credentials (page wx.getUserInfo).
type UserInfo struct {
	// RawData is the profile as JSON text; the signature is over these very bytes.
	RawData string `json:"rawData"`
	// Signature is hex(sha1(RawData + session key)) (open-data signature page).
	Signature string `json:"signature"`
	// EncryptedData is the profile with openId, unionId and watermark: AES-128-CBC, PKCS#7, base64.
	EncryptedData string `json:"encryptedData"`
	// IV is the initialisation vector of EncryptedData, base64.
	IV string `json:"iv"`
}

// Phone is what the getPhoneNumber button gives (page getPhoneNumber).
type Phone struct {
	// Code is for getuserphonenumber, once and within five minutes; it is not a code of wx.login.
	Code string `json:"code"`
	// EncryptedData is the old way to the number, under the session key, base64.
	EncryptedData string `json:"encryptedData"`
	// IV is the initialisation vector of EncryptedData, base64.
	IV string `json:"iv"`
}

// ErrNoSession says that the user has no session key here: the phone must call wx.login before it asks for open data
// (open-data signature page).
var ErrNoSession = errors.New("this user has no session key: log in first (wx.login, /sim/login)")

type watermark struct {
	Timestamp int64  `json:"timestamp"`
	AppID     string `json:"appid"`
}

// profile has the fields of the page UserInfo, in the order of its sample.
type profile struct {
	NickName  string `json:"nickName"`
	Gender    int    `json:"gender"`
	Language  string `json:"language"`
	City      string `json:"city"`
	Province  string `json:"province"`
	Country   string `json:"country"`
	AvatarURL string `json:"avatarUrl"`
}

type fullProfile struct {
	OpenID string `json:"openId"`
	profile
	UnionID   string    `json:"unionId,omitempty"`
	Watermark watermark `json:"watermark"`
}

// anonymous is everybody's profile since 2022-10-25 (announcement on getUserProfile): grey picture, one nickname.
var anonymous = profile{
	NickName:  "微信用户",
	Language:  "zh_CN",
	AvatarURL: "https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132",
}

func (u *user) phoneInfo(mark watermark) phoneInfo {
	number := u.phone
	if u.countryCode != "86" {
		number = "+" + u.countryCode + number // page getPhoneNumber: a foreign number has its area code
	}
	return phoneInfo{PhoneNumber: number, PurePhoneNumber: u.phone, CountryCode: u.countryCode, Watermark: mark}
}

// UserInfo returns the user's profile in the shape of 2022, made with the current session key (pages wx.getUserInfo,
// open-data signature). An empty appid means the app in which the openid logged in last: the one that last exchanged
// a code of it, or, before any exchange, the one its last code is for. Where that code names none, it is the app that
// last exchanged anybody's; before that [DemoAppID], or the first by name of the mini programs configured. The only error is
// [ErrNoSession], or a key set by hand that is malformed.
func (s *Server) UserInfo(appid, openid string) (UserInfo, error) {
	var info UserInfo
	err := s.withKey(appid, openid, func(u *user, now time.Time) (err error) {
		info.RawData = string(encode(anonymous))
		info.Signature = sha1Hex(info.RawData + u.sessionKey)
		full := fullProfile{u.openid, anonymous, u.unionID, watermark{now.Unix(), u.appid}}
		info.EncryptedData, info.IV, err = seal(u.sessionKey, encode(full))
		return err
	})
	return info, err
}

// Phone returns what the phone button gives for the user (page getPhoneNumber), made with the current session key.
// An empty appid is that of [Server.UserInfo]. The only error is [ErrNoSession], or a key set by hand that is malformed.
func (s *Server) Phone(appid, openid string) (Phone, error) {
	var phone Phone
	err := s.withKey(appid, openid, func(u *user, now time.Time) (err error) {
		info := u.phoneInfo(watermark{now.Unix(), u.appid})
		if phone.EncryptedData, phone.IV, err = seal(u.sessionKey, encode(info)); err != nil {
			return err
		}
		phone.Code = newPhoneCode()
		s.phoneCodes.put(now, phone.Code, &code{appid: u.appid, openid: u.openid, user: u, made: now})
		return nil
	})
	return phone, err
}

// Encrypt seals any plaintext with the user's current session key, for open data that has no method of its own
// (wx.getWeRunData, wx.getShareInfo) and for data no phone would send (open-data signature page). An empty appid is
// that of [Server.UserInfo].
func (s *Server) Encrypt(appid, openid string, plaintext []byte) (encryptedData, iv string, err error) {
	err = s.withKey(appid, openid, func(u *user, _ time.Time) (err error) {
		encryptedData, iv, err = seal(u.sessionKey, plaintext)
		return err
	})
	return encryptedData, iv, err
}

func (s *Server) withKey(appid, openid string, f func(*user, time.Time) error) error {
	now := s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.holder(now, appid, openid)
	if !ok || u.sessionKey == "" {
		return ErrNoSession
	}
	return f(u, now)
}

func sha1Hex(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func seal(sessionKey string, plaintext []byte) (encryptedData, iv string, err error) {
	vector := randomBytes(aes.BlockSize)
	encryptedData, err = sealWith(sessionKey, vector, plaintext)
	return encryptedData, base64.StdEncoding.EncodeToString(vector), err
}

func sealWith(sessionKey string, iv, plaintext []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(sessionKey)
	if err != nil || len(key) != 16 {
		return "", errors.New("the session key is not 16 bytes in base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", fmt.Errorf("making the cipher: %w", err)
	}
	padding := aes.BlockSize - len(plaintext)%aes.BlockSize
	padded := append(bytes.Clone(plaintext), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return base64.StdEncoding.EncodeToString(padded), nil
}
