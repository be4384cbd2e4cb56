// inspect.go: what a token says of itself, shown to somebody who was sent it.

package wechat

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
)

// inspectedToken is what a token says of itself.
type inspectedToken struct {
	Header  json.RawMessage `json:"header"`
	Payload json.RawMessage `json:"payload"`
	Expired bool            `json:"expired"`
}

// tokenParts are the members that the gateway writes.
type tokenParts struct {
	header struct {
		ALG string `json:"alg"`
		KID string `json:"kid"`
	}
	claims struct {
		ISS string `json:"iss"`
		SUB string `json:"sub"`
		AUD string `json:"aud"`
		IAT int64  `json:"iat"`
		EXP int64  `json:"exp"`
		JTI string `json:"jti"`
	}
}

var errNoTokenOfOurs = errors.New("this is no token of the gateway: its parts are not JSON objects in base64url, with each member at most once")

// inspectToken shows a token that anybody may have made: it is read as strictly as the
// gateway reads, where a member has one name and comes once, and shown as text that
// does nothing to a terminal.
func inspectToken(cmd *cobra.Command, args []string) error {
	var source io.Reader = cmd.InOrStdin()
	if len(args) == 1 && args[0] != "-" {
		source = strings.NewReader(args[0])
	}
	text, err := io.ReadAll(io.LimitReader(source, 8<<10))
	if err != nil {
		return err
	}
	t, parts, err := readToken(string(text))
	if err != nil {
		return err
	}
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		raw, err := json.Marshal(t)
		if err == nil {
			raw, err = plainJSON(raw)
		}
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(raw)
		return err
	}
	state := "not expired"
	if t.Expired {
		state = "EXPIRED"
	}
	header, claims := parts.header, parts.claims
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `algorithm   %s
key         %s
issuer      %s
app         %s
openid      %s
session     %s
issued      %s
expires     %s (%s)
The signature was not checked.
`, plain(header.ALG), plain(header.KID), plain(claims.ISS), plain(claims.AUD), plain(claims.SUB), plain(claims.JTI),
		unixTime(claims.IAT), unixTime(claims.EXP), state)
	return err
}

func readToken(text string) (t inspectedToken, parts tokenParts, err error) {
	// white space of a terminal and a header field around it, as it is pasted
	const blank = " \t\r\n"
	pieces := strings.Split(strings.Trim(strings.TrimPrefix(strings.Trim(text, blank), "Bearer "), blank), ".")
	if len(pieces) != 3 {
		return t, parts, errors.New("this is no token: a token has three parts with a dot between them")
	}
	for _, part := range []struct {
		text string
		raw  *json.RawMessage
		v    any
	}{{pieces[0], &t.Header, &parts.header}, {pieces[1], &t.Payload, &parts.claims}} {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part.text)
		if err != nil || len(decoded) == 0 || decoded[0] != '{' || strict.Unmarshal(decoded, part.v) != nil {
			return t, parts, errNoTokenOfOurs
		}
		*part.raw = decoded
	}
	t.Expired = !time.Now().Before(time.Unix(parts.claims.EXP, 0))
	return t, parts, nil
}
