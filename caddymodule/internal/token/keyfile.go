// keyfile.go: keys from the operator's files.

package token

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/secretfile"
)

// LoadFiles reads the keys of alg in order: the first signs, all verify.
// Asymmetric keys are PEM (PKCS#8, PKCS#1 or SEC1, and public keys in second or
// later place); an HS256 secret is hex, else base64, else raw bytes, one trailing
// newline ignored. Errors name the file and never show what it holds.
func LoadFiles(alg Algorithm, paths ...string) ([]*Key, error) {
	if _, err := ParseAlgorithm(string(alg)); err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, errors.New("no token key file is named")
	}
	keys := make([]*Key, 0, len(paths))
	seen := map[string]string{}
	for i, path := range paths {
		key, err := loadFile(alg, path)
		if err != nil {
			return nil, fmt.Errorf("token key file %q: %w", path, err)
		}
		if i == 0 && !key.CanSign() {
			return nil, fmt.Errorf("token key file %q: holds a public key, but the first file has to sign; put the private key first", path)
		}
		if other, dup := seen[key.kid]; dup {
			return nil, fmt.Errorf("token key file %q: holds the same key as %q; remove one of them", path, other)
		}
		seen[key.kid] = path
		keys = append(keys, key)
	}
	return keys, nil
}

func loadFile(alg Algorithm, path string) (*Key, error) {
	content, err := secretfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; make it with: %s", err, keyCommands[alg])
	}
	if err != nil {
		return nil, err
	}
	var material any
	if alg == HS256 {
		material, err = secretfile.Parse(content)
	} else {
		material, err = parsePEM(alg, content)
	}
	var key *Key
	if err == nil {
		key, err = NewKey(alg, material)
	}
	if errors.Is(err, secretfile.ErrPEM) {
		err = fmt.Errorf("%w, or name the algorithm of that key", err)
	}
	return key, err
}

// keyCommands make a key of each kind.
var keyCommands = map[Algorithm]string{
	HS256: "openssl rand -hex 32 > FILE",
	EdDSA: "openssl genpkey -algorithm ed25519 -out FILE",
	ES256: "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE",
	RS256: "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out FILE",
}

// parsePEM finds the one key in content. It does not wrap the parsers' errors:
// they speak about ASN.1, and the operator needs to know what to do.
func parsePEM(alg Algorithm, content []byte) (any, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("is empty; write %s into it as PEM: %s", keyKinds[alg], keyCommands[alg])
	}
	block, rest := pem.Decode(content)
	// openssl ecparam -genkey writes the curve's name before the key.
	if block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, fmt.Errorf("holds no complete PEM block; %s needs %s as PKCS#8, PKCS#1 or SEC1, such as this makes: %s", alg, keyKinds[alg], keyCommands[alg])
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("holds more than one key; use one file for each key")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("is encrypted with a passphrase, which a server cannot type; decrypt it with: openssl pkey -in FILE -out NEWFILE")
	}
	material, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	return material, nil
}

func parseBlock(block *pem.Block) (material any, err error) {
	switch block.Type {
	case "PRIVATE KEY":
		material, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		material, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		material, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		material, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		material, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "OPENSSH PRIVATE KEY":
		return nil, errors.New("is in OpenSSH's own form; convert a copy with: ssh-keygen -p -m PKCS8 -f FILE")
	case "CERTIFICATE":
		return nil, errors.New("is a certificate; name the file of its private key")
	default:
		return nil, errors.New("holds a PEM block that is no key; use PKCS#8, PKCS#1 or SEC1")
	}
	if err != nil {
		return nil, fmt.Errorf("holds a damaged or unsupported %q block; export the key again as PKCS#8", block.Type)
	}
	return material, nil
}
