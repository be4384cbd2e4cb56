// qr.go: an address as a QR code.

package weblogin

import (
	"strconv"
	"strings"

	qr "github.com/piglig/go-qr"
)

// maxCoded bounds an address that is drawn: a longer one makes a code so dense
// that phones do not read it from a screen.
const maxCoded = 600

// quiet is the white border that readers need (ISO/IEC 18004), in modules.
const quiet = 4

// code is a QR code for SVG: a square of Size, and a path over its dark modules.
type code struct {
	Size int
	Path string
}

// newCode draws a text, or returns nil if it is too long for a readable code.
func newCode(text string) *code {
	if text == "" || len(text) > maxCoded {
		return nil
	}
	q, err := qr.EncodeText(text, qr.Low) // the library raises the level where it costs nothing
	if err != nil {
		return nil
	}
	var path strings.Builder
	for y := range q.Size() {
		for x := 0; x < q.Size(); x++ {
			if !q.Module(x, y) {
				continue
			}
			start := x
			for x < q.Size() && q.Module(x, y) {
				x++
			}
			width := strconv.Itoa(x - start)
			path.WriteString("M" + strconv.Itoa(start+quiet) + " " + strconv.Itoa(y+quiet) +
				"h" + width + "v1h-" + width + "z")
		}
	}
	return &code{Size: q.Size() + 2*quiet, Path: path.String()}
}
