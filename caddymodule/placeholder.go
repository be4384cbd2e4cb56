// placeholder.go: texts of the configuration that stand somewhere else.

package caddymodule

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolveText replaces {env.*} and {file.*} in an option. Request data never
// comes near it. An error names the option and the placeholder, never a value.
func resolveText(option, text string) (string, error) {
	if !isPlaceholder(text) {
		return text, nil
	}
	resolved, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		// not Caddy's words: what it takes for a placeholder may be part of a secret
		return "", fmt.Errorf("%s: %s", option, whyUnresolved(text))
	}
	// a file ends with a line break that is not part of what it holds
	switch resolved = strings.TrimSpace(resolved); {
	case resolved == "":
		return "", fmt.Errorf("%s: %s", option, whyUnresolved(text))
	case strings.ContainsAny(resolved, "\r\n\x00"):
		return "", fmt.Errorf("%s: %s holds more than one line", option, placeholderForm.FindString(text))
	}
	return resolved, nil
}

// resolvePath is resolveText for an option that names a file. Whoever gives the
// content instead (a key in the variable, {file.*} around the path) must not
// find it in the error of a file that cannot be opened.
func resolvePath(option, text string) (string, error) {
	if strings.Contains(text, "{file.") {
		return "", fmt.Errorf("%s: write the path itself, without {file.}: the gateway reads the file", option)
	}
	path, err := resolveText(option, text)
	if err != nil || path == text {
		return path, err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s: what %s holds is not the path of a file that can be read", option, text)
	}
	return path, nil
}

// placeholderForm is what an option may hold in place of a text.
var placeholderForm = regexp.MustCompile(`\{(env|file)\.[^{}]+\}`)

// whyUnresolved says what to mend about a text whose placeholders came to nothing.
func whyUnresolved(text string) string {
	for _, placeholder := range placeholderForm.FindAllString(text, -1) {
		name, isEnv := strings.CutPrefix(placeholder, "{env.")
		if isEnv && os.Getenv(strings.TrimSuffix(name, "}")) == "" {
			return placeholder + " is not set or is empty: set the environment variable"
		}
		if content, known := caddy.NewReplacer().GetString(strings.Trim(placeholder, "{}")); !isEnv && (!known || strings.TrimSpace(content) == "") {
			return placeholder + " is empty or cannot be read: put the value into the file"
		}
	}
	return "the text in braces is no placeholder that can stand here: use {env.NAME} or {file./path}"
}

var appIDForm = regexp.MustCompile(`^wx[0-9a-fA-F]{16}$`)

func checkAppID(appid string) error {
	if !appIDForm.MatchString(appid) {
		const form = "an AppID is wx and 16 hexadecimal digits, as the mini program's console shows it"
		// whoever puts the secret first must not find it in the log
		if !strings.HasPrefix(appid, "wx") || len(appid) > 2*len("wx0123456789abcdef") {
			return errors.New("this is not an AppID: " + form)
		}
		return fmt.Errorf("%q is not an AppID: %s", appid, form)
	}
	return nil
}
