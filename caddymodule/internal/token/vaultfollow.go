// vaultfollow.go: keeping up with the keys that other nodes make and revoke.

package token

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// FollowInterval is how often a node has to call [Vault.Follow], and use the Snapshot
// that comes of it, for a key that was revoked elsewhere to be gone here in time: it
// ends within 10 s on every node. A look at a document that has not changed costs one
// read of storage and a hash.
const FollowInterval = 5 * time.Second

// FollowUnknown is for a token that Verify has refused: if it names a key that is not
// known here, which may be one that another node has made a moment ago, the vault
// looks into storage. It reports whether a new Snapshot knows the key; then Verify
// decides as ever. What does not have the form of our tokens is not looked for.
//
// All calls together read storage once a second at most, however many keys are named:
// a caller may have to wait for so long, and a few thousand callers do. An error says
// that the question could not be answered, of the token nothing is known then.
func (v *Vault) FollowUnknown(ctx context.Context, text string) (bool, error) {
	kid, ok := namedKey(text, v.opts.Algorithm)
	if !ok {
		return false, nil
	}
	h, found, err := v.doc.Find(ctx, kid)
	if err != nil {
		return false, fmt.Errorf("looking for the key of a token: %w", err)
	}
	if !found {
		return false, nil
	}
	now := v.opts.Now()
	for i, e := range h.entries {
		if e.key.kid == kid {
			return !v.over(h.entries, i, now), nil
		}
	}
	return false, nil
}

// namedKey returns the kid of a token that could be ours by its header: which is what
// [Key.headerOf] writes, to the last byte, for a kid that we do not know.
func namedKey(text string, alg Algorithm) (kid string, ok bool) {
	if len(text) > maxTokenBytes {
		return "", false
	}
	head, rest, _ := strings.Cut(text, ".")
	if strings.Count(rest, ".") != 1 || !inAlphabet(head) {
		return "", false
	}
	before, after := `{"alg":"`+string(alg)+`","kid":"`, `","typ":"JWT"}`
	if len(head) != base64.RawURLEncoding.EncodedLen(len(before)+kidLength+len(after)) {
		return "", false
	}
	raw, err := strictBase64.DecodeString(head)
	if err != nil {
		return "", false
	}
	kid, ok = strings.CutPrefix(string(raw), before)
	if !ok {
		return "", false
	}
	kid, ok = strings.CutSuffix(kid, after)
	return kid, ok && inAlphabet(kid)
}
