// silenceper_test.go: github.com/silenceper/wechat/v2, whose addresses are constants. Its
// users give it an HTTP client (util.DefaultHTTPClient) that sends api.weixin.qq.com's
// calls to the relay. Its own util.SetURIModifier misses some calls, those for pictures
// among them.

package sdk

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/credential"
	miniprogram "github.com/silenceper/wechat/v2/miniprogram/config"
	minicontext "github.com/silenceper/wechat/v2/miniprogram/context"
	"github.com/silenceper/wechat/v2/miniprogram/qrcode"
	"github.com/silenceper/wechat/v2/miniprogram/security"
	official "github.com/silenceper/wechat/v2/officialaccount/config"
	officialcontext "github.com/silenceper/wechat/v2/officialaccount/context"
	"github.com/silenceper/wechat/v2/officialaccount/material"
	"github.com/silenceper/wechat/v2/util"
)

func TestSilenceper(t *testing.T) {
	const msgSecCheck = "/wxa/msg_sec_check"
	for name, handle := range map[string]func(appid, secret, prefix string, c cache.Cache) credential.AccessTokenContextHandle{
		"token": credential.NewDefaultAccessToken, "stable_token": credential.NewStableAccessToken,
	} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t)
			w.serve(t)
			kept := cache.NewMemory()
			token := handle(appMini, relayKey, credential.CacheKeyMiniProgramPrefix, kept)
			ctx := &minicontext.Context{Config: &miniprogram.Config{AppID: appMini, AppSecret: relayKey, Cache: kept}, AccessTokenContextHandle: token}
			text, err := token.GetAccessToken()
			if err != nil || text == "" {
				t.Fatalf("no token: %v", err)
			}

			before := w.done(t, msgSecCheck)
			check := func() error {
				_, err := security.NewSecurity(ctx).MsgCheck(&security.MsgCheckRequest{
					OpenID: "oSimXiaoming0000000000000000", Scene: security.MsgSceneComment, Content: "hello " + time.Now().String(),
				})
				return err
			}
			if err := check(); err != nil {
				t.Errorf("a JSON call: %v", err)
			}
			code, err := qrcode.NewQRCode(ctx).GetWXACodeUnlimit(qrcode.QRCoder{Scene: "a=1"})
			if err != nil || !bytes.HasPrefix(code, []byte("\xff\xd8")) {
				t.Errorf("a picture: %d bytes, %v", len(code), err)
			}

			// the token dies at WeChat, under a call
			w.dies(t, msgSecCheck)
			if err := check(); err != nil {
				t.Errorf("while the token dies: %v", err)
			}
			if after := w.done(t, msgSecCheck); after.Count != before.Count+2 || after.Repeated != before.Repeated {
				t.Errorf("WeChat has done %+v calls after %+v; want two more, none again", after, before)
			}

			// what this relay does not know is refused, and the SDK tells its caller so
			if err := kept.Set(tokenKey(name), "no-token-of-this-relay", time.Hour); err != nil {
				t.Fatal(err)
			}
			if err := check(); err == nil {
				t.Error("a token that the relay does not know is good")
			}
			if err := kept.Delete(tokenKey(name)); err != nil {
				t.Fatal(err)
			}
			if err := check(); err != nil {
				t.Errorf("with a new token: %v", err)
			}
		})
	}

	t.Run("an upload", func(t *testing.T) {
		w := startWorld(t)
		w.serve(t)
		kept := cache.NewMemory()
		ctx := &officialcontext.Context{
			Config:            &official.Config{AppID: appOfficial, AppSecret: relayKey, Cache: kept},
			AccessTokenHandle: credential.NewDefaultAccessToken(appOfficial, relayKey, credential.CacheKeyOfficialAccountPrefix, kept),
		}
		media, err := material.NewMaterial(ctx).MediaUpload(material.MediaTypeImage, picture(t))
		if err != nil || media.MediaID == "" {
			t.Errorf("%+v, %v", media.Type, err)
		}
	})

	t.Run("a wrong key", func(t *testing.T) {
		w := startWorld(t)
		w.serve(t)
		token := credential.NewDefaultAccessToken(appMini, "not-the-key-of-this-relay", credential.CacheKeyMiniProgramPrefix, cache.NewMemory())
		if text, err := token.GetAccessToken(); err == nil {
			t.Errorf("a token of %d characters", len(text))
		}
	})
}

// serve makes the relay WeChat's host for the SDK.
func (w world) serve(t *testing.T) {
	t.Helper()
	relay, err := url.Parse(w.relay)
	if err != nil {
		t.Fatal(err)
	}
	usual := util.DefaultHTTPClient
	util.DefaultHTTPClient = &http.Client{Transport: toRelay{relay}}
	t.Cleanup(func() { util.DefaultHTTPClient = usual })
}

// toRelay is the transport of such a client.
type toRelay struct{ relay *url.URL }

func (to toRelay) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "api.weixin.qq.com" {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = to.relay.Scheme, to.relay.Host, ""
	}
	return http.DefaultTransport.RoundTrip(r)
}

// tokenKey is where the SDK keeps its token.
func tokenKey(endpoint string) string {
	kind := map[string]string{"token": "_access_token_", "stable_token": "_stable_access_token_"}[endpoint]
	return credential.CacheKeyMiniProgramPrefix + kind + appMini
}
