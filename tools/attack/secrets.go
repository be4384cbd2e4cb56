// secrets.go: what nobody may be shown, and looking for it.

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"strings"
)

// secret is a text that may stand in no answer, log line or admin page.
type secret struct {
	what  string
	forms []string // as it is, and as it could be written
	token bool     // its owner gets it at the login
}

// hide adds a secret.
func (w *world) hide(what, text string) {
	s := secret{what: what, forms: []string{text}, token: strings.HasPrefix(what, "a token")}
	add := func(form string) {
		for _, known := range s.forms {
			if known == form {
				return
			}
		}
		s.forms = append(s.forms, form)
	}
	if !s.token {
		add(url.QueryEscape(text))
		add(base64.StdEncoding.EncodeToString([]byte(text)))
		add(hex.EncodeToString([]byte(text)))
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil && len(raw) >= 16 {
			add(hex.EncodeToString(raw))
			add(base64.RawURLEncoding.EncodeToString(raw))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, s)
}

// shown names the secrets that stand in a text. Tokens count when asked for.
func (w *world) shown(text string, tokens bool) (what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.secrets {
		if s.token && !tokens {
			continue
		}
		for _, form := range s.forms {
			if strings.Contains(text, form) {
				return s.what
			}
		}
	}
	return ""
}

// inLogs looks for secrets, tokens included, in all that the gateways have logged.
func (w *world) inLogs(check func(ok bool, format string, args ...any)) error {
	for name, g := range w.gateways {
		log, err := os.ReadFile(g.log)
		if err != nil {
			return err
		}
		found := 0
		for line := range bytes.Lines(log) {
			if what := w.shown(string(line), true); what != "" && found < 3 {
				found++
				check(false, "the log of %s shows %s: %.300s", name, what, line)
			}
		}
		check(found == 0 && len(log) > 1000, "the log of %s has %d bytes and %d secrets", name, len(log), found)
	}
	return nil
}
