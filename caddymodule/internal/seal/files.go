// files.go: secrets from the operator's files.

package seal

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/secretfile"
)

// LoadFiles reads one secret from each file, in order: the first seals, all
// open. A secret is hex, else base64, else raw bytes, one trailing newline
// ignored, and at least 32 random bytes long. Errors name the file and never
// show what it holds.
//
// With several nodes, give a new file to all of them in second place before it
// goes to the first anywhere.
func LoadFiles(paths ...string) (*Keys, error) {
	if len(paths) == 0 {
		return nil, errors.New("no seal key file is named")
	}
	list := make([]*key, 0, len(paths))
	seen := map[keyID]string{}
	for _, path := range paths {
		k, err := loadFile(path)
		if err != nil {
			return nil, fmt.Errorf("seal key file %q: %w", path, err)
		}
		if other, dup := seen[k.id]; dup {
			return nil, fmt.Errorf("seal key file %q: holds the same key as %q; remove one of them", path, other)
		}
		seen[k.id] = path
		list = append(list, k)
	}
	return assemble(list)
}

func loadFile(path string) (*key, error) {
	content, err := secretfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; make it with: openssl rand -hex 32 > FILE", err)
	}
	if err != nil {
		return nil, err
	}
	secret, err := secretfile.Parse(content)
	if err != nil {
		return nil, err
	}
	return newKey(secret)
}
