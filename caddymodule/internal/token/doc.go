// Package token promises that a text it accepts is, byte for byte, one that a
// key of this gateway minted: it keeps the signing keys, mints session tokens
// and checks them. It also mints assertions, by which backends learn who calls.
//
// A token is a JWS in compact form (RFC 7515) over six claims. The algorithm,
// the key and the spelling are all decided by our keys and never by the token:
// its header has to equal the header of one of our keys byte for byte, and its
// payload has to be what [Keyring.Mint] would have written.
//
// Reading order: claims.go (what a token says), key.go (one key), keyring.go
// (which keys are good now), mint.go and verify.go (the two directions),
// assertion.go (the other kind of JWT),
// keyfile.go (keys from the operator's files), vault.go, vaultrotate.go,
// vaultfollow.go and vaultdoc.go (keys made by the gateway itself and shared by its
// nodes), jwks.go (keys for others to read), derive.go (secrets for other uses).
//
// It refuses to know WeChat, HTTP or Caddy's configuration, to decide which
// apps may enter (that is the caller's comparison of [Claims.Audience]), to say
// whether a session still exists, and to do any I/O outside [LoadFiles] and
// [Vault]. No error, log value or JSON form of this package holds a secret or
// the text of a token.
package token
