// command.go: `caddy wechat`, the operator's commands. All but "token inspect"
// ask the admin endpoint of a running gateway.

package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/version"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "wechat",
		Usage: "sessions|revoke|token|keys|check|doctor|version",
		Short: "Looks after the sessions and keys of the WeChat login gateway",
		Long: `
Looks after the sessions and keys of the WeChat login gateway.

The commands talk to the admin endpoint of a running Caddy, by default
localhost:2019; say --address where it is another. "token inspect" and "version"
work offline.

They exit with 0 when they did what was asked, and with 1 when they could not;
the reason is on standard error.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args, cmd.RunE, cmd.SilenceUsage = cobra.ArbitraryArgs, needsSubcommand, true
			cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
				return fmt.Errorf("%w (what begins with a dash and is no option goes last, behind --: %s -- <id>)", withoutTokens(err), cmd.CommandPath())
			})
			cmd.AddCommand(sessionsCommand(), revokeCommand(), tokenCommand(), keysCommand(), checkCommand(), doctorCommand(), versionCommand())
			hideTokens(cmd)
		},
	})
}

// hideTokens keeps tokens out of every error of a command and of those below it:
// cobra and the admin endpoint quote what they do not know.
func hideTokens(cmd *cobra.Command) {
	hide := func(check func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
		if check == nil {
			return nil
		}
		return func(cmd *cobra.Command, args []string) error { return withoutTokens(check(cmd, args)) }
	}
	cmd.Args, cmd.RunE = hide(cmd.Args), hide(cmd.RunE)
	for _, sub := range cmd.Commands() {
		hideTokens(sub)
	}
}

// tokenForm finds tokens, whole or in part: their header is JSON and begins so.
var tokenForm = regexp.MustCompile(`eyJ[A-Za-z0-9_.=-]{8,}`)

// withoutTokens returns err with every token in its text replaced, and with nothing in
// it that a terminal would obey.
func withoutTokens(err error) error {
	if err == nil {
		return nil
	}
	text := plain(strings.TrimRight(err.Error(), "\n"))
	if text = tokenForm.ReplaceAllString(text, "[token]"); text == err.Error() {
		return err
	}
	return errors.New(text)
}

// needsSubcommand is what a command does that is only the roof over others.
func needsSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 { // not which: it may be a token
		return fmt.Errorf("there is no such command: see %s --help", cmd.CommandPath())
	}
	return cmd.Help()
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Prints the version of the gateway in this binary",
		Long: `Prints the version of the gateway in this binary, which is not Caddy's. A gateway
that runs tells it in its log when it starts, and in its metrics as
caddy_wechat_build_info.`,
		Example: "  caddy wechat version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version.String())
			return err
		},
		SilenceUsage: true,
	}
}

// adminFlags are those of all commands that talk to the admin endpoint.
func adminFlags(cmd *cobra.Command) {
	cmd.Flags().String("address", "", "The address of the admin endpoint (default localhost:2019)")
	cmd.Flags().String("config", "", "Take the address from this configuration file")
	cmd.Flags().String("adapter", "", "The adapter of that file")
	cmd.Flags().Bool("json", false, "Print JSON, for scripts")
	cmd.SilenceUsage = true
}

func sessionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions (<session id> | <appid> <openid> | --appid <appid> --openid <openid>)",
		Short: "Lists the sessions of a user, or shows one",
		Long: `Lists the sessions of a user, or shows one: those that have neither expired nor ended
by a logout, by "caddy wechat revoke" or to make room for a newer one.

A session whose token was signed by a key that "caddy wechat keys revoke" took out, or
whose file is no longer among those of key_file, stays in the list until it expires. It
logs nobody in.`,
		Example: `  caddy wechat sessions wx0123456789abcdef oABC
  caddy wechat sessions --appid wx0123456789abcdef --openid oABC
  caddy wechat sessions ba1UFA9IXPZ2ySAMi0OfEg --json`,
		Args: cobra.MaximumNArgs(2),
	}
	adminFlags(cmd)
	userFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		appid, openid, err := userOrID(cmd, args)
		if err != nil {
			return err
		}
		var answer struct {
			Sessions []adminSession `json:"sessions"`
		}
		var raw []byte
		if len(args) == 1 {
			answer.Sessions = make([]adminSession, 1)
			raw, err = askAdmin(cmd, http.MethodGet, "/wechat/sessions/"+url.PathEscape(args[0]), &answer.Sessions[0])
		} else {
			query := url.Values{"appid": {appid}, "openid": {openid}}
			raw, err = askAdmin(cmd, http.MethodGet, "/wechat/sessions?"+query.Encode(), &answer)
		}
		if err != nil {
			return err
		}
		return show(cmd, raw, "SESSION\tAPP\tOPENID\tUNIONID\tISSUED\tEXPIRES", len(answer.Sessions), func(i int) string {
			s := answer.Sessions[i]
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", plain(s.ID), plain(s.AppID), plain(s.OpenID), orDash(plain(s.UnionID)), unixTime(s.IssuedAt), unixTime(s.ExpiresAt))
		})
	}
	return cmd
}

func revokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke (<session id> | <appid> <openid> | --appid <appid> --openid <openid>)",
		Short: "Ends one session, or all sessions of a user",
		Example: `  caddy wechat revoke ba1UFA9IXPZ2ySAMi0OfEg
  caddy wechat revoke wx0123456789abcdef oABC
  caddy wechat revoke --appid wx0123456789abcdef --openid oABC`,
		Args: cobra.MaximumNArgs(2),
	}
	adminFlags(cmd)
	userFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		appid, openid, err := userOrID(cmd, args)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			if _, err := askAdmin(cmd, http.MethodDelete, "/wechat/sessions/"+url.PathEscape(args[0]), nil); err != nil {
				return err
			}
			return printDone(cmd, map[string]any{"session": args[0]}, "The session has ended.")
		}
		var answer struct {
			Ended int `json:"ended"`
		}
		if _, err := askAdmin(cmd, http.MethodDelete, "/wechat/users/"+url.PathEscape(appid)+"/"+url.PathEscape(openid), &answer); err != nil {
			return err
		}
		return printDone(cmd, map[string]any{"ended": answer.Ended}, fmt.Sprintf("Sessions ended: %d", answer.Ended))
	}
	return cmd
}

func userFlags(cmd *cobra.Command) {
	cmd.Flags().String("appid", "", "The AppID of the mini program")
	cmd.Flags().String("openid", "", "The openid of the user")
}

// userOrID takes a session id, or an app and an openid, and nothing between. How
// many arguments there are says which. It quotes none: it may be a token.
func userOrID(cmd *cobra.Command, args []string) (appid, openid string, err error) {
	appid, _ = cmd.Flags().GetString("appid")
	openid, _ = cmd.Flags().GetString("openid")
	switch {
	case len(args) == 1 && appid == "" && openid == "" && option.AppIDForm.MatchString(args[0]):
		return "", "", fmt.Errorf("this is an AppID: say which user's sessions, by the openid behind it:  %s <appid> <openid>", cmd.CommandPath())
	case len(args) == 1 && appid == "" && openid == "":
		if !session.ValidID(args[0]) {
			return "", "", errors.New("this is not a session id: it has 33 characters, as in the log and in the list of a user")
		}
	case len(args) == 2 && appid == "" && openid == "":
		if appid, openid = args[0], args[1]; !option.AppIDForm.MatchString(appid) || openid == "" {
			return "", "", errors.New("two arguments are an AppID (wx and 16 hexadecimal digits) and an openid, in this order")
		}
	case len(args) == 0 && appid != "" && openid != "":
	default:
		return "", "", errors.New("give a session id, or an AppID and an openid")
	}
	return appid, openid, nil
}

// askAdmin asks the admin endpoint and reads its JSON into v, unless v is nil.
func askAdmin(cmd *cobra.Command, method, uri string, v any) ([]byte, error) {
	address, _ := cmd.Flags().GetString("address")
	config, _ := cmd.Flags().GetString("config")
	adapter, _ := cmd.Flags().GetString("adapter")
	address, err := caddycmd.DetermineAdminAPIAddress(address, nil, config, adapter)
	if err != nil {
		return nil, fmt.Errorf("finding the admin endpoint: %v", err)
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, uri, nil, nil)
	if err != nil {
		return nil, described(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if v != nil {
		if err := json.Unmarshal(body, v); err != nil {
			return nil, errors.New("the admin endpoint answered what is not JSON: is it a gateway?")
		}
	}
	return body, nil
}

// described is what the gateway said for people, where an error of the admin endpoint
// holds that: Caddy's is the whole answer, as JSON.
func described(err error) error {
	said, answer, _ := strings.Cut(err.Error(), "{")
	var refused struct {
		Description string `json:"error_description"`
	}
	if json.Unmarshal([]byte("{"+answer), &refused) != nil || refused.Description == "" {
		return err
	}
	return errors.New(said + refused.Description)
}

// show writes a table for people, or the answer itself for scripts.
func show(cmd *cobra.Command, raw []byte, header string, rows int, row func(int) string) error {
	out := cmd.OutOrStdout()
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		text, err := plainJSON(raw)
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	if rows == 0 {
		_, err := fmt.Fprintln(out, "none")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, header)
	for i := range rows {
		fmt.Fprintln(table, row(i))
	}
	return table.Flush()
}

func printDone(cmd *cobra.Command, answer any, sentence string) error {
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(answer)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), sentence)
	return err
}

func unixTime(seconds int64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Unix(seconds, 0).Format(time.RFC3339)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
