// appid.go: the form of an AppID.

package option

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// AppIDForm is the form of an AppID.
var AppIDForm = regexp.MustCompile(`^wx[0-9a-fA-F]{16}$`)

// CheckAppID refuses what is not an AppID.
func CheckAppID(appid string) error {
	if !AppIDForm.MatchString(appid) {
		const form = "an AppID is wx and 16 hexadecimal digits, as the mini program's console shows it"
		// an operator who puts the secret first must not find it in the log
		if !strings.HasPrefix(appid, "wx") || len(appid) > 2*len("wx0123456789abcdef") {
			return errors.New("this is not an AppID: " + form)
		}
		return fmt.Errorf("%q is not an AppID: %s", appid, form)
	}
	return nil
}
