// ascii_test.go: case, length, and a letter that only Unicode takes for another.

package ascii

import "testing"

func TestEqual(t *testing.T) {
	for text, want := range map[string]bool{
		"bearer": true, "BEARER": true, "bEaReR": true,
		"": false, "bearer ": false, "beare": false, "@earer": false, "be\u0430rer": false, "bear\xc5r": false,
	} {
		if got := Equal(text, "bearer"); got != want {
			t.Errorf("%q: %v; want %v", text, got, want)
		}
	}
	if Equal("to\u212aen", "token") {
		t.Error("the Kelvin sign is taken for a K")
	}
	if Equal("[", "{") || Equal("@", "`") {
		t.Error("signs beside the letters are folded")
	}
}
