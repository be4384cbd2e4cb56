// state.go: the state of a login: what WeChat hands back, and by which a site
// in front of many knows the one that began.

package weblogin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// WeChat takes up to 128 bytes of [a-zA-Z0-9] and changes other characters on
// the way (网页授权 page; community reports), so a state is
//
//	nonce (26 characters of base32: 130 random bits) | tag of the site's origin (16 of hex)
const (
	nonceLength = 26
	tagLength   = 16
	stateLength = nonceLength + tagLength
)

// newState makes the state of one login at a site.
func newState(site Origin) string { return rand.Text() + siteTag(site) }

// siteTag names an origin in a state. It is no secret and no proof: it tells
// the site in front of many where a login goes on, and that site goes nowhere
// but to the origins that it was configured with. The login cookie proves.
func siteTag(site Origin) string {
	sum := sha256.Sum256([]byte("wechat gateway: web login of " + site.String()))
	return hex.EncodeToString(sum[:tagLength/2])
}

// validState reports whether a text can be a state of ours.
func validState(state string) bool {
	if len(state) != stateLength {
		return false
	}
	for i := range len(state) {
		if !isAlphanumeric(state[i]) {
			return false
		}
	}
	return true
}

// Sites are the sites to which the site that is registered with WeChat passes
// returns on (option "for"). It is immutable.
type Sites struct{ byTag map[string]Origin }

// NewSites makes Sites.
func NewSites(origins ...Origin) Sites {
	s := Sites{byTag: make(map[string]Origin, len(origins))}
	for _, o := range origins {
		s.byTag[siteTag(o)] = o
	}
	return s
}

// Began returns the site that began the login with a state, or false if it is
// none of these.
func (s Sites) Began(state string) (Origin, bool) {
	if !validState(state) {
		return Origin{}, false
	}
	o, ok := s.byTag[state[nonceLength:]]
	return o, ok
}
