// kind.go: the kinds of apps that WeChat knows, and their words.

package session

// Kind is a kind of app. Its values are the words of the configuration.
type Kind string

const (
	Mini     Kind = "mini"     // mini program or mini game: codes of wx.login, session keys, open data
	Official Kind = "official" // Official Account: pages inside WeChat
	Website  Kind = "website"  // Open Platform website: QR codes
	Mobile   Kind = "mobile"   // Open Platform mobile app
)

// String returns the kind in words for people: "mini program", "Official
// Account", "website", "mobile app". The empty kind is a mini program; what is
// no kind is returned as it is.
func (k Kind) String() string {
	switch k {
	case Mini, "":
		return "mini program"
	case Official:
		return "Official Account"
	case Mobile:
		return "mobile app"
	}
	return string(k)
}

// orMini reads the empty kind: sessions had none before there were others.
func (k Kind) orMini() Kind {
	if k == "" {
		return Mini
	}
	return k
}
