// crypt.go: the encryption of messages: AES-256-CBC, padded to 32 bytes.

package message

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

const (
	padTo      = 32 // PKCS#7, but to 32 bytes instead of AES's 16
	randomSize = 16
	headSize   = randomSize + 4
)

// aesKey is an EncodingAESKey, ready for use: its schedule costs as much as a message.
// It is safe for concurrent use.
type aesKey struct {
	block cipher.Block
	iv    []byte // the key's first 16 bytes, which is WeChat's choice
}

// newKey takes an EncodingAESKey as WeChat's console shows it.
func newKey(text string) (*aesKey, error) {
	key, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &aesKey{block, key[:aes.BlockSize]}, nil
}

// decrypt opens the base64 text "Encrypt". What it holds is
//
//	random (16 bytes) | length of the message (4, big endian) | message | AppID | padding
//
// The caller has checked the signature over the text: without the token nobody
// learns from the kind of refusal.
func (k *aesKey) decrypt(text, appID string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) == 0 || len(data)%padTo != 0 {
		return nil, forged("the encrypted part is not whole blocks in base64")
	}
	cipher.NewCBCDecrypter(k.block, k.iv).CryptBlocks(data, data)
	data, ok := unpad(data)
	if !ok || len(data) < headSize {
		return nil, forged("the message does not decrypt: see to aes_key")
	}
	length := binary.BigEndian.Uint32(data[randomSize:])
	rest := data[headSize:]
	if uint64(length) > uint64(len(rest)) {
		return nil, forged("the message does not decrypt: see to aes_key")
	}
	if !equal(string(rest[length:]), appID) {
		return nil, forged("the message is for another app")
	}
	return rest[:length:length], nil
}

// encrypt is the reverse of decrypt.
func (k *aesKey) encrypt(random [randomSize]byte, message []byte, appID string) string {
	data := make([]byte, 0, headSize+len(message)+len(appID)+padTo)
	data = append(data, random[:]...)
	data = binary.BigEndian.AppendUint32(data, uint32(len(message)))
	data = append(data, message...)
	data = append(data, appID...)
	pad := padTo - len(data)%padTo
	for range pad {
		data = append(data, byte(pad))
	}
	cipher.NewCBCEncrypter(k.block, k.iv).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data)
}

// unpad takes off 1 to 32 bytes, each of which must name their number.
func unpad(data []byte) ([]byte, bool) {
	pad := int(data[len(data)-1])
	if pad < 1 || pad > padTo {
		return nil, false
	}
	right := 1
	for _, b := range data[len(data)-pad:] {
		right &= subtle.ConstantTimeByteEq(b, byte(pad))
	}
	return data[:len(data)-pad], right == 1
}
