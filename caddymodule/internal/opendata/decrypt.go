// decrypt.go: AES-128-CBC and PKCS#7, without an oracle.

package opendata

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// Request is encrypted open data as the mini program sends it, both base64;
// see decodeText for the damage that is repaired.
type Request struct {
	EncryptedData string
	IV            string
}

// sealed is a Request whose shape is right: a 16-byte iv, 1 to 512 whole blocks.
type sealed struct{ iv, blocks []byte }

// attempt is the result of one key. Everything but ok is meaningless while ok
// is 0.
type attempt struct {
	ok     int    // 1: usable key, right padding, one strict object
	text   []byte // the plaintext without padding, halves of characters mended
	object object
	read   int // bytes of JSON worked through, decoys included; a test watches it
}

// unseal checks all that needs no key. CryptBlocks and NewCBCDecrypter panic on
// what is refused here.
func unseal(req Request, keys []string) (sealed, bool) {
	iv, okIV := decodeText(req.IV, 64)
	blocks, ok := decodeText(req.EncryptedData, maxText)
	n := len(blocks)
	return sealed{iv, blocks}, okIV && ok && len(iv) == aes.BlockSize &&
		n > 0 && n%aes.BlockSize == 0 && n <= maxObject &&
		len(keys) > 0 && len(keys) <= maxKeys
}

// tryAll opens in with each key; slots without a key stay refused.
func (in sealed) tryAll(keys []string) (tries [maxKeys]attempt) {
	for i, k := range keys {
		tries[i] = in.try(k)
	}
	return tries
}

func (in sealed) try(keyText string) (a attempt) {
	key, okKey := parseKey(keyText)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return a // not with 16 bytes
	}
	text := make([]byte, len(in.blocks))
	cipher.NewCBCDecrypter(block, in.iv).CryptBlocks(text, in.blocks)
	pad, okPad := unpad(text)

	MendHalves(text)
	a.object, a.read = scan(text)
	if left := len(text) - a.read; left > 0 {
		_, n := scan(decoy[:left])
		a.read += n
	}
	a.ok = okKey & okPad & a.object.ok
	a.text = text[:len(text)-pad*a.ok]
	return a
}

// unpad checks PKCS#7 padding (RFC 5652, 6.3: 1 to 16 bytes, each its count) at
// the end of b, which is at least one block. When it is right, ok is 1 and the
// padding has become blanks, which JSON ignores; else b is untouched.
func unpad(b []byte) (pad, ok int) {
	tail := b[len(b)-aes.BlockSize:]
	pad = int(tail[aes.BlockSize-1])
	ok = subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, aes.BlockSize)
	for i, c := range tail {
		outside := 1 ^ subtle.ConstantTimeLessOrEq(aes.BlockSize-i, pad)
		ok &= outside | subtle.ConstantTimeByteEq(c, byte(pad))
	}
	for i, c := range tail {
		inside := ok & subtle.ConstantTimeLessOrEq(aes.BlockSize-i, pad)
		tail[i] = byte(subtle.ConstantTimeSelect(inside, ' ', int(c)))
	}
	return pad, ok
}
