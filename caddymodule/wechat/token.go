// token.go: the block `token`: how session tokens are signed.

package wechat

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keys"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

// TokenConfig says how session tokens are signed.
type TokenConfig struct {
	// `HS256`, `EdDSA`, `ES256` or `RS256`. With an asymmetric one, others can
	// verify tokens with the keys at `<prefix>/jwks.json`. Default: `HS256`
	Algorithm string `json:"algorithm,omitempty"`

	// The `iss` of the tokens. Default: `wechat-gateway`
	Issuer string `json:"issuer,omitempty"`

	// Files with keys: the first signs, all verify. Asymmetric keys are PEM
	// (PKCS#8, PKCS#1 or SEC1); an HS256 key is at least 32 random bytes, as hex,
	// base64 or raw. The keys that seal sessions in the store are derived from
	// them, unless `seal_key_files` names others. Default: a key is made once and
	// kept in Caddy's storage.
	KeyFiles []string `json:"key_files,omitempty"`

	// How often a kept key is replaced; at least 1s, and the same on all nodes that
	// share a storage. The old one verifies until no token of it can be alive. Not
	// with key files. Default: never.
	RotateEvery caddy.Duration `json:"rotate_every,omitempty"`

	algorithm token.Algorithm
	issuer    string
	keyFiles  []string
	keys      []*token.Key // of the files, once they were read
	lines     Lines        // of this block
}

const (
	defaultAlgorithm = string(token.HS256)
	defaultIssuer    = "wechat-gateway"
)

func (c *TokenConfig) resolve() error {
	if c.Algorithm == "" {
		c.Algorithm = defaultAlgorithm
	}
	var err error
	if c.algorithm, err = token.ParseAlgorithm(c.Algorithm); err != nil {
		return fmt.Errorf("token algorithm: %v", err)
	}
	if c.Issuer == "" {
		c.Issuer = defaultIssuer
	}
	if c.issuer, err = option.ResolveText("token issuer", c.Issuer); err != nil {
		return err
	}
	for _, path := range c.KeyFiles {
		if path, err = option.ResolvePath("token key_file", path); err != nil {
			return err
		}
		c.keyFiles = append(c.keyFiles, path)
	}
	return c.checkRotation()
}

// checkRotation is the rule of rotate_every, for the Caddyfile and for JSON.
func (c *TokenConfig) checkRotation() error {
	switch {
	case c.RotateEvery == 0:
	case len(c.KeyFiles) > 0:
		return errors.New("token rotate_every is for keys that the gateway keeps: with key_file, put a new file first and reload")
	case c.RotateEvery < caddy.Duration(keys.MinRotation):
		return fmt.Errorf("token rotate_every must be at least %v", keys.MinRotation)
	}
	return nil
}

// loadFiles returns the keys of the files, none without files. They are read
// once: what signs and what is derived from it must be of one moment.
func (c *TokenConfig) loadFiles() ([]*token.Key, error) {
	if len(c.keyFiles) == 0 || c.keys != nil {
		return c.keys, nil
	}
	keys, err := token.LoadFiles(c.algorithm, c.keyFiles...)
	if err != nil {
		return nil, fmt.Errorf("token key_file: %v", err)
	}
	c.keys = keys
	return keys, nil
}

// UnmarshalCaddyfile sets up the block token of the global option.
func (c *TokenConfig) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "token"
	if d.NextArg() {
		return d.Err("token takes nothing but a block:  token { algorithm <name> }")
	}
	err := option.ReadBlock(d, "unknown token option%s",
		option.One("algorithm", func(d *caddyfile.Dispenser) (err error) {
			if c.Algorithm, err = option.OneArg(d); err != nil {
				return err
			}
			_, err = token.ParseAlgorithm(c.Algorithm)
			return option.Wrap(d, err)
		}),
		option.One("issuer", func(d *caddyfile.Dispenser) error {
			defer func() { c.lines.notePlaceholder(d, "token issuer", c.Issuer) }()
			return option.Checked(&c.Issuer, checkIssuer)(d)
		}),
		option.One("key_file", c.lines.noted("token key_file", texts(&c.KeyFiles, "key_file takes the paths of files, the one that signs first (is the environment variable set?)"))),
		option.One("rotate_every", func(d *caddyfile.Dispenser) (err error) {
			if c.RotateEvery, err = option.PositiveDuration(d); err != nil || len(c.KeyFiles) > 0 {
				return err
			}
			return option.Wrap(d, c.checkRotation())
		}),
	)
	if err != nil {
		return err
	}
	return option.Wrap(d, c.checkRotation())
}

// checkIssuer has the token package judge an issuer, by way of a ring that nobody uses.
func checkIssuer(issuer string) error {
	key, err := token.GenerateKey(token.HS256)
	if err == nil {
		_, err = token.NewKeyring(token.Options{Issuer: issuer, MaxLifetime: time.Hour}, key)
	}
	return err
}

var _ caddyfile.Unmarshaler = (*TokenConfig)(nil)
