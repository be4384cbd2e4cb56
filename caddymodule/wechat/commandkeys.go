// commandkeys.go: `caddy wechat keys` and `caddy wechat token inspect`.

package wechat

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Lists, rotates or revokes the keys that sign tokens and seal sessions",
		Args:  cobra.NoArgs,
		RunE:  listKeys,
	}
	adminFlags(cmd)
	list := &cobra.Command{
		Use: "list", Short: "Lists the keys; the secret parts are not shown", Args: cobra.NoArgs,
		RunE: listKeys,
	}
	rotate := &cobra.Command{
		Use: "rotate", Short: "Makes a new key, which signs once all nodes have had the time to read it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			uri := "/wechat/keys/rotate"
			if seals, _ := cmd.Flags().GetBool("seal"); seals {
				uri += "?kind=seal"
			}
			return showKeys(cmd, http.MethodPost, uri)
		},
	}
	rotate.Flags().Bool("seal", false, "The key that seals sessions in the store, not the one that signs tokens")
	revoke := &cobra.Command{
		Use: "revoke <kid>", Short: "Takes a signing key out at once: every token that it signed ends", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := showKeys(cmd, http.MethodDelete, "/wechat/keys/"+url.PathEscape(args[0])); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), revokedNote)
			return nil
		},
	}
	for _, sub := range []*cobra.Command{list, rotate, revoke} {
		adminFlags(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

// revokedNote is for people: which key signed a session's token is not kept with it.
const revokedNote = "Every token of that key has ended. The sessions that they named are still listed by\n" +
	"\"caddy wechat sessions\" until they expire, but nobody can use them."

func listKeys(cmd *cobra.Command, _ []string) error {
	return showKeys(cmd, http.MethodGet, "/wechat/keys")
}

func showKeys(cmd *cobra.Command, method, uri string) error {
	var answer adminKeys
	raw, err := askAdmin(cmd, method, uri, &answer)
	if err != nil {
		return err
	}
	var rows []string
	for _, k := range answer.Keys {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", plain(k.KID), plain(string(k.Algorithm)), plain(string(k.State)), keyTime(k.Created), keyTime(k.ActiveFrom), keyTime(k.VerifiesUntil)))
	}
	for _, k := range answer.SealKeys {
		rows = append(rows, fmt.Sprintf("%s\tseal\t%s\t%s\t%s\t%s", plain(k.ID), plain(string(k.State)), keyTime(k.Created), keyTime(k.Created), keyTime(k.OpensUntil)))
	}
	return show(cmd, raw, "KEY\tUSE\tSTATE\tCREATED\tACTIVE FROM\tGOOD UNTIL", len(rows), func(i int) string { return rows[i] })
}

func keyTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.RFC3339)
}

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:          "token",
		Short:        "Looks into tokens",
		Args:         cobra.ArbitraryArgs,
		RunE:         needsSubcommand,
		SilenceUsage: true,
	}
	inspect := &cobra.Command{
		Use:   "inspect [<token> | -]",
		Short: "Shows what a token says, offline",
		Long: `Shows what a token says, offline.

Without an argument, or with -, the token is read from standard input. Prefer
that: arguments are seen by other users of the machine, and kept in the shell's
history. The signature is NOT checked, and whether the session still lives is
not asked: the session id that is shown can be asked for with
"caddy wechat sessions <session id>".`,
		Example: `  caddy wechat token inspect < token.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("give one token, or none and write it to standard input")
			}
			return nil
		},
		RunE: inspectToken,
	}
	inspect.Flags().Bool("json", false, "Print JSON, for scripts")
	inspect.SilenceUsage = true
	cmd.AddCommand(inspect)
	return cmd
}
