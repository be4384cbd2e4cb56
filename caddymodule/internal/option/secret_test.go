package option

import (
	"os"
	"strings"
	"testing"
)

// What {$NAME} left in a Caddyfile must not be stored: the whole text, a part of a
// URL, and several parts.
func TestHideSecret(t *testing.T) {
	os.Clearenv()
	t.Setenv("SECRET", "00112233445566778899aabbccddeeff")
	t.Setenv("PASSWORD", "pa55word/1")
	t.Setenv("USER_NAME", "gateway-user")
	t.Setenv("LONGER", "pa55word/1 and more")
	t.Setenv("SHORT", "abc")
	t.Setenv("FOUR", "abcd")
	for text, want := range map[string]string{
		"00112233445566778899aabbccddeeff":   "{env.SECRET}",
		"redis://:pa55word/1@127.0.0.1:6379": "redis://:{env.PASSWORD}@127.0.0.1:6379",
		"redis://gateway-user:pa55word/1@h":  "redis://{env.USER_NAME}:{env.PASSWORD}@h",
		"pa55word/1 and more":                "{env.LONGER}",
		"abcd":                               "{env.FOUR}",
		"redis://:abcd@h":                    "redis://:abcd@h", // may be there by chance
		"abc":                                "abc",
		"{env.SECRET}":                       "{env.SECRET}",
		"{file./x}":                          "{file./x}",
		"unrelated":                          "unrelated",
		"00112233445566778899aabbccddeeff" + "pa55word": "{env.SECRET}pa55word",
	} {
		got, digest := HideSecret(text)
		if got != want {
			t.Errorf("HideSecret of a text of %d bytes = %q, want %q", len(text), got, want)
		}
		if (digest != "") != (got != text) {
			t.Errorf("%q has the digest %q", want, digest)
		}
		if digest == "" {
			continue
		}
		resolved, err := ResolveText("x", got)
		if err != nil || resolved != text || CheckDigest("x", got, resolved, digest) != nil {
			t.Errorf("%q does not resolve to what was hidden: %v", got, err)
		}
		if err := CheckDigest("x", got, resolved+"!", digest); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%q with another value: %v", got, err)
		}
	}
}

func TestNameShowsOnlyNames(t *testing.T) {
	for word, want := range map[string]string{
		"sesion_lifetime": ` "sesion_lifetime"`, "": "", "redis://:pw@host": "", "Secret": "",
		"00112233445566778899aabbccddeeff": "",
	} {
		if got := Name(word); got != want {
			t.Errorf("Name(%q) = %q, want %q", word, got, want)
		}
	}
}
