// placeholder.go: texts of the configuration that stand somewhere else.

package caddymodule

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolveText replaces {env.*} and {file.*} in an option. Request data never
// comes near it. An error names the option and the placeholder, never a value.
func resolveText(option, text string) (string, error) {
	if !strings.Contains(text, "{") {
		return text, nil
	}
	resolved, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return "", fmt.Errorf("%s: %v", option, err)
	}
	// a file ends with a line break that is not part of what it holds
	if resolved = strings.TrimSpace(resolved); resolved == "" {
		return "", fmt.Errorf("%s: %s is empty", option, text)
	}
	return resolved, nil
}

var appIDForm = regexp.MustCompile(`^wx[0-9a-fA-F]{16}$`)

func checkAppID(appid string) error {
	if !appIDForm.MatchString(appid) {
		return fmt.Errorf("%q is not an AppID: it is wx and 16 hexadecimal digits", appid)
	}
	return nil
}
