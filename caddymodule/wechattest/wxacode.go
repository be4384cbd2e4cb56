// wxacode.go: POST /wxa/getwxacodeunlimit: a picture when it goes well, JSON when it does not.

package wechattest

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"strings"
)

// sceneSigns beside letters and digits (api_getunlimitedqrcode).
const sceneSigns = "!#$&'()*+,/:;=?@-._~"

// wxaCode follows the page api_getunlimitedqrcode. The picture looks like a code, is the same for the same scene, and
// can be scanned by nobody.
func (s *Server) wxaCode(r request) answer {
	var in struct {
		Scene      string `json:"scene"`
		Page       string `json:"page"`
		EnvVersion string `json:"env_version"`
		Width      int    `json:"width"`
		IsHyaline  bool   `json:"is_hyaline"`
	}
	switch errcode := s.readPost(r, &in, KindMini); {
	case errcode != 0:
		return refuse(r.now, errcode)
	case in.Scene == "" || len(in.Scene) > 32 || strings.Trim(in.Scene, alphanumeric+sceneSigns) != "":
		return refuse(r.now, errScene)
	case strings.HasPrefix(in.Page, "/") || strings.Contains(in.Page, "?"):
		return refuse(r.now, errPage)
	case !strings.Contains("|develop|trial|release|", "|"+in.EnvVersion+"|") && in.EnvVersion != "":
		return refuse(r.now, errArguments)
	case in.Width != 0 && (in.Width < 280 || in.Width > 1280):
		return refuse(r.now, errArguments)
	}
	if in.Width == 0 {
		in.Width = 430
	}
	// a transparent picture is PNG, and every other JPEG, by which SDKs tell it from an error
	picture := drawCode(in.Page+"?"+in.Scene, in.Width)
	contentType, encode := "image/jpeg", func(b *bytes.Buffer) error { return jpeg.Encode(b, picture, nil) }
	if in.IsHyaline {
		contentType, encode = "image/png", func(b *bytes.Buffer) error { return png.Encode(b, picture) }
	}
	var body bytes.Buffer
	if err := encode(&body); err != nil {
		panic("wechattest: a picture cannot be encoded: " + err.Error())
	}
	return answer{status: http.StatusOK, contentType: contentType, body: body.Bytes()}
}

// drawCode makes a square of dots from the hash of the text, with a QR code's three corners.
func drawCode(text string, width int) *image.Paletted {
	const cells, margin, corner = 25, 2, 7
	picture := image.NewPaletted(image.Rect(0, 0, width, width), color.Palette{color.White, color.Black})
	bits := sha256.Sum256([]byte(text))
	dark := func(x, y int) bool {
		for _, at := range [][2]int{{0, 0}, {cells - corner, 0}, {0, cells - corner}} {
			if dx, dy := x-at[0], y-at[1]; dx >= -1 && dx <= corner && dy >= -1 && dy <= corner {
				ring := max(dx-3, 3-dx, dy-3, 3-dy) // 0 in the middle of the corner, 4 just outside
				return ring != 2 && ring != 4
			}
		}
		sum := sha256.Sum256([]byte{byte(x), byte(y)}) // which dot of the text's hash is here
		return bits[sum[0]%32]>>(sum[1]%8)&1 == 1
	}
	var rows [cells][cells]bool
	for y := range cells {
		for x := range cells {
			rows[y][x] = dark(x, y)
		}
	}
	for y := range width {
		for x := range width {
			cx, cy := x*(cells+2*margin)/width-margin, y*(cells+2*margin)/width-margin
			if cx >= 0 && cx < cells && cy >= 0 && cy < cells && rows[cy][cx] {
				picture.Pix[y*picture.Stride+x] = 1
			}
		}
	}
	return picture
}
