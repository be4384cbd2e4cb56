// media.go: POST /cgi-bin/media/upload and GET /cgi-bin/media/get, files that WeChat keeps for three days.

package wechattest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
)

// mediaLimits are WeChat's (api_uploadtempmedia).
var mediaLimits = map[string]int{"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}

// Bounds of what is kept. Three days are WeChat's; the others are our choice: a larger file is taken, but cannot be
// fetched again.
const (
	mediaLifetime = 3 * day
	maxMedia      = 64
	maxKept       = 1 << 20
)

type media struct {
	appid, name string
	body        []byte
}

type mediaAnswer struct {
	Type      string `json:"type"`
	MediaID   string `json:"media_id"`
	CreatedAt int64  `json:"created_at"`
}

// mediaUpload follows the page api_uploadtempmedia: a multipart form whose part media is the file.
func (s *Server) mediaUpload(r request) answer {
	if r.method != http.MethodPost {
		return refuse(r.now, errNotPOST)
	}
	appid, errcode := s.authorizeFor(r, KindMini, KindOfficial)
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	kind := r.query.Get("type")
	limit, ok := mediaLimits[kind]
	if !ok {
		return refuse(r.now, errMediaType)
	}
	name, body, ok := mediaPart(r)
	switch {
	case !ok:
		return refuse(r.now, errMediaMissing)
	case len(body) == 0:
		return refuse(r.now, errMediaEmpty)
	case len(body) > limit:
		return refuse(r.now, errMediaSize)
	}
	id := randomText(base64url, 64)
	if len(body) <= maxKept {
		s.media.put(r.now, id, media{appid, name, body})
	}
	return succeed(mediaAnswer{kind, id, r.now.Unix()})
}

// mediaPart reads the file out of the form; a form that is cut off has none.
func mediaPart(r request) (name string, body []byte, ok bool) {
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return "", nil, false
	}
	form := multipart.NewReader(bytes.NewReader(r.body), params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			return name, body, ok && err == io.EOF
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return "", nil, false
		}
		if part.FormName() == "media" && part.FileName() != "" {
			name, body, ok = path.Base(part.FileName()), b, true
		}
	}
}

// mediaGet follows the page api_gettempmedia: the file itself, or JSON that refuses.
func (s *Server) mediaGet(r request) answer {
	if r.method != http.MethodGet {
		return refuse(r.now, errNotGET)
	}
	appid, errcode := s.authorizeFor(r, KindMini, KindOfficial)
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	m, ok := s.media.get(r.now, r.query.Get("media_id"))
	if !ok || m.appid != appid {
		return refuse(r.now, errMediaID)
	}
	return answer{status: http.StatusOK, contentType: http.DetectContentType(m.body), body: m.body,
		header: http.Header{"Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": m.name})}}}
}
