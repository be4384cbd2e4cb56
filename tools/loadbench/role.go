// role.go: the two backends, which are this program in another process.

package main

import (
	"fmt"
	"net/http"
	"strings"
)

// roleArgument and an address make this program a backend: the site's on every
// path, and the one that forward_auth and auth_request ask on /check.
const roleArgument = "serve-as-backend"

var answer = []byte(`{"ok":true,"items":[1,2,3],"text":"a small answer of a backend"}` + "\n")

func serveRole(address string) error {
	// Built once and shared: the backends should cost little beside the proxies.
	contentType, openID := []string{"application/json"}, []string{"oABCDEFGHIJKLMNOPQRSTUVWXYZ1"}
	length := []string{fmt.Sprint(len(answer))}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.URL.Path == "/check" {
			// It knows nobody: no real check can be cheaper than this one.
			if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			h["X-Wechat-Openid"] = openID
			return
		}
		h["Content-Type"], h["Content-Length"] = contentType, length
		_, _ = w.Write(answer)
	})
	return http.ListenAndServe(address, handler)
}
