// commandcheck.go: `caddy wechat check`: asks a door as an attacker would.

package wechat

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/doorcheck"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check <url> [--token <file>|-] [--echo <url>] [--logout <url>]",
		Short: "Asks a wechat_check, or a page behind another proxy, as an attacker would",
		Long: `
Asks a wechat_check, or a page behind another proxy that must need a session, as an
attacker would: without a token, with broken ones, with odd hosts, paths and methods,
as somebody else. It says what got through and how to mend it, and exits with 1 then.
Name a page that is there and needs a session: only a gate's answer to a plain request
(401, or the way to a web login) shows a gate, and any other, such as 404, also ends
with 1.

With --token it also tries what a user could do; the token is read from a file, or with
- from standard input, never from the command line, which others can see. With --echo,
the URL of a page behind the same proxy that shows the headers of its request, it sees
what reaches the backend. With --logout, the URL of <prefix>/logout, it ends the token's
session, and sees whether an answer of before still lets it in.

Ask only servers that are yours: it sends some 300 requests, also with methods such as
DELETE, all of which must be refused. Where a plain request without a token gets through
already, or is answered by no gate, it says that and sends no others of the kind.`,
		Example: `  caddy wechat check http://127.0.0.1:9180/
  caddy wechat check https://api.example.com/me --token token.txt --echo https://api.example.com/echo`,
		Args: cobra.ExactArgs(1),
		RunE: runCheck,
	}
	cmd.Flags().String("token", "", "A file with a live token; - reads it from standard input")
	cmd.Flags().String("echo", "", "A page behind the proxy that shows the headers of its request")
	cmd.Flags().String("logout", "", "The URL of <prefix>/logout; ends the session of the token")
	cmd.Flags().Bool("insecure", false, "Take any certificate")
	cmd.SilenceUsage = true
	return cmd
}

// What the command ends with when anything got through, and when nothing can be said.
var (
	errThrough = errors.New("something got through")
	errNoGate  = errors.New("nothing shows a gate there")
)

func runCheck(cmd *cobra.Command, args []string) error {
	opts := doorcheck.Options{URL: args[0]}
	opts.Echo, _ = cmd.Flags().GetString("echo")
	opts.Logout, _ = cmd.Flags().GetString("logout")
	opts.Insecure, _ = cmd.Flags().GetBool("insecure")
	file, _ := cmd.Flags().GetString("token")
	var err error
	if opts.Token, err = tokenFrom(cmd, file); err != nil {
		return err
	}
	if opts.Token == "" && (opts.Echo != "" || opts.Logout != "") {
		return errors.New("--echo and --logout need --token: only a user's requests reach the backend")
	}
	report, err := doorcheck.Run(cmd.Context(), opts)
	if err != nil {
		return err
	}
	if err := report.Write(cmd.OutOrStdout()); err != nil || len(report.Findings) == 0 {
		return err
	}
	if report.Findings[0].NoGate {
		return errNoGate
	}
	return fmt.Errorf("%w: %d of %d questions", errThrough, len(report.Findings), report.Asked)
}

// tokenFrom reads the token from a file or from standard input.
func tokenFrom(cmd *cobra.Command, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	source := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", errors.New("--token takes the path of a file that holds the token, or - for standard input: the file cannot be read")
		}
		defer f.Close()
		source = f
	}
	text, err := io.ReadAll(io.LimitReader(source, 8<<10))
	token := strings.TrimPrefix(strings.Trim(string(text), " \t\r\n"), "Bearer ")
	if err == nil && (token == "" || strings.ContainsAny(token, " \t\r\n")) {
		err = errors.New("--token: what was read is no token")
	}
	return token, err
}
