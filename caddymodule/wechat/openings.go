// openings.go: what is open in a configuration is told when it is loaded.

package wechat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/openconfig"
)

// tellOpenings warns of all ways past the gate that can be told from the configuration,
// with the site and the path; see package openconfig.
func (a *App) tellOpenings() error {
	for _, problem := range a.readableKeys() {
		a.logger.Warn("open configuration: " + problem.Error())
	}
	findings, err := a.openings()
	if err != nil {
		return err
	}
	for _, finding := range findings {
		a.logger.Warn("open configuration: "+finding.Problem, zap.String("site", finding.Site), zap.String("path", finding.Path))
	}
	return nil
}

func (a *App) openings() ([]openconfig.Finding, error) {
	app, err := a.ctx.AppIfConfigured("http")
	switch {
	case errors.Is(err, caddy.ErrNotConfigured):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return openconfig.Find(app.(*caddyhttp.App).Servers, openconfig.Options{
		Unguarded: a.Unguarded, LoginRateByHand: !a.LoginRate.unset && a.LoginRate.Attempts > 0,
	}), nil
}

// readableKeys says which key files others may read, and where the Caddyfile names them.
func (a *App) readableKeys() (problems []error) {
	for _, file := range a.keyFiles() {
		if err := readableByOthers(file.option, file.path); err != nil {
			problems = append(problems, a.Lines.at(file.option, err))
		}
	}
	return problems
}

// keyFile is a file with a key, and the option that names it.
type keyFile struct{ option, path string }

func (a *App) keyFiles() (files []keyFile) {
	for _, path := range a.Token.keyFiles {
		files = append(files, keyFile{"token key_file", path})
	}
	for _, path := range a.sealFiles {
		files = append(files, keyFile{"seal_key_file", path})
	}
	return files
}

// readableByOthers says what is wrong with a key file that others than its owner may
// read; nil when nothing is.
func readableByOthers(option, path string) error {
	const others fs.FileMode = 0o044
	if runtime.GOOS == "windows" {
		return nil // rights are elsewhere there
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&others == 0 {
		return nil
	}
	return fmt.Errorf("%s %q can be read by other users of this machine (mode %#o), who can sign tokens with it: run  chmod 600 %[2]q", option, path, info.Mode().Perm())
}
