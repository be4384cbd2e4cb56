// read.go: the content of a file the operator named, within bounds.

package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/fileaccess"
)

// maxBytes is far above any key; it bounds what a wrong path can cost.
const maxBytes = 64 << 10

// Read returns what a key file holds. Its errors continue a sentence that
// names the file: "is a directory". One that is not there is fs.ErrNotExist.
func Read(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("the path is empty")
	}
	file, err := os.Open(path)
	if err != nil {
		// The path is in the caller's words already; keep the cause alone.
		var perr *os.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("cannot be opened: %w: %s", err, fileaccess.Advice(path))
		}
		return nil, fmt.Errorf("cannot be opened: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a directory; name the file in it")
	}
	content, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(content) > maxBytes {
		return nil, errors.New("is too large to be a key")
	}
	return content, nil
}
