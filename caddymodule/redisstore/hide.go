// hide.go: what came from the environment stays out of the stored configuration, and
// out of errors.

package redisstore

import (
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

// hideURL writes {env.NAME} where {$NAME} left a password in a URL: for the password,
// for the account, or for all that holds the scheme. The host is no secret, and may be
// in some variable of the adapter's environment by chance.
func hideURL(text string) string {
	if hidden, _ := option.HideSecret(text); !strings.Contains(hidden, "://") {
		return hidden
	}
	scheme, rest, ok := strings.Cut(text, "://")
	at := strings.LastIndexByte(rest, '@')
	if !ok || at < 0 {
		return text
	}
	account, place := rest[:at], rest[at:]
	user, password, _ := strings.Cut(account, ":")
	if hidden, _ := option.HideSecret(password); hidden != password {
		return scheme + "://" + user + ":" + hidden + place
	}
	account, _ = option.HideSecret(account)
	return scheme + "://" + account + place
}

// hideURLs returns the URLs to keep. Of those whose password is hidden, s has nothing
// else from then on; of the others s keeps the text, which can be checked.
func (s *Store) hideURLs() (urls []string) {
	for i, text := range s.URLs {
		hidden := hideURL(text)
		urls = append(urls, hidden)
		if _, rest, ok := strings.Cut(hidden, "://"); ok && strings.Contains(rest, "{") && hasPassword(text) {
			s.URLs[i] = hidden
		}
	}
	return urls
}

// hasPassword tells whether there is a colon in a URL's account.
func hasPassword(text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	at := strings.LastIndexByte(rest, '@')
	return at >= 0 && strings.Contains(rest[:at], ":")
}

// not is the end of an error about a word that is wrong: it quotes the word, unless that
// may be a URL or a password that slipped there.
func not(word string) string {
	if name := option.Name(word); name != "" {
		return ", not" + name
	}
	return ""
}

// unknown begins the error about an option that there is not.
func unknown(word string) string { return "unknown option" + option.Name(word) }
