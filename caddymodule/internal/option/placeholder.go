// placeholder.go: texts of the configuration that stand somewhere else.

package option

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// ResolveText replaces {env.*} and {file.*} in an option. Request data never
// comes near it. An error names the option and the placeholder, never a value.
func ResolveText(option, text string) (string, error) {
	if !IsPlaceholder(text) {
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

// ResolvePath is ResolveText for an option that names a file. An operator who gives the
// content instead (a key in the variable, {file.*} around the path) must not
// find it in the error of a file that cannot be opened.
func ResolvePath(option, text string) (string, error) {
	if strings.Contains(text, "{file.") {
		return "", fmt.Errorf("%s: write the path itself, without {file.}: the gateway reads the file", option)
	}
	path, err := ResolveText(option, text)
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
