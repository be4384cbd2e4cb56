// kind.go: the four kinds of app, and what an app of each may do.

package wechattest

import (
	"maps"
	"slices"
)

// Kind is what an AppID belongs to. Each has its own way to a code, and calls that are refused to the others.
type Kind string

// The kinds of app. KindAny is ours: of an app that nobody named, everything is believed.
const (
	KindAny      Kind = ""
	KindMini     Kind = "mini"     // mini program or mini game: wx.login, jscode2session
	KindOfficial Kind = "official" // Official Account: pages inside WeChat, sns/oauth2
	KindWebsite  Kind = "website"  // Open Platform website: QR code, sns/oauth2
	KindMobile   Kind = "mobile"   // Open Platform mobile app: its SDK, sns/oauth2
)

// kinds lists the kinds an app can be said to be of.
var kinds = []Kind{KindMini, KindOfficial, KindWebsite, KindMobile}

// IsKind reports whether the text names a kind of app.
func IsKind(text string) bool { return slices.Contains(kinds, Kind(text)) }

// kind is [KindAny] only where any AppID goes, and for an app that nobody named.
func (s *Server) kind(appid string) Kind {
	if k, ok := s.opts.Kinds[appid]; ok {
		return k
	}
	if len(s.opts.Apps) > 0 {
		return KindMini
	}
	return KindAny
}

// is reports whether the app is of one of the kinds, or may be.
func (s *Server) is(appid string, kinds ...Kind) bool {
	k := s.kind(appid)
	return k == KindAny || slices.Contains(kinds, k)
}

// miniApps are the configured apps for which wx.login exists, by name.
func (s *Server) miniApps() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.opts.Apps)), func(appid string) bool { return !s.is(appid, KindMini) })
}
