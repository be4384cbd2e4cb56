// wycheproof_test.go: the attacks on signatures that Project Wycheproof has
// collected, against our keys and our reading of a token.

package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
)

// wycheproofCase is one case: of a whole JWS, or of a message and its signature.
type wycheproofCase struct {
	ID       int `json:"tcId"`
	Comment  string
	JWS      string
	Msg, Sig string // hex
	Result   string
}

// What we refuse although a looser reader may take it, and what cannot be told
// from a good token.
var (
	// a "?" in header or payload, which other libraries skip
	wycheproofStricter = map[int]bool{372: true, 373: true}
	// byte for byte case 357, which is valid: the padding they are named for is not there
	wycheproofSame = map[int]bool{367: true, 370: true}
)

// A JWS of another's making never gets to our header rule's satisfaction, so
// that the signature check would not be tested at all. Here the rings take every
// header of the vectors for the key's own, whatever alg or jwk it names: what is
// refused is refused for its spelling or its signature. Reading claims comes
// after the signature: a refusal for those says that the signature was accepted.
func TestWycheproofJWS(t *testing.T) {
	valid, invalid := 0, 0
	type group struct {
		Comment string
		Key     struct{ Alg, K, X, Y, N, E string } // a JWK
		Tests   []wycheproofCase
	}
	for _, g := range wycheproof[group](t, "json_web_signature") {
		alg := Algorithm(g.Key.Alg)
		var key *Key
		switch alg {
		case HS256:
			key = anySecret(unb64(t, g.Key.K))
		case ES256:
			key = p256Key(t, append([]byte{4}, append(unb64(t, g.Key.X), unb64(t, g.Key.Y)...)...))
		case RS256:
			e := new(big.Int).SetBytes(unb64(t, g.Key.E))
			key = publicKey(t, alg, &rsa.PublicKey{N: new(big.Int).SetBytes(unb64(t, g.Key.N)), E: int(e.Int64())})
		}
		ring, _ := testRing(t, testKeys()[HS256])
		ring.byHeader = make(map[string]*Key)
		texts := make(map[int]string)
		for _, c := range g.Tests {
			header, _, _ := strings.Cut(c.JWS, ".")
			ring.byHeader[header] = key
			texts[c.ID] = c.JWS
		}
		for _, c := range g.Tests {
			text := c.JWS
			switch {
			case wycheproofSame[c.ID]:
				if text != texts[357] {
					t.Errorf("case %d (%s) is not case 357 any more: judge it", c.ID, c.Comment)
				}
				continue
			case wycheproofStricter[c.ID], c.Result == "invalid":
				invalid++
				refused(t, ring, g.Comment+" "+c.Comment, text, nil)
				payload := strings.Split(text+"..", ".")[1]
				if _, err := strictBase64.DecodeString(payload); err != nil {
					continue // a good signature of something that has two spellings
				}
				if _, err := ring.Verify(text); !badSignature.is(err) && !malformed.is(err) {
					t.Errorf("case %d (%s): the signature was accepted; refused only with %v", c.ID, c.Comment, err)
				}
			case c.Result == "valid":
				valid++
				if key.alg == ES256 {
					text = lowerTwin(t, text, func(high string) { refused(t, ring, "high s, "+c.Comment, high, badSignature) })
				}
				refused(t, ring, g.Comment+" "+c.Comment, text, wrongClaims)
			default:
				t.Errorf("case %d: result %q", c.ID, c.Result)
			}
		}
	}
	if valid != 18 || invalid != 292 {
		t.Errorf("%d valid and %d invalid cases; want 18 and 292", valid, invalid)
	}
}

// lowerTwin returns a token of ECDSA with the lower one of its two signatures.
// If the token came with the higher one, that is given to refuse first.
func lowerTwin(t *testing.T, text string, refuse func(string)) string {
	t.Helper()
	signed := text[:strings.LastIndexByte(text, '.')+1]
	sig, err := base64.RawURLEncoding.DecodeString(text[len(signed):])
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(sig)
	lowS(sig)
	if !bytes.Equal(before, sig) {
		refuse(text)
	}
	return signed + base64.RawURLEncoding.EncodeToString(sig)
}

// The primitive itself, where the JWS vectors have nothing: Ed25519.
func TestWycheproofEd25519(t *testing.T) {
	testWycheproofSignatures(t, "ed25519", 88, 63, func(key []byte) *Key {
		return publicKey(t, EdDSA, ed25519.PublicKey(key))
	})
}

// ECDSA signatures in the form of JWS, r and s: many more than the JWS vectors.
func TestWycheproofECDSA(t *testing.T) {
	testWycheproofSignatures(t, "ecdsa_secp256r1_sha256_p1363", 173, 89, func(key []byte) *Key { return p256Key(t, key) })
}

func testWycheproofSignatures(t *testing.T, file string, wantValid, wantInvalid int, read func([]byte) *Key) {
	type group struct {
		Key   string // hex
		Tests []wycheproofCase
	}
	valid, invalid := 0, 0
	for _, g := range wycheproof[group](t, file) {
		key := read(unhex(t, g.Key))
		for _, c := range g.Tests {
			msg, sig := string(unhex(t, c.Msg)), unhex(t, c.Sig)
			if c.Result == "invalid" {
				invalid++
				if key.verify(msg, sig) {
					t.Errorf("case %d (%s): accepted", c.ID, c.Comment)
				}
				continue
			}
			valid++
			if key.alg == ES256 {
				given := bytes.Clone(sig)
				if lowS(sig); !bytes.Equal(given, sig) && key.verify(msg, given) {
					t.Errorf("case %d (%s): the higher of two signatures is accepted", c.ID, c.Comment)
				}
			}
			if !key.verify(msg, sig) {
				t.Errorf("case %d (%s): a good signature is refused", c.ID, c.Comment)
			}
		}
	}
	if valid != wantValid || invalid != wantInvalid {
		t.Errorf("%d valid and %d invalid cases; want %d and %d", valid, invalid, wantValid, wantInvalid)
	}
}

// wycheproof reads a file of groups, one a line.
func wycheproof[G any](t *testing.T, name string) (groups []G) {
	t.Helper()
	text, err := os.ReadFile("testdata/wycheproof/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var g G
		if err := json.Unmarshal(line, &g); err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	return groups
}

func publicKey(t *testing.T, alg Algorithm, public any) *Key {
	t.Helper()
	key, err := NewKey(alg, public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func p256Key(t *testing.T, point []byte) *Key {
	t.Helper()
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return publicKey(t, ES256, public)
}

// anySecret goes round NewKey, which calls the vectors' secret of zeros weak.
func anySecret(secret []byte) *Key {
	return &Key{alg: HS256, method: HS256.method(), parts: func() keyParts { return keyParts{public: any(secret)} }}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
