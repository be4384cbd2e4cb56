// Package seal promises that a value it opens is, byte for byte, one that a key
// of this gateway sealed, and sealed for the very place it is opened at. A reader
// of the session store learns nothing from a sealed value but its length; a writer
// to it can delete a value, or put back an older one of the same
// place, but can neither make, edit nor move one.
//
// A sealed value is
//
//	version (1 byte) | key id (4) | nonce (24) | ciphertext and tag (16 more than the plaintext)
//
// in XChaCha20-Poly1305. Nonces are random and long enough for that, so nodes
// need no counter between them. Version, key id and the caller's associated
// data are authenticated. Cipher key and id both come from a secret of at least
// 32 bytes by HKDF-SHA-256, under labels of their own.
//
// Reading order: key.go (one key), keys.go (which key seals, which still open),
// files.go (secrets from the operator's files), vault.go, vaultopen.go,
// vaultrotate.go and vaultdoc.go (keys made by the gateway itself and shared by
// its nodes), sealer.go (what the session manager takes). A set may also be made
// of secrets that the caller derived from keys of another use: [NewKeys].
//
// It refuses to know what it seals, to compress it, to say whether a value is
// the latest of its place, and to do any I/O outside [LoadFiles] and [Vault]. No
// error, log value or JSON form of this package holds a secret or a plaintext.
package seal
