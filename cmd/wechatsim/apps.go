// apps.go: the flags that say something of one app: -app, -domain, -push.

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

var (
	appIDForm  = regexp.MustCompile(`^wx[0-9a-f]{16}$`)
	domainForm = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?$`)
	tokenForm  = regexp.MustCompile(`^[A-Za-z0-9]{3,32}$`)
	aesKeyForm = regexp.MustCompile(`^[A-Za-z0-9+/]{43}$`)
)

// addApp names no part of the value in its errors: what is misplaced may be the secret.
func addApp(options *wechattest.Options, value string) error {
	appid, secret, ok := strings.Cut(value, ":")
	kind := wechattest.KindMini
	if i := strings.LastIndexByte(secret, ':'); i >= 0 {
		if !wechattest.IsKind(secret[i+1:]) {
			return errors.New("the kind must be mini, official, website or mobile")
		}
		secret, kind = secret[:i], wechattest.Kind(secret[i+1:])
	}
	switch {
	case !ok:
		return errors.New("want appid:secret, or appid:secret:kind")
	case !appIDForm.MatchString(appid):
		return errors.New("the appid must be wx and 16 hex digits in lower case")
	case secret == "":
		return errors.New("the secret is empty")
	}
	if _, twice := options.Apps[appid]; twice {
		return fmt.Errorf("appid %s is given twice", appid)
	}
	if options.Apps == nil {
		options.Apps, options.Kinds = make(map[string]string), make(map[string]wechattest.Kind)
	}
	options.Apps[appid], options.Kinds[appid] = secret, kind
	return nil
}

// addDomain knows an app by its form only: without -app there is any.
func addDomain(options *wechattest.Options, value string) error {
	appid, host, ok := strings.Cut(value, ":")
	if err := known(options, appid); err != nil {
		return err
	}
	if !ok || !domainForm.MatchString(host) {
		return errors.New("want appid:host or appid:host:port, without a scheme or a path")
	}
	if options.RedirectDomains == nil {
		options.RedirectDomains = make(map[string][]string)
	}
	options.RedirectDomains[appid] = append(options.RedirectDomains[appid], host)
	return nil
}

// addPush, too, names no part of the value but the appid.
func addPush(options *wechattest.Options, value string) error {
	appid, rest, _ := strings.Cut(value, ":")
	if err := known(options, appid); err != nil {
		return err
	}
	token, aesKey, withKey := strings.Cut(rest, ":")
	switch {
	case !tokenForm.MatchString(token):
		return errors.New("want appid:token or appid:token:aeskey; the token is 3 to 32 letters and digits")
	case withKey && !aesKeyForm.MatchString(aesKey):
		return errors.New("the aeskey must be 43 characters of base64")
	}
	if _, twice := options.Pushes[appid]; twice {
		return fmt.Errorf("appid %s is given twice", appid)
	}
	if options.Pushes == nil {
		options.Pushes = make(map[string]wechattest.PushSecret)
	}
	options.Pushes[appid] = wechattest.PushSecret{Token: token, AESKey: aesKey}
	return nil
}

func known(options *wechattest.Options, appid string) error {
	if !appIDForm.MatchString(appid) {
		return errors.New("the appid must be wx and 16 hex digits in lower case")
	}
	if _, ok := options.Apps[appid]; !ok && len(options.Apps) > 0 {
		return fmt.Errorf("appid %s has no -app", appid)
	}
	return nil
}
