// bench_test.go: what the directive adds to a push, beside the reverse proxy.

package wechatpush_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatpush"
)

// Sealed pushes, each a message of its own, to a backend that takes no time. make bench
// with -relay has the whole of it, over sockets.
func BenchmarkPush(b *testing.B) {
	for _, store := range []string{"memory", "local"} {
		b.Run(store, func(b *testing.B) {
			key := strings.Repeat("A", 43)
			config := gatewaytest.Object{"store": store}
			if store == "local" {
				config["file"] = b.TempDir() + "/sessions.db"
			}
			ctx, _ := gatewaytest.Provision(b, gatewaytest.App(gatewaytest.Object{
				"apps":  []any{gatewaytest.Object{"appid": gatewaytest.AppID, "secret": gatewaytest.AppSecret, "push": gatewaytest.Object{"token": "AAAAA", "aes_key": key}}},
				"store": config,
			}))
			h := gatewaytest.Load[*wechatpush.Handler](b, ctx, "http.handlers.wechat_push", gatewaytest.Object{})
			next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				_, _ = io.Copy(io.Discard, r.Body)
				_, err := io.WriteString(w, "success")
				return err
			})
			requests := make([]*http.Request, b.N)
			for i := range requests {
				requests[i] = sealedRequest(b, key, i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, r := range requests {
				w := httptest.NewRecorder()
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
				if err := h.ServeHTTP(w, r, next); err != nil || w.Code != 200 || w.Body.String() != "success" {
					b.Fatal(err, w.Code, w.Body)
				}
			}
		})
	}
}

func sealedRequest(b *testing.B, aesKey string, i int) *http.Request {
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil {
		b.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	message := fmt.Sprintf(`{"ToUserName":"gh_97417a04a28d","FromUserName":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","CreateTime":1714112445,"MsgType":"text","Content":"hello world","MsgId":%d}`, 7_000_000_000_000_000_000+i)
	data := append(binary.BigEndian.AppendUint32([]byte("0123456789abcdef"), uint32(len(message))), message+gatewaytest.AppID...)
	pad := 32 - len(data)%32
	data = append(data, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(data, data)
	text, stamp := base64.StdEncoding.EncodeToString(data), strconv.FormatInt(time.Now().Unix(), 10)
	r := httptest.NewRequest("POST", "/push?encrypt_type=aes&timestamp="+stamp+"&nonce=1&msg_signature="+sha1Of([]string{"AAAAA", stamp, "1", text}), strings.NewReader(`{"ToUserName":"gh_97417a04a28d","Encrypt":"`+text+`"}`))
	r.Header.Set("Content-Type", "application/json")
	return r
}
