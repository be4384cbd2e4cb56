// pushcrypt.go: how WeChat signs and encrypts what it pushes, and reads an encrypted reply (page message-push).

package wechattest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

// pushBlock is what messages are padded to: PKCS#7 with blocks of 32 bytes, twice those of AES.
const pushBlock = 32

// pushSignature is hex(sha1(the parts, sorted by bytes and joined)).
func pushSignature(parts ...string) string {
	slices.Sort(parts)
	return sha1Hex(strings.Join(parts, ""))
}

// pushKey decodes an EncodingAESKey: 43 characters of base64 without their "=". The last two bits of the 43rd mean
// nothing and need not be 0.
func pushKey(aesKey string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if len(aesKey) != 43 || err != nil || len(key) != 32 || strings.ContainsAny(aesKey, "\r\n") {
		return nil, errors.New("the aes_key must be 43 characters of base64")
	}
	return key, nil
}

// sealPush encrypts random (16 bytes), the message's length, the message and the AppID.
func sealPush(key []byte, random string, message []byte, appid string) string {
	plain := append([]byte(random), binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	plain = append(append(plain, message...), appid...)
	padding := pushBlock - len(plain)%pushBlock
	plain = append(plain, bytes.Repeat([]byte{byte(padding)}, padding)...)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("wechattest: an AES key of the wrong length: " + err.Error())
	}
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

// openPush is the way back. It says what is wrong: this is the simulator's own side, and the caller holds the key.
func openPush(key []byte, encrypted, appid string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(b) == 0 || len(b)%aes.BlockSize != 0 {
		return nil, errors.New("Encrypt is not whole blocks in base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(b, b)
	padding := int(b[len(b)-1])
	if padding < 1 || padding > pushBlock || padding > len(b) || !bytes.Equal(b[len(b)-padding:], bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, errors.New("the padding inside Encrypt is wrong")
	}
	b = b[:len(b)-padding]
	if len(b) < 20 || uint64(len(b)-20) < uint64(binary.BigEndian.Uint32(b[16:])) {
		return nil, errors.New("the length inside Encrypt is wrong")
	}
	length := 20 + int(binary.BigEndian.Uint32(b[16:]))
	if subtle.ConstantTimeCompare(b[length:], []byte(appid)) != 1 {
		return nil, errors.New("the AppID inside Encrypt is another one")
	}
	return b[20:length], nil
}
