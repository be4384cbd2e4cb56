// corpus.go: how an attack is written down, and reading the files.

package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed corpus/*.json
var corpusFiles embed.FS

// attackCase is one attack, or one kind of honest request, as data. It is sent
// once for each site, protocol, path, credential and value of Vary: the product
// of them all.
//
// In every text of a request these are replaced, after the names of Vary:
//
//	{{nonce}}         what the backend's bytes are recognised by
//	{{host}} {{path}} the site's authority; the path of this kind
//	{{eve}} {{alice}} {{bob}}  openids: the attacker's claim, and two users
//	{{auth}}          the credential as a line, in Raw
//	{{token:<who>}}   a live token of alice, bob, or otherapp (alice's in the other app), or
//	                  careless, who writes hers into URLs
//	{{loggedout}} {{revoked}}  tokens whose session is over
//	{{forged:<name>}} a token of corpus/forgeries.json made from alice's
//	{{cookie}}        the name of the session cookie
//	{{code:<who>}}    a fresh code of wx.login
//	{{appid}} {{otherappid}}
//	{{bytes:<hex>}} {{repeat:<n>:<text>}}
//
// A field named "@300 X-Many" is sent 300 times.
type attackCase struct {
	Name  string // what the table shows
	Item  string // of the threat list: C3, H24, ...
	Story string // one sentence: who hopes for what

	// An honest request: it must have its effect, everywhere.
	Control bool

	Sites []string // names of sites.go. Default: bearer
	Over  []string // h1 (HTTP/1.1), h1s (in TLS), h2, h2c, h3. Default: all
	Only  string   // why not over the others, when the protocol cannot say it
	Paths []string // protected, public, endpoint, unknown. Default: all
	As    []string // nobody, alice (bearer), cookie (alice's). Default: nobody
	Vary  map[string]variants

	Method    string      // default GET
	Target    string      // default {{path}}?n={{nonce}}
	Pseudo    [][2]string // HTTP/2 and 3: instead of the usual pseudo-header fields
	Fields    [][2]string // in order. HTTP/2 and 3 get the names in lower case
	KeepCase  bool        // ... unless this is set
	HostField bool        // HTTP/1.1: Fields has the Host
	Body      string
	Chunked   bool // HTTP/1.1: in one chunk, without a length
	Trailers  [][2]string
	Split     int // HTTP/2: bytes of the header block in each frame; the rest are CONTINUATION

	// HTTP/1.1: the bytes, line by line, instead of all that; lines end in CRLF.
	Raw []string

	Breaks bool // the request itself breaks off: 502 is a proxy's word for that

	Expect expectation
}

// expectation is what must be seen; the zero value is that of a site which does
// its work, and gives nothing to the attacker: see judge.go.
type expectation struct {
	Upstream string // never, anonymous, or alice; default: what an honest request of this kind gets
	Status   []int  // the only answers allowed; 0 is a connection that was closed
	WeChat   string // never: WeChat must not be asked about this nonce
	Cookie   string // never: the answer must set none
}

// variants are the values of a name in Vary: a list, or "@name" for one of lists.go.
type variants []string

func (v *variants) UnmarshalJSON(text []byte) error {
	var name string
	if json.Unmarshal(text, &name) != nil {
		return json.Unmarshal(text, (*[]string)(v))
	}
	kind, argument, _ := strings.Cut(strings.TrimPrefix(name, "@"), " ")
	if list, ok := lists[kind]; ok {
		*v = list(argument)
	}
	if len(*v) == 0 {
		return fmt.Errorf("there is no list %q", name)
	}
	return nil
}

var (
	allProtocols = []string{"h1", "h1s", "h2", "h2c", "h3"}
	allPaths     = []string{"protected", "public", "endpoint", "unknown"}
	allSenders   = []string{"nobody", "alice", "cookie"}
)

// loadCorpus reads all cases. A misspelt member is an error: it would be an
// attack that is not made.
func loadCorpus() (cases []attackCase, err error) {
	names, err := fs.Glob(corpusFiles, "corpus/attack-*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var list []attackCase
		if err := readData(name, &list); err != nil {
			return nil, err
		}
		for i := range list {
			if err := list[i].complete(); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", name, list[i].Name, err)
			}
		}
		cases = append(cases, list...)
	}
	return cases, nil
}

func readData(name string, v any) error {
	text, err := corpusFiles.ReadFile(name)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// complete fills in the defaults and refuses what cannot be meant.
func (c *attackCase) complete() error {
	orAll := func(list *[]string, all ...string) {
		if len(*list) == 0 {
			*list = all
		}
	}
	orAll(&c.Sites, "bearer")
	if c.Raw != nil {
		orAll(&c.Over, "h1", "h1s")
	}
	orAll(&c.Over, allProtocols...)
	orAll(&c.Paths, allPaths...)
	orAll(&c.As, "nobody")
	switch {
	case c.Name == "" || c.Item == "" || c.Story == "":
		return fmt.Errorf("name, item and story are needed")
	case len(c.Over) < len(allProtocols) && c.Only == "":
		return fmt.Errorf("say in \"only\" why it is not sent over all protocols")
	case !within(c.Over, allProtocols), !within(c.Paths, allPaths), !within(c.As, allSenders):
		return fmt.Errorf("unknown protocol, path or sender")
	case !within([]string{c.Expect.Upstream}, []string{"", "never", "anonymous", "alice"}), !within([]string{c.Expect.WeChat, c.Expect.Cookie}, []string{"", "never"}):
		return fmt.Errorf("unknown expectation")
	}
	for _, site := range c.Sites {
		if !slices.ContainsFunc(sites, func(s siteSpec) bool { return s.name == site }) {
			return fmt.Errorf("there is no site %q", site)
		}
	}
	return nil
}

func within(list, all []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(all, s) })
}
