package wechat

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// hostile is what a terminal obeys, or what makes a line look like another one.
var hostile = []string{
	"\x1b[8m", "\x1b]0;pwned\a", "x\nThe signature was checked: VALID", "\r", "\t", "\x9b8m", "\u009b8m", "\u202eabc", "\u2028", "\x7f", "\x00",
	"\xff", "微", "\u200b", "\U000e0041", "\b\b\b",
}

// obeyed is what of a text a terminal may obey.
func obeyed(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= ' ' && c <= '~' || c == '\n' {
			return -1
		}
		return c
	}, text)
}

func inspected(t *testing.T, text string, args ...string) (string, error) {
	t.Helper()
	cmd := tokenCommand()
	hideTokens(cmd)
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(text))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true
	cmd.SetArgs(append([]string{"inspect"}, args...))
	err := cmd.Execute()
	return out.String(), err
}

func tokenOf(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + ".AAAA"
}

// A support person pastes what a user has sent. Nothing in it moves the terminal, and
// no line says what the command does not say.
func TestInspectHostileToken(t *testing.T) {
	for _, text := range hostile {
		if strings.ToValidUTF8(text, "") != text {
			if out, err := inspected(t, tokenOf(`{"alg":"HS256"}`, `{"sub":"`+text+`"}`)); err == nil || obeyed(out+err.Error()) != "" {
				t.Errorf("%q, which is no UTF-8: %v, %q", text, err, out)
			}
			continue
		}
		quoted, _ := json.Marshal(text)
		for _, member := range []string{"iss", "sub", "aud", "jti", "alg", "kid"} {
			object := `{"` + member + `":` + string(quoted) + `}`
			for _, args := range [][]string{nil, {"--json"}} {
				out, err := inspected(t, tokenOf(object, object), args...)
				if err != nil || obeyed(out) != "" || strings.Count(out, "\n") > 9 || strings.Contains(out, "\nThe signature was checked") {
					t.Errorf("%s of %q, %v: %v\n%s", member, text, args, err, out)
				}
			}
		}
	}
}

// A token is read as the gateway reads it: one that could be read in two ways is none.
func TestInspectIsStrict(t *testing.T) {
	good := `{"alg":"HS256","kid":"k"}`
	for _, payload := range []string{`{"sub":"a","sub":"b"}`, `{"sub":1}`, `["a"]`, `"a"`, `null`, ``, `{"sub":"a"} {}`, `{"sub":"a",}`, `{"sub":"\ud800"}`} {
		if out, err := inspected(t, tokenOf(good, payload)); err == nil {
			t.Errorf("%s is taken for\n%s", payload, out)
		}
		if out, err := inspected(t, tokenOf(strings.ReplaceAll(payload, "sub", "alg"), `{}`)); err == nil {
			t.Errorf("header %s is taken for\n%s", payload, out)
		}
	}
	out, err := inspected(t, tokenOf(good, `{"sub":"oALICE","SUB":"oVICTIM","Sub":"oVICTIM"}`))
	if err != nil || !strings.Contains(out, "openid      oALICE\n") || strings.Contains(out, "oVICTIM") {
		t.Errorf("another case of a name: %v\n%s", err, out)
	}
	if _, err := inspected(t, "\u2000"+tokenOf(good, `{}`)); err == nil {
		t.Error("what is no blank is taken for one")
	}
}

// The endpoint that a command asks may be anybody's.
func TestHostileAnswers(t *testing.T) {
	for _, text := range hostile {
		if got := plain(text); obeyed(got) != "" || strings.Contains(got, "\n") {
			t.Errorf("plain(%q) = %q", text, got)
		}
		quoted, _ := json.Marshal(map[string]string{text: text})
		for _, raw := range []string{string(quoted), string(quoted) + "\n", `{"a":"` + strings.TrimFunc(text, func(c rune) bool { return c < ' ' }) + `"}`} {
			if !json.Valid([]byte(raw)) {
				continue
			}
			got, err := plainJSON([]byte(raw))
			var one, other any
			if err != nil || obeyed(string(got)) != "" || json.Unmarshal([]byte(raw), &one) != nil || json.Unmarshal(got, &other) != nil {
				t.Errorf("plainJSON(%q) = %q, %v", raw, got, err)
			}
		}
		cmd := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return errors.New("it says " + text) }, SilenceErrors: true, SilenceUsage: true}
		hideTokens(cmd)
		cmd.SetArgs(nil)
		if err := cmd.Execute(); err == nil || obeyed(err.Error()) != "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("an error with %q: %v", text, err)
		}
	}
	if got := plain("oGZUI0egBJY1zhBYw2KhdUfwVJJE-_ \"x\" \\"); got != "oGZUI0egBJY1zhBYw2KhdUfwVJJE-_ \"x\" \\" {
		t.Errorf("a plain text becomes %q", got)
	}
	if _, err := plainJSON([]byte("<html>")); err == nil {
		t.Error("HTML is taken for JSON")
	}
}
