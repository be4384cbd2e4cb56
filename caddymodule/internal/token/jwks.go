// jwks.go: the public keys in the form others read (RFC 7517, 7518, 7638, 8037).

package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// jwk lists public members only; there is no field a private one could go to.
// The order of crv, e, kty, n, x, y is that of RFC 7638, 3: the thumbprint is
// the hash of this very struct with the last three members left empty.
type jwk struct {
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`

	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	KID string `json:"kid,omitempty"`
}

func publicJWK(public any) (jwk, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	switch p := public.(type) {
	case ed25519.PublicKey:
		return jwk{Kty: "OKP", Crv: "Ed25519", X: b64(p)}, nil
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 4, then x and y at full width, as RFC 7518, 6.2.1.2 wants them
		if err != nil || len(point) != 65 {
			return jwk{}, errors.New("the elliptic curve key is not a point of P-256")
		}
		return jwk{Kty: "EC", Crv: "P-256", X: b64(point[1:33]), Y: b64(point[33:])}, nil
	case *rsa.PublicKey:
		return jwk{Kty: "RSA", N: b64(p.N.Bytes()), E: b64(big.NewInt(int64(p.E)).Bytes())}, nil
	default:
		return jwk{}, errors.New("the key has no public half")
	}
}

func thumbprint(public any) ([sha256.Size]byte, error) {
	key, err := publicJWK(public)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	text, err := json.Marshal(key)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encoding a public key: %w", err)
	}
	return sha256.Sum256(text), nil
}

// keySet is the JWKS of keys. HS256 keys have nothing public and are left out.
func keySet(keys []*Key) []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range keys {
		key, err := publicJWK(k.parts().public)
		if err != nil { // a secret; all others were read once for their kid
			continue
		}
		key.Use, key.Alg, key.KID = "sig", string(k.alg), k.kid
		set.Keys = append(set.Keys, key)
	}
	text, err := json.Marshal(set)
	if err != nil { // a struct of strings always encodes
		return []byte(`{"keys":[]}`)
	}
	return text
}
